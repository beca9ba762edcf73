package expr

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

func textFunctions() []function {
	return []function{
		{name: "trim", params: []param{textParam, textNamed("characters")}, optional: 1, result: String, run: trim},
		{name: "upper", params: []param{textParam}, result: String, run: func(ev *evaluation, args []any) (any, error) {
			return strings.ToUpper(args[0].(string)), ev.grow(len(args[0].(string)))
		}},
		{name: "lower", params: []param{textParam}, result: String, run: func(ev *evaluation, args []any) (any, error) {
			return strings.ToLower(args[0].(string)), ev.grow(len(args[0].(string)))
		}},
		{name: "split", params: []param{textParam, textNamed("separator")}, result: List, run: split},
		{name: "join", params: []param{listParam, textNamed("separator")}, optional: 1, result: String, run: join},
		{name: "replace", params: []param{textParam, textNamed("old"), textNamed("new")}, result: String, run: replace},
		{name: "hasPrefix", params: []param{textParam, textNamed("prefix")}, result: Bool, run: startsWith},
		{name: "hasSuffix", params: []param{textParam, textNamed("suffix")}, result: Bool, run: endsWith},
		{name: "indexOf", params: []param{textParam, textNamed("part")}, result: Number, run: indexOf},
		{name: "glob", params: []param{textParam, textNamed("pattern")}, result: Bool, run: glob},
		{name: "padLeft", params: []param{{"value", kinds(String, Number)}, numberNamed("length")}, result: String, run: padLeft},
		{name: "bucket", params: []param{textParam, numberNamed("n")}, result: Number, run: bucket},
		{name: "string", params: []param{{"value", kinds(Bool, Number, String, Time, Duration, Version)}},
			result: String, run: toText},
	}
}

func trim(ev *evaluation, args []any) (any, error) {
	text := args[0].(string)
	if err := ev.scan(text); err != nil {
		return nil, err
	}
	if len(args) == 1 {
		return strings.TrimSpace(text), nil
	}
	cut := args[1].(string)
	return strings.Trim(text, cut), ev.spend(len(cut))
}

func split(ev *evaluation, args []any) (any, error) {
	text, separator := args[0].(string), args[1].(string)
	if err := ev.spend(len(text)); err != nil {
		return nil, err
	}
	parts := strings.Split(text, separator)
	list := make([]any, len(parts))
	for i, part := range parts {
		list[i] = part
	}
	return list, ev.spend(len(parts) * workPerItem)
}

func join(ev *evaluation, args []any) (any, error) {
	separator := ""
	if len(args) == 2 {
		separator = args[1].(string)
	}
	var b strings.Builder
	for i, item := range args[0].([]any) {
		text, ok := item.(string)
		if !ok {
			return nil, faultf("join needs a list of texts, but item %d is %s", i, valueWord(item))
		}
		if i > 0 {
			text = separator + text
		}
		if b.Len()+len(text) > maxTextBytes {
			return nil, ev.grow(maxTextBytes + 1)
		}
		if err := ev.grow(len(text)); err != nil {
			return nil, err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

func replace(ev *evaluation, args []any) (any, error) {
	text, old, by := args[0].(string), args[1].(string), args[2].(string)
	size := len(text) + strings.Count(text, old)*(len(by)-len(old))
	if err := ev.grow(size); err != nil {
		return nil, err
	}
	return strings.ReplaceAll(text, old, by), ev.scan(text)
}

func startsWith(_ *evaluation, args []any) (any, error) {
	return strings.HasPrefix(args[0].(string), args[1].(string)), nil
}

func endsWith(_ *evaluation, args []any) (any, error) {
	return strings.HasSuffix(args[0].(string), args[1].(string)), nil
}

func containsText(ev *evaluation, args []any) (any, error) {
	return strings.Contains(args[0].(string), args[1].(string)), ev.scan(args[0].(string))
}

// matchesText is the operator matches with a pattern that is known only now.
func matchesText(ev *evaluation, args []any) (any, error) {
	source := args[1].(string)
	if len(source) > maxSourceBytes {
		return nil, faultf("a pattern may have %d bytes at most", maxSourceBytes)
	}
	if err := ev.spend(1000 * (1 + len(source))); err != nil {
		return nil, err
	}
	p, err := compilePattern(source)
	if err != nil {
		return nil, faultf("%v", err)
	}
	return p.match(ev, args[0].(string))
}

// indexOf counts characters, as len does; -1: not in it.
func indexOf(ev *evaluation, args []any) (any, error) {
	text := args[0].(string)
	at := strings.Index(text, args[1].(string))
	if at < 0 {
		return -1.0, ev.scan(text)
	}
	return float64(utf8.RuneCountInString(text[:at])), ev.scan(text)
}

// glob matches a whole text: * is any run of characters, ? any one, all else is itself.
func glob(ev *evaluation, args []any) (any, error) {
	var b strings.Builder
	b.WriteString(`(?s)^`)
	for _, r := range args[1].(string) {
		switch r {
		case '*':
			b.WriteString(`.*`)
		case '?':
			b.WriteString(`.`)
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	b.WriteString(`$`)
	return matchesText(ev, []any{args[0], b.String()})
}

// padLeft fills a number or text with zeros in front until it has so many characters.
func padLeft(ev *evaluation, args []any) (any, error) {
	length, ok := wholeNumber(args[1])
	if !ok || length < 0 || length > 1000 {
		return nil, wrong(1, args[1], "the length is a whole number from 0 to 1000, not %s")
	}
	text, sign := "", ""
	if kindOf(args[0]) == Number {
		text = numberText(number(args[0]))
		if strings.HasPrefix(text, "-") {
			text, sign = text[1:], "-"
		}
	} else {
		text = args[0].(string)
	}
	fill := length - len(sign) - utf8.RuneCountInString(text)
	return sign + strings.Repeat("0", max(fill, 0)) + text, ev.grow(len(text) + length)
}

// bucket gives each text a fixed number from 0 to n-1, so that a tenth of a fleet stays the same tenth.
func bucket(ev *evaluation, args []any) (any, error) {
	n, ok := wholeNumber(args[1])
	if !ok || n < 1 {
		return nil, wrong(1, args[1], "the number of buckets is a whole number of at least 1, not %s")
	}
	h := fnv.New64a()
	h.Write([]byte(args[0].(string)))
	// FNV's low bits are weak on texts that differ in their last character; this is murmur's finish.
	x := h.Sum64()
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return float64(x % uint64(n)), ev.scan(args[0].(string))
}

func toText(_ *evaluation, args []any) (any, error) {
	switch value := args[0].(type) {
	case string:
		return value, nil
	case time.Time:
		return value.UTC().Format(TimeLayout), nil
	case time.Duration:
		return FormatDuration(value), nil
	case version:
		return value.text, nil
	case bool:
		return fmt.Sprint(value), nil
	}
	return numberText(number(args[0])), nil
}

// numberText writes a number as JSON does: 3, 0.5, 1e+30.
func numberText(n float64) string { return CompactJSON(n) }
