package expr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// TimeLayout is how a time is written when it becomes JSON.
const TimeLayout = "2006-01-02T15:04:05.000Z07:00"

// ToJSON turns a value of an expression or of a step into plain JSON: nil, bool, float64, string,
// []any and map[string]any. Times become RFC 3339 in UTC with milliseconds, durations text.
// Numbers that are not finite are an error.
func ToJSON(value any) (any, error) {
	if isJSON(value) {
		return value, nil
	}
	return makeJSON(value)
}

// isJSON says whether a value is plain JSON already; values are never changed, so it need not be copied.
func isJSON(value any) bool {
	switch value := value.(type) {
	case nil, bool, string:
		return true
	case float64:
		return !math.IsNaN(value) && !math.IsInf(value, 0)
	case map[string]any:
		for _, member := range value {
			if !isJSON(member) {
				return false
			}
		}
		return true
	case []any:
		return !slices.ContainsFunc(value, func(item any) bool { return !isJSON(item) })
	}
	return false
}

func makeJSON(value any) (any, error) {
	switch value := value.(type) {
	case nil, bool, string:
		return value, nil
	case float64:
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return nil, fmt.Errorf("the number is not finite (a division by zero?)")
		}
		return value, nil
	case int:
		return float64(value), nil
	case int64:
		return float64(value), nil
	case time.Time:
		return value.UTC().Format(TimeLayout), nil
	case time.Duration:
		return FormatDuration(value), nil
	case map[string]any:
		object := make(map[string]any, len(value))
		for k, v := range value {
			member, err := makeJSON(v)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
			object[k] = member
		}
		return object, nil
	case []any:
		list := make([]any, len(value))
		for i, v := range value {
			element, err := makeJSON(v)
			if err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
			list[i] = element
		}
		return list, nil
	}
	return throughJSON(value)
}

// throughJSON is for the typed results of steps: what encoding/json makes of them.
func throughJSON(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var out any
	return out, json.Unmarshal(text, &out)
}

// CompactJSON is value on one line, without escapes that only HTML needs.
func CompactJSON(value any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return string(bytes.TrimRight(b.Bytes(), "\n"))
}

// mostDepth bounds how deep JSON from outside may be nested.
const mostDepth = 520 // what a device may answer to a method, and some

// ParseJSON reads JSON from a device or a server. It refuses what is nested deeper than anything honest.
// Its errors are clauses for people: "it ends too early".
func ParseJSON(text []byte) (any, error) {
	depth, quoted, escaped := 0, false, false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped = c == '\\'
			quoted = c != '"'
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			if depth++; depth > mostDepth {
				return nil, fmt.Errorf("nested deeper than %d levels", mostDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return nil, plainJSONError(text, err)
	}
	return value, nil
}

// plainJSONError says what is wrong with JSON without the words of Go's decoder.
func plainJSONError(text []byte, err error) error {
	var number *json.UnmarshalTypeError // the only type that can fail to become any
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &number):
		return fmt.Errorf("the %s is too large", Shorten(number.Value, 40))
	case !errors.As(err, &syntax):
		return err
	case len(bytes.TrimSpace(text)) == 0:
		return errors.New("it is empty")
	case syntax.Offset >= int64(len(text)) && strings.HasPrefix(syntax.Error(), "unexpected end"):
		return errors.New("it ends too early")
	}
	at := max(syntax.Offset-1, 0)
	c, _ := utf8.DecodeRune(text[at:])
	line := 1 + bytes.Count(text[:at], []byte("\n"))
	column := 1 + utf8.RuneCount(text[bytes.LastIndexByte(text[:at], '\n')+1:at])
	return fmt.Errorf("%q is unexpected at line %d, column %d", c, line, column)
}

// JoinPath is the path of a member of what stands at path: "desired" and "interval" give
// "desired.interval". The path of the whole value is "".
func JoinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
