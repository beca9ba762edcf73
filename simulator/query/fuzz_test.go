package query

import (
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse feeds any text to both parsers. What is refused must say where; what is accepted must
// mean the same when it is printed and parsed again, and must run on documents.
func FuzzParse(f *testing.F) {
	for _, file := range []string{"match.txt", "superset.txt", "rows.txt", "refused.txt", "refused_conditions.txt"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			text, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=> ")
			f.Add(text, false)
			f.Add(text, true)
		}
	}
	f.Fuzz(func(t *testing.T, text string, superset bool) {
		opt := Options{Superset: superset}
		for _, parse := range []func(string, Options) (*Query, error){Parse, ParseCondition} {
			q, err := parse(text, opt)
			if err != nil {
				checkError(t, text, err)
				continue
			}
			rows(t, q)
			checkDeviceIDs(t, q)
			checkMarks(t, q)
			if utf8.RuneCountInString(q.String()) <= MaxLength { // numbers and escapes may print longer
				checkRoundTrip(t, q, opt)
			}
		}
	})
}

func checkError(t *testing.T, text string, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%q: %T is no *Error", text, err)
	}
	if e.Pos < 0 || e.Pos > utf8.RuneCountInString(text) || e.Msg == "" || !utf8.ValidString(e.Msg) {
		t.Errorf("%q: bad error at %d: %q", text, e.Pos, e.Msg)
	}
}
