package query

import (
	"encoding/json"
	"math"
	"strings"
	"unicode/utf8"
)

// The functions themselves. An argument of a kind that a function cannot use makes it undefined;
// only the IS_ functions look at any value.

func isKind(from, to kind) func([]any) any {
	return func(args []any) any {
		k := kindOf(args[0])
		return from <= k && k <= to
	}
}

func onNumber(f func(float64) float64) func([]any) any {
	return func(args []any) any {
		if x, ok := args[0].(float64); ok {
			return finite(f(x))
		}
		return undefined
	}
}

func onString[R any](f func(string) R) func([]any) any {
	return func(args []any) any {
		if s, ok := args[0].(string); ok {
			return f(s)
		}
		return undefined
	}
}

func onStrings[R any](f func(a, b string) R) func([]any) any {
	return func(args []any) any {
		a, aok := args[0].(string)
		b, bok := args[1].(string)
		if !aok || !bok {
			return undefined
		}
		return f(a, b)
	}
}

// Positions and lengths are in characters.

func length(s string) float64 { return float64(utf8.RuneCountInString(s)) }

func indexOf(s, fragment string) float64 {
	i := strings.Index(s, fragment)
	if i < 0 {
		return -1
	}
	return length(s[:i])
}

// substring takes the text, where to start, and how many characters; without the last, all the
// rest. What lies outside of the text is left out.
func substring(args []any) any {
	text, ok := args[0].(string)
	start, sok := args[1].(float64)
	if !ok || !sok || start < 0 {
		return undefined
	}
	count := math.Inf(1)
	if len(args) == 3 {
		if count, ok = args[2].(float64); !ok || count < 0 {
			return undefined
		}
	}
	runes := []rune(text)
	end := float64(len(runes))
	start = math.Min(start, end)
	return string(runes[int(start):int(math.Min(start+math.Trunc(count), end))])
}

func concat(args []any) any {
	var b strings.Builder
	for _, a := range args {
		s, ok := a.(string)
		if !ok {
			return undefined
		}
		b.WriteString(s)
	}
	return b.String()
}

func power(args []any) any {
	x, xok := args[0].(float64)
	y, yok := args[1].(float64)
	if !xok || !yok {
		return undefined
	}
	return finite(math.Pow(x, y))
}

func sign(f float64) float64 {
	switch {
	case f > 0:
		return 1
	case f < 0:
		return -1
	default:
		return 0
	}
}

// asNumber leaves a number alone and reads a string that is one, as JSON writes it.
func asNumber(args []any) any {
	switch v := args[0].(type) {
	case float64:
		return v
	case string:
		var f *float64
		if json.Unmarshal([]byte(v), &f) == nil && f != nil {
			return *f
		}
	}
	return undefined
}
