package expr

import (
	"strings"
	"testing"
)

func TestJSONErrorsAreInPlainWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "it is empty",
		" \n":                        "it is empty",
		`{"a":`:                      "it ends too early",
		`"a`:                         "it ends too early",
		"{]":                         "']' is unexpected at line 1, column 2",
		"{\n  \"ä\": tru }":          "' ' is unexpected at line 2, column 11",
		"1 2":                        "'2' is unexpected at line 1, column 3",
		"\"a\x01\"":                  `'\x01' is unexpected at line 1, column 3`,
		`{"n":[1,1e400]}`:            "the number 1e400 is too large",
		strings.Repeat("9", 400):     "the number " + strings.Repeat("9", 32) + "… is too large",
		strings.Repeat("[", 521):     "nested deeper than 520 levels",
		"\xff":                       "'\uFFFD' is unexpected at line 1, column 1",
		"{\"a\":1}" + "\n\n  <html>": "'<' is unexpected at line 3, column 3",
	} {
		value, err := ParseJSON([]byte(text))
		if value != nil || err == nil || err.Error() != want {
			t.Errorf("%.40q: got %v, %v, want %s", text, value, err, want)
		}
	}
}
