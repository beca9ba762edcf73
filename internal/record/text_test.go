package record

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzBytes: what is written reads as what was said, on one line, and holds nothing that a terminal obeys.
func FuzzBytes(f *testing.F) {
	for _, text := range []string{"", "plain", "häuser 世界 <&>", "\x00\x1b[2J\x7f\u0080\u009b31m\u202e\u2028\ufeff\r\n\t", "a\u009b", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		body, err := Bytes(map[string]string{text: text})
		if err != nil {
			t.Fatal(err)
		}
		line, ended := strings.CutSuffix(string(body), "\n")
		if !ended || strings.ContainsFunc(line, Hidden) {
			t.Fatalf("%q is written as %q", text, body)
		}
		var back map[string]string
		if err := json.Unmarshal(body, &back); err != nil || utf8.ValidString(text) && back[text] != text {
			t.Fatalf("%q is written as %s and read as %q, %v", text, body, back, err)
		}
		if indented, err := Text(map[string]string{text: text}, ""); err != nil || indented != string(body) {
			t.Fatalf("%q and %q, %v", body, indented, err)
		}
	})
}
