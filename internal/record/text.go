package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// Text is a value as JSON with a line break at its end. Its characters are as they are, but for those that
// would do something to a terminal: JSON allows what a device says to hold them, and they mean the same escaped.
func Text(value any, indent string) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(value)
	return EscapeHidden(b.String()), err
}

// Bytes is a value as JSON on one line, with its line break, written as Text does it.
func Bytes(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	for i, c := range b.Bytes() {
		if c >= 0x7f { // the others that are hidden are escaped already
			return append(b.Bytes()[:i:i], EscapeHidden(string(b.Bytes()[i:]))...), nil
		}
	}
	return b.Bytes(), nil
}

// EscapeHidden writes characters that people do not see as \uXXXX. In JSON they can only stand within texts;
// its own line breaks stay.
func EscapeHidden(text string) string {
	escaped := func(r rune) bool { return r != '\n' && Hidden(r) }
	if !strings.ContainsFunc(text, escaped) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if escaped(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Clean makes a text of anybody fit for one line: what devices and files say must never move the
// cursor, change the order of letters or hide what stands beside it.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case Hidden(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// Hidden says whether a character is not seen itself but moves the cursor or changes the order of letters:
// controls (C0, DEL and C1), line separators, the marks of bidirectional text and the byte order mark. All
// have four hexadecimal digits.
func Hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == 0x2028 || r == 0x2029 || r == 0xfeff
}
