package access

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// FuzzBearer: whatever the header is, only the token itself lets somebody in, and no answer repeats what was sent.
func FuzzBearer(f *testing.F) {
	token, hash := NewToken()
	g, err := New(Config{Tokens: []Token{{Name: "ci", Hash: hash, Roles: []string{Viewer}}}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"Bearer " + token, "bearer  " + token, token, "Basic abc", "Bearer", "Bearer twb_", "Bearer a.b.c", "Bearer " + strings.Repeat("=", 40), "\x00", "Bearer tëxt"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = []string{header}
		id, err := g.Identify(r)
		scheme, text, _ := strings.Cut(header, " ")
		right := strings.EqualFold(scheme, "bearer") && strings.Trim(text, " ") == token
		if (err == nil) != right || (id.Name != "") != right {
			t.Errorf("%q: %+v, %v", header, id, err)
		}
		if err != nil && len(text) > 12 && strings.Contains(err.Error(), text) {
			t.Errorf("the answer repeats %q: %v", text, err)
		}
	})
}

// FuzzJWT: nothing but what the issuer signed lets somebody in.
func FuzzJWT(f *testing.F) {
	key := signingKey{"first", "ES256", newKey(f)}
	i := &issuer{keys: []signingKey{key}}
	i.Server = httptest.NewServer(http.HandlerFunc(i.answer))
	f.Cleanup(i.Close)
	g, err := New(Config{OIDC: &OIDC{Issuer: i.URL, Audience: "twinbook"}})
	if err != nil {
		f.Fatal(err)
	}
	good := sign(f, key, "JWT", i.claims(nil))
	signed := good[:strings.LastIndex(good, ".")+1] // the last character of a signature has bits that do not count
	f.Add(good)
	for _, seed := range []string{"a.b.c", "..", "eyJhbGciOiJub25lIn0.e30.", good[:len(good)-4] + "AAAA", strings.Replace(good, ".", "..", 1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		id, refusal := identify(g, token)
		if refusal == nil && !strings.HasPrefix(strings.Trim(token, " "), signed) {
			t.Errorf("%q is %+v", token, id)
		}
	})
}

// FuzzWebhook: whoever does not know the secret is not let in, whatever they send.
func FuzzWebhook(f *testing.F) {
	const secret = "a secret that the fuzzer does not know, and cannot make a sum with"
	now := time.Unix(1_800_000_000, 0)
	good := standard([]byte(secret), "1", now, "{}")
	f.Add([]byte("{}"), "1", good[3], good[5], "", "", "k")
	f.Add([]byte(""), "", "", "", "sha256=00", "", "")
	f.Add([]byte("x"), "", "", "", "", "Bearer x", "\x00")
	f.Fuzz(func(t *testing.T, body []byte, id, stamp, signature, hub, authorization, key string) {
		r := httptest.NewRequest("POST", "/", nil)
		for name, value := range map[string]string{
			"Webhook-Id": id, "Webhook-Timestamp": stamp, "Webhook-Signature": signature, "X-Hub-Signature-256": hub, "Authorization": authorization, "Idempotency-Key": key,
		} {
			if value != "" {
				r.Header[name] = []string{value}
			}
		}
		got, err := VerifyWebhook(r, body, secret, now)
		own := string(body) == "{}" && id == "1" && stamp == good[3] && strings.Contains(signature, good[5])
		if err == nil && (!own || got != "1") {
			t.Errorf("let in with the key %q: %q %v", got, body, r.Header)
		}
	})
}

// FuzzURL: a token in a URL is seen wherever net/url would see it.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{"token=x", "a=b&access_token=1", "%74oken", "a;token=2", "&&&=", "%zz&token=3", "TOKEN[]=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		seen := checkURL(&url.URL{RawQuery: query}) != nil
		values, _ := url.ParseQuery(query)
		for _, name := range []string{"token", "access_token", "id_token"} {
			if values.Has(name) && !seen {
				t.Errorf("%q has a %s, and is let through", query, name)
			}
		}
	})
}

// FuzzHost: a host that is taken for this machine is no name of another.
func FuzzHost(f *testing.F) {
	for _, seed := range []string{"localhost:80", "127.0.0.1", "[::1]:80", "evil.example", "localhost.evil.example", "[::ffff:127.0.0.1]", "a:b:c", "[", "localhost\x00.evil.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if !loopbackHost(hostOnly(host)) {
			return
		}
		name := strings.ToLower(hostOnly(host))
		if !strings.HasSuffix(strings.TrimSuffix(name, "."), "localhost") && !strings.HasPrefix(name, "127.") && !strings.HasPrefix(name, "::") && !strings.HasPrefix(name, "0") {
			t.Errorf("%q is taken for this machine", host)
		}
	})
}
