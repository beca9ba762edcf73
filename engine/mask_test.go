package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/twinbook/twinbook/engine/expr"
)

func TestMaskerHidesEveryFormOfASecret(t *testing.T) {
	m := NewMasker(map[string]string{
		"short": "abcd", "long": "abcdefgh", "tail": "ghijkl", "number": "123456", "huge": "12345678901234567890",
		"odd": "p@ss/wo?rd x", "quoted": `say "hi" <b>`, "tiny": "xyz", "none": "",
	})
	for text, want := range map[string]string{
		"abcd abcdefgh":                    "*** ***",
		"_abcdefghijkl_":                   "_***_",
		"abcdabcd":                         "******",
		"xyz stays, and so does 12345":     "xyz stays, and so does 12345",
		"/x/p@ss%2Fwo%3Frd%20x":            "/x/***",
		"?q=p%40ss%2Fwo%3Frd+x":            "?q=***",
		"?q=p%40ss%2Fwo%3Frd%20x":          "?q=***",
		`{"a":"say \"hi\" <b>"}`:           `{"a":"***"}`,
		`{"a":"say \"hi\" \u003cb\u003e"}`: `{"a":"***"}`,
	} {
		if got := m.Text(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	echo := map[string]any{"n": 123456.0, "huge": 12345678901234567890.0, "other": 1234567.0, "abcd": []any{true, nil, "is abcdefgh"}}
	if got, want := expr.CompactJSON(m.Value(echo)), `{"***":[true,null,"is ***"],"huge":"***","n":"***","other":1234567}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(echo["abcd"].([]any)) != 3 {
		t.Error("the value itself was changed")
	}
}

func TestMaskedErrorsStayWhatTheyAre(t *testing.T) {
	m := NewMasker(map[string]string{"a": "s3cr3t"})
	plain := &Error{Kind: KindOffline, Message: "away"}
	if got := m.Error(plain); got != error(plain) || m.Error(nil) != nil {
		t.Errorf("an error without a secret became %v", got)
	}
	got := m.Error(&Error{Kind: KindInvalid, Message: "no s3cr3t"})
	var known *Error
	if got.Error() != "invalid: no ***" || !errors.As(got, &known) || known.Kind != KindInvalid {
		t.Errorf("got %v", got)
	}
}

func TestMaskerOfHostileText(t *testing.T) {
	m := NewMasker(map[string]string{"a": "aaaa", "b": "aaaaa"})
	if got := m.Text(strings.Repeat("a", 1<<20)); strings.Contains(got, "a") {
		t.Errorf("%d characters are left", strings.Count(got, "a"))
	}
}
