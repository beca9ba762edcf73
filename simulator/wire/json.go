package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// MaxDepth is how deep JSON may nest that describes a twin or an identity; a twin's values have a limit of their own.
	MaxDepth = 64

	// MaxMethodDepth is how deep a method's payload or answer may nest. The stack would allow for many times that.
	MaxMethodDepth = 512

	// MaxCallDepth is for what has such a payload in it.
	MaxCallDepth = MaxMethodDepth + 8
)

// CheckJSON says what is wrong with a JSON text from outside: not JSON, not UTF-8, or nested deeper
// than depth. Objects and arrays count; a plain value has depth 0.
func CheckJSON(text []byte, depth int) error {
	if err := checkDepth(text, depth); err != nil {
		return err
	}
	if !utf8.Valid(text) {
		return errors.New("the JSON is not UTF-8")
	}
	if !json.Valid(text) {
		return errors.New("it is not JSON")
	}
	return nil
}

// checkDepth looks at brackets only, so that nothing is built from a text that is too deep.
func checkDepth(text []byte, limit int) error {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return fmt.Errorf("the JSON nests deeper than %d levels", limit)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// CheckEscapes refuses good JSON that has one half of a character, such as \ud83d alone: whoever decodes that stores
// another character.
func CheckEscapes(text []byte) error {
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 {
			return nil
		}
		text = text[at:]
		first, is := codeUnit(text)
		switch {
		case !is:
			text = text[2:]
			continue
		case utf16.IsSurrogate(first):
			second, _ := codeUnit(text[6:])
			if utf16.DecodeRune(first, second) == utf8.RuneError {
				return fmt.Errorf("%s is half of a character: the other half is missing", text[:6])
			}
			text = text[6:]
		}
		text = text[6:]
	}
}

// codeUnit is what \uXXXX stands for.
func codeUnit(text []byte) (r rune, is bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(n), err == nil
}
