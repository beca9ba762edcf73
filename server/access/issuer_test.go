package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// An issuer is a small one of OpenID Connect: a discovery document, keys, and tokens signed with them.
type issuer struct {
	*httptest.Server
	t *testing.T

	mu    sync.Mutex // guards what follows
	keys  []signingKey
	asked int            // how often for the keys
	down  bool           // it answers with 503
	stuck chan struct{}  // not nil: it answers when that is closed
	raw   []any          // more entries of the key set
	more  map[string]any // of the discovery document
}

type signingKey struct {
	id  string
	alg jose.SignatureAlgorithm
	key any // private, or secret
}

func newIssuer(t *testing.T) *issuer {
	i := &issuer{t: t}
	i.keys = []signingKey{{"first", jose.ES256, newKey(t)}}
	i.Server = httptest.NewServer(http.HandlerFunc(i.answer))
	t.Cleanup(i.Close)
	return i
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (i *issuer) answer(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	stuck := i.stuck
	i.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/.well-known/openid-configuration" {
		document := map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"}}
		maps.Copy(document, i.more)
		json.NewEncoder(w).Encode(document)
		return
	}
	i.asked++
	list := append([]any{}, i.raw...)
	for _, k := range i.keys {
		key := jose.JSONWebKey{KeyID: k.id, Algorithm: string(k.alg), Use: "sig", Key: k.key}
		list = append(list, key.Public())
	}
	json.NewEncoder(w).Encode(map[string]any{"keys": list})
}

func (i *issuer) change(f func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f()
}

func (i *issuer) timesAsked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// claims are those of a good token; changes replace some, and nil takes one away.
func (i *issuer) claims(changes map[string]any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": i.URL, "aud": "twinbook", "sub": "248289761001", "preferred_username": "anna",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "roles": []string{"operator"},
	}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

// token signs claims with the issuer's latest key.
func (i *issuer) token(changes map[string]any) string {
	return sign(i.t, i.keys[len(i.keys)-1], "JWT", i.claims(changes))
}

// sign makes a token of any kind, also of those that no issuer would make.
func sign(t testing.TB, k signingKey, kind string, claims any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithHeader("kid", k.id)
	if kind != "" {
		options = options.WithType(jose.ContentType(kind))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.alg, Key: k.key}, options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
