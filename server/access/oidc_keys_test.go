package access

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TestIssuerThatIsDown: a gate is made without it, says so to those who come, and lets them in when it is back.
func TestIssuerThatIsDown(t *testing.T) {
	i, clock := newIssuer(t), newShiftedClock()
	i.down = true
	g := i.gate(OIDC{}, clock)
	token := i.token(nil)
	if _, f := identify(g, token); f == nil || f.Status != http.StatusServiceUnavailable || f.RetryAfter == 0 || f.Err == nil {
		t.Fatalf("while the issuer is down: %+v", f)
	}
	i.change(func() { i.down = false })
	if _, f := identify(g, token); f == nil || f.Status != http.StatusServiceUnavailable {
		t.Errorf("it was asked again at once: %+v", f)
	}
	clock.forward(keysPause)
	if id, f := identify(g, token); f != nil || id.Name != "anna" {
		t.Errorf("when it is back: %+v (%v)", id, f)
	}

	i.change(func() { i.down = true })
	for _, c := range []struct {
		later time.Duration
		good  bool
	}{{time.Minute, true}, {keysFresh, true}, {keysUsed / 2, true}, {keysUsed, false}} {
		clock.forward(c.later)
		late := i.token(map[string]any{"exp": clock.Now().Add(time.Hour).Unix()})
		if _, f := identify(g, late); (f == nil) != c.good {
			t.Errorf("%s after the one before, without the issuer: %v", c.later, f)
		}
	}
}

// TestNewKeysAreFound: an issuer changes its key, and tokens of the new one are good at once.
func TestNewKeysAreFound(t *testing.T) {
	i, clock := newIssuer(t), newShiftedClock()
	g := i.gate(OIDC{}, clock)
	old := i.token(nil)
	if _, f := identify(g, old); f != nil {
		t.Fatal(f)
	}
	clock.forward(keysPause)
	i.change(func() { i.keys = append(i.keys, signingKey{"second", jose.ES256, newKey(t)}) })
	if _, f := identify(g, i.token(nil)); f != nil {
		t.Errorf("a token of the new key: %v", f)
	}
	if _, f := identify(g, old); f != nil {
		t.Errorf("a token of the old key: %v", f)
	}
	clock.forward(keysPause)
	i.change(func() { i.keys = append(i.keys[1:], signingKey{"third", jose.ES256, newKey(t)}) })
	if _, f := identify(g, i.token(nil)); f != nil {
		t.Errorf("a token of the third key: %v", f)
	}
	if _, f := identify(g, old); f == nil {
		t.Error("a token of the key that the issuer has withdrawn is good")
	}
}

// TestWithdrawnKeysAreForgotten: nothing but time makes us ask.
func TestWithdrawnKeysAreForgotten(t *testing.T) {
	i, clock := newIssuer(t), newShiftedClock()
	g := i.gate(OIDC{}, clock)
	old := i.token(map[string]any{"exp": time.Now().Add(100 * time.Hour).Unix()})
	if _, f := identify(g, old); f != nil {
		t.Fatal(f)
	}
	i.change(func() { i.keys = []signingKey{{"second", jose.ES256, newKey(t)}} })
	clock.forward(keysFresh + time.Second)
	asked := i.timesAsked()
	identify(g, old) // still with the keys at hand; it makes us ask
	deadline := time.Now().Add(10 * time.Second)
	for i.timesAsked() == asked && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	for {
		if _, f := identify(g, old); f != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the key that was withdrawn is still good")
		}
		time.Sleep(time.Millisecond)
	}
}

// TestStrangersDoNotMakeUsAsk: an issuer is asked once, however many tokens come that are not good.
func TestStrangersDoNotMakeUsAsk(t *testing.T) {
	i := newIssuer(t)
	g := i.gate(OIDC{}, newShiftedClock())
	weak := newKey(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, id := range []string{"first", "unknown", "", "../keys"} {
				if _, f := identify(g, sign(t, signingKey{id, jose.ES256, weak}, "JWT", i.claims(nil))); f == nil || f.Status != http.StatusUnauthorized {
					t.Errorf("a stranger with the key id %q: %v", id, f)
				}
			}
		})
	}
	all.Wait()
	if asked := i.timesAsked(); asked != 1 {
		t.Errorf("the issuer was asked %d times", asked)
	}
}

