package device

import (
	"encoding/json"
	"testing"
)

func decoded(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func encoded(m map[string]any) string {
	text, _ := json.Marshal(m)
	return string(text)
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ old, patch, want string }{
		{`{}`, `{"a":1}`, `{"a":1}`},
		{`{}`, `{"a":null,"b":{"c":null}}`, `{"b":{}}`},
		{`{"a":1,"b":2}`, `{"a":null}`, `{"b":2}`},
		{`{"a":{"b":1,"c":2}}`, `{"a":{"b":null,"d":3}}`, `{"a":{"c":2,"d":3}}`},
		{`{"a":{"b":1}}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"a":1}`, `{"a":{"b":null,"c":1}}`, `{"a":{"c":1}}`},
	} {
		old, patch := decoded(t, c.old), decoded(t, c.patch)
		if got := encoded(merge(old, patch)); got != c.want {
			t.Errorf("merge %s into %s: %s, want %s", c.patch, c.old, got, c.want)
		}
		if encoded(old) != c.old || encoded(patch) != c.patch {
			t.Errorf("merge %s into %s changed them: %s, %s", c.patch, c.old, encoded(patch), encoded(old))
		}
	}
}

func TestMissing(t *testing.T) {
	for _, c := range []struct{ have, want, lacks string }{
		{`{}`, `{"a":1}`, `{"a":1}`},
		{`{"a":2}`, `{"a":1}`, `{}`},
		{`{"a":{"b":2}}`, `{"a":{"b":1,"c":1},"d":1}`, `{"a":{"c":1},"d":1}`},
		{`{"a":2}`, `{"a":{"b":1}}`, `{}`},
	} {
		if got := encoded(missing(decoded(t, c.have), decoded(t, c.want))); got != c.lacks {
			t.Errorf("%s lacks of %s: %s, want %s", c.have, c.want, got, c.lacks)
		}
	}
}
