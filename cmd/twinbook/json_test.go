package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// What a device says may hold anything. JSON shows it to people as well, so it is escaped there, and programs
// read what the device said.
func TestJSONHoldsNothingThatATerminalObeys(t *testing.T) {
	const nasty = "\x00\x1b[2J\x7f\u0080\u009b31m\u009f\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff\r\n\t"
	value := map[string]any{nasty: []any{nasty, "häuser 世界 👩‍🚒 <&>"}}
	var indented bytes.Buffer
	writeJSON(&indented, value)
	for _, text := range []string{indented.String(), jsonLine(value)} {
		var back any
		if err := json.Unmarshal([]byte(text), &back); err != nil || !reflect.DeepEqual(back, any(value)) {
			t.Errorf("%s reads as %q, %v", text, back, err)
		}
		if visible := strings.ReplaceAll(text, "\n", ""); clean(visible) != visible {
			t.Errorf("%q holds characters that are not seen", text)
		}
		if !strings.Contains(text, `\u009b31m`) || !strings.Contains(text, "häuser 世界 👩‍🚒 <&>") {
			t.Errorf("%s: want only hidden characters escaped", text)
		}
	}
}