// TestStuckIssuerHoldsNobodyWhoHasGone: who leaves is not waited for.
func TestStuckIssuerHoldsNobodyWhoHasGone(t *testing.T) {
	i := newIssuer(t)
	i.stuck = make(chan struct{})
	g := i.gate(OIDC{}, newShiftedClock())
	r := request(t, "GET", "http://plant.example/", "Authorization", "Bearer "+i.token(nil))
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := g.Identify(r.WithContext(ctx))
		left <- err
	}()
	leave()
	if err := <-left; err == nil {
		t.Error("a token was good before the issuer has answered")
	}
	close(i.stuck)
	if _, f := identify(g, i.token(nil)); f != nil {
		t.Errorf("when the issuer has answered: %v", f)
	}
}

// TestKeysThatDoNotCount: entries of a key set that nobody can read, and those that must not be trusted.
func TestKeysThatDoNotCount(t *testing.T) {
	i := newIssuer(t)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	encryption := newKey(t)
	secret := []byte("a secret key that stands in a public place")
	i.raw = []any{
		map[string]any{"kty": "new", "kid": "new"}, map[string]any{}, "text", nil, 7, []any{},
		map[string]any{"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "off the curve"},
		jose.JSONWebKey{KeyID: "short", Key: &short.PublicKey},
		jose.JSONWebKey{KeyID: "encryption", Use: "enc", Key: &encryption.PublicKey},
		jose.JSONWebKey{KeyID: "secret", Key: secret},
	}
	g := i.gate(OIDC{}, newShiftedClock())
	if _, f := identify(g, i.token(nil)); f != nil {
		t.Errorf("the key beside them: %v", f)
	}
	for _, k := range []signingKey{{"short", jose.RS256, short}, {"encryption", jose.ES256, encryption}, {"secret", jose.HS256, secret}} {
		if _, f := identify(g, sign(t, k, "JWT", i.claims(nil))); f == nil {
			t.Errorf("a token of the key %s is good", k.id)
		}
	}
}

// TestIssuersThatAreWrong: what an issuer may answer, and nobody is let in by it.
func TestIssuersThatAreWrong(t *testing.T) {
	for name, more := range map[string]map[string]any{
		"another issuer":   {"issuer": "https://evil.example"},
		"keys without TLS": {"jwks_uri": "http://evil.example/keys"},
		"no keys":          {"jwks_uri": ""},
		"keys of a number": {"jwks_uri": 7},
		"keys without end": {"x": strings.Repeat("x", largestDocument)},
	} {
		i := newIssuer(t)
		i.more = more
		if _, f := identify(i.gate(OIDC{}, newShiftedClock()), i.token(nil)); f == nil || f.Status != http.StatusServiceUnavailable || f.Err == nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
	i := newIssuer(t)
	token := i.token(nil)
	i.keys = nil
	if _, f := identify(i.gate(OIDC{}, newShiftedClock()), token); f == nil || f.Status != http.StatusServiceUnavailable {
		t.Errorf("an empty key set: %+v", f)
	}
}

// TestReloadKeepsKeys: another role in the configuration does not need the issuer.
func TestReloadKeepsKeys(t *testing.T) {
	i := newIssuer(t)
	g := i.gate(OIDC{}, newShiftedClock())
	if _, f := identify(g, i.token(nil)); f != nil {
		t.Fatal(f)
	}
	i.change(func() { i.down = true })
	settings := OIDC{Issuer: i.URL, Audience: "twinbook", Roles: map[string][]string{"operator": {Admin}}}
	if err := g.Reload(Config{OIDC: &settings}); err != nil {
		t.Fatal(err)
	}
	if id, f := identify(g, i.token(nil)); f != nil || !id.May(Admin) {
		t.Errorf("after the reload: %+v (%v)", id, f)
	}
}
