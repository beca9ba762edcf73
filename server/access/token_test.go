package access

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func TestNewToken(t *testing.T) {
	form := regexp.MustCompile(`^twb_[a-z2-7]{58}$`) // as the documentation gives it to secret scanners
	seen := map[string]bool{}
	for range 200 {
		token, hash := NewToken()
		if !form.MatchString(token) || !whole(token) || hash != Hash(token) || seen[token] {
			t.Fatalf("token %s, hash %s: whole %t, seen before %t", token, hash, whole(token), seen[token])
		}
		if strings.Contains(hash, token) {
			t.Errorf("the hash %s holds the token", hash)
		}
		seen[token] = true
	}
}

func TestCutTokensAreNotWhole(t *testing.T) {
	token, _ := NewToken()
	for i := range len(token) {
		if whole(token[:i]) {
			t.Errorf("%s is whole, and is cut after %d characters", token[:i], i)
		}
	}
	changed := []byte(token)
	if changed[20] == 'a' {
		changed[20] = 'b'
	} else {
		changed[20] = 'a'
	}
	for _, text := range []string{string(changed), token + "a", token + token, strings.ToUpper(token), "", "twb_"} {
		if whole(text) {
			t.Errorf("%q is whole, and is not", text)
		}
	}
}

func TestTokenRingFindsEachHolder(t *testing.T) {
	var tokens []string
	var entries []Token
	for i := range 50 {
		token, hash := NewToken()
		tokens = append(tokens, token)
		entries = append(entries, Token{Name: fmt.Sprint("token", i), Hash: hash, Roles: []string{Viewer}})
	}
	ring, err := newTokenRing(entries)
	if err != nil {
		t.Fatal(err)
	}
	for i, token := range tokens {
		if id, ok := ring.find(token); !ok || id.Name != entries[i].Name || id.How != ByToken {
			t.Errorf("token %d is of %+v (%t)", i, id, ok)
		}
	}
	other, _ := NewToken()
	for _, text := range []string{other, "", tokens[0][:40], entries[0].Hash} {
		if id, ok := ring.find(text); ok {
			t.Errorf("%q is of %+v", text, id)
		}
	}
}

func TestWrongTokensInTheConfiguration(t *testing.T) {
	token, hash := NewToken()
	ops := []string{Operator}
	for _, c := range []struct {
		tokens []Token
		want   string
	}{
		{[]Token{{Name: "", Hash: hash, Roles: ops}}, "token 1 has no name"},
		{[]Token{{Name: "ci", Hash: token, Roles: ops}}, "token ci: this is the token itself"},
		{[]Token{{Name: "ci", Hash: "sha256:12", Roles: ops}}, "64 hexadecimal digits"},
		{[]Token{{Name: "ci", Hash: strings.TrimPrefix(hash, "sha256:"), Roles: ops}}, "64 hexadecimal digits"},
		{[]Token{{Name: "ci", Hash: hash}}, "has no roles"},
		{[]Token{{Name: "ci", Hash: hash, Roles: ops}, {Name: "ci", Hash: Hash("x"), Roles: ops}}, "two tokens are named ci"},
		{[]Token{{Name: "a", Hash: hash, Roles: ops}, {Name: "b", Hash: hash, Roles: ops}}, "a and b have the same hash"},
	} {
		_, err := New(Config{Tokens: c.tokens})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.tokens, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), token) {
			t.Errorf("the error shows the token: %v", err)
		}
	}
}

// BenchmarkFind looks for the first and the last of a thousand tokens, and one that is not there; the three take the same time.
func BenchmarkFind(b *testing.B) {
	var tokens []string
	var entries []Token
	for i := range 1000 {
		token, hash := NewToken()
		tokens = append(tokens, token)
		entries = append(entries, Token{Name: fmt.Sprint(i), Hash: hash, Roles: []string{Viewer}})
	}
	ring, err := newTokenRing(entries)
	if err != nil {
		b.Fatal(err)
	}
	none, _ := NewToken()
	for _, c := range []struct{ name, token string }{{"first", tokens[0]}, {"last", tokens[999]}, {"none", none}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				ring.find(c.token)
			}
		})
	}
}
