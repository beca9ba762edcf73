package access

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func (i *issuer) gate(o OIDC, c *shiftedClock) *Gate {
	i.t.Helper()
	o.Issuer, o.Audience = i.URL, "twinbook"
	g, err := New(Config{OIDC: &o, Clock: c})
	if err != nil {
		i.t.Fatal(err)
	}
	return g
}

func identify(g *Gate, token string) (Identity, *Refusal) {
	r := httptest.NewRequest("GET", "http://plant.example/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	id, err := g.Identify(r)
	if err != nil {
		return id, err.(*Refusal)
	}
	return id, nil
}

func TestTokensOfAnIssuer(t *testing.T) {
	i := newIssuer(t)
	g := i.gate(OIDC{}, newShiftedClock())
	now := time.Now()
	for name, c := range map[string]struct {
		claims map[string]any
		want   string // the identity, or a part of the refusal
	}{
		"good":                         {nil, "anna (oidc)"},
		"several audiences":            {map[string]any{"aud": []string{"other", "twinbook"}}, "anna (oidc)"},
		"expired a moment ago":         {map[string]any{"exp": now.Add(-30 * time.Second).Unix()}, "anna (oidc)"},
		"valid in a moment":            {map[string]any{"nbf": now.Add(time.Minute).Unix()}, "anna (oidc)"},
		"expiry with fractions":        {map[string]any{"exp": float64(now.Unix()) + 60.5}, "anna (oidc)"},
		"expired":                      {map[string]any{"exp": now.Add(-2 * time.Minute).Unix()}, "has expired at"},
		"without expiry":               {map[string]any{"exp": nil}, "has expired at"},
		"expiry of text":               {map[string]any{"exp": "tomorrow"}, "not accepted"},
		"expiry beyond all time":       {map[string]any{"exp": -1e300}, "has expired at"},
		"valid in an hour":             {map[string]any{"nbf": now.Add(time.Hour).Unix()}, "not before"},
		"for somebody else":            {map[string]any{"aud": "other"}, "audience"},
		"for somebody with our prefix": {map[string]any{"aud": "twinbook2"}, "audience"},
		"for nobody":                   {map[string]any{"aud": nil}, "audience"},
		"audience of another kind":     {map[string]any{"aud": map[string]any{"twinbook": true}}, "not accepted"},
		"of another issuer":            {map[string]any{"iss": "https://evil.example"}, "different provider"},
		"of an issuer with a slash":    {map[string]any{"iss": i.URL + "/"}, "different provider"},
		"without issuer":               {map[string]any{"iss": nil}, "different provider"},
		"of nobody":                    {map[string]any{"sub": nil, "preferred_username": nil}, "whose it is"},
		"only a number":                {map[string]any{"sub": "1234", "preferred_username": nil}, "1234 (oidc)"},
		"name of another kind":         {map[string]any{"preferred_username": 7, "email": "anna@plant.example"}, "anna@plant.example (oidc)"},
		"name that moves the cursor":   {map[string]any{"preferred_username": "anna\x1b[2J\r\nroot\u202e"}, "anna\uFFFD[2J\uFFFD\uFFFDroot\uFFFD (oidc)"},
		"name without end":             {map[string]any{"preferred_username": strings.Repeat("ä", 4000)}, strings.Repeat("ä", 127) + "… (oidc)"},
		"claims from elsewhere":        {map[string]any{"_claim_names": map[string]any{"roles": "src"}, "_claim_sources": map[string]any{}}, "source does not exist"},
	} {
		id, f := identify(g, i.token(c.claims))
		switch {
		case f == nil && id.String() != c.want:
			t.Errorf("%s: %q, want %q", name, id, c.want)
		case f != nil && (f.Status != http.StatusUnauthorized || !strings.Contains(f.Detail, c.want)):
			t.Errorf("%s: %d %s, want %q", name, f.Status, f.Detail, c.want)
		}
	}
}

func TestRolesOfAClaim(t *testing.T) {
	i := newIssuer(t)
	mapped := map[string][]string{"plant-ops": {Operator}, "night shift": {Viewer, "night-shift"}}
	for name, c := range map[string]struct {
		settings OIDC
		claims   map[string]any
		want     []string
	}{
		"a list":                  {OIDC{}, map[string]any{"roles": []any{"operator", "night-shift"}}, []string{"operator", "night-shift"}},
		"a text":                  {OIDC{}, map[string]any{"roles": "viewer night-shift"}, []string{"viewer", "night-shift"}},
		"twice":                   {OIDC{}, map[string]any{"roles": []any{"viewer", "viewer"}}, []string{"viewer"}},
		"none":                    {OIDC{}, map[string]any{"roles": nil}, nil},
		"of other kinds":          {OIDC{}, map[string]any{"roles": []any{1, nil, true, []any{"admin"}, map[string]any{"admin": true}, ""}}, nil},
		"an object":               {OIDC{}, map[string]any{"roles": map[string]any{"admin": true}}, nil},
		"a path":                  {OIDC{RolesClaim: "realm_access.roles"}, map[string]any{"realm_access": map[string]any{"roles": []any{"viewer"}}}, []string{"viewer"}},
		"a path through a text":   {OIDC{RolesClaim: "realm_access.roles"}, map[string]any{"realm_access": "roles"}, nil},
		"a name with dots":        {OIDC{RolesClaim: "https://plant.example/roles"}, map[string]any{"https://plant.example/roles": []any{"admin"}}, []string{"admin"}},
		"scope":                   {OIDC{RolesClaim: "scope"}, map[string]any{"scope": "openid operator"}, []string{"openid", "operator"}},
		"mapped":                  {OIDC{Roles: mapped}, map[string]any{"roles": []any{"plant-ops", "night shift"}}, []string{Operator, Viewer, "night-shift"}},
		"not in the mapping":      {OIDC{Roles: mapped}, map[string]any{"roles": []any{"admin", "operator", "Plant-Ops"}}, nil},
		"more than anybody needs": {OIDC{}, map[string]any{"roles": many(1000)}, many(mostRoles)},
	} {
		id, f := identify(i.gate(c.settings, newShiftedClock()), i.token(c.claims))
		if f != nil || !reflect.DeepEqual(id.Roles, c.want) {
			t.Errorf("%s: roles %q, want %q (%v)", name, id.Roles, c.want, f)
		}
	}
	id, f := identify(i.gate(OIDC{NameClaim: "sub"}, newShiftedClock()), i.token(nil))
	if f != nil || id.Name != "248289761001" {
		t.Errorf("named by sub: %+v (%v)", id, f)
	}
}

func many(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint("role", i)
	}
	return list
}

// TestForgedTokens holds what others have got wrong: see RFC 8725.
func TestForgedTokens(t *testing.T) {
	i := newIssuer(t)
	g := i.gate(OIDC{}, newShiftedClock())
	good := i.token(nil)
	if _, f := identify(g, good); f != nil {
		t.Fatal(f)
	}
	claims := i.claims(map[string]any{"roles": []string{"admin"}})
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	own := i.keys[0].key.(*ecdsa.PrivateKey)
	public, err := x509.MarshalPKIXPublicKey(&own.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	publicJWK, err := jose.JSONWebKey{KeyID: "first", Key: &own.PublicKey}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	weak := newKey(t)
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	embedded, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: weak}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	embeddedObject, err := embedded.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	embeddedToken, err := embeddedObject.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"alg none":                         encode(`{"alg":"none"}`) + "." + encode(string(body)) + ".",
		"alg None":                         encode(`{"alg":"None","kid":"first"}`) + "." + encode(string(body)) + ".",
		"no alg":                           encode(`{"kid":"first"}`) + "." + encode(string(body)) + "." + parts[2],
		"HS256 with the public key as PEM": sign(t, signingKey{"first", jose.HS256, publicPEM}, "JWT", claims),
		"HS256 with the public key as DER": sign(t, signingKey{"first", jose.HS256, public}, "JWT", claims),
		"HS256 with the public key as JWK": sign(t, signingKey{"first", jose.HS256, publicJWK}, "JWT", claims),
		"other claims":                     parts[0] + "." + encode(string(body)) + "." + parts[2],
		"no signature":                     parts[0] + "." + parts[1] + ".",
		"two parts":                        parts[0] + "." + parts[1],
		"one part":                         parts[1],
		"five parts":                       good + ".a.b",
		"signature of zeros":               parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
		"another key under our id":         sign(t, signingKey{"first", jose.ES256, weak}, "JWT", claims),
		"another key without id":           sign(t, signingKey{"", jose.ES256, weak}, "JWT", claims),
		"another kind of key":              sign(t, signingKey{"first", jose.RS256, foreign}, "JWT", claims),
		"its own key in its header":        embeddedToken,
		"unknown critical header":          encode(`{"alg":"ES256","kid":"first","crit":["x"],"x":1}`) + "." + parts[1] + "." + parts[2],
		"a logout token":                   sign(t, i.keys[0], "logout+jwt", claims),
		"an encrypted one":                 encode(`{"alg":"RSA-OAEP","enc":"A256GCM"}`) + ".a.b.c.d",
		"no JSON in the header":            encode("x") + "." + parts[1] + "." + parts[2],
		"JSON without end":                 encode(strings.Repeat(`{"a":`, 2000)) + "." + parts[1] + "." + parts[2],
		"claims that are no object":        sign(t, i.keys[0], "JWT", []string{"admin"}),
		"claims that are null":             sign(t, i.keys[0], "JWT", nil),
		"dots":                             "..",
		"many dots":                        "a" + strings.Repeat(".", 10000),
	} {
		id, f := identify(g, token)
		if f == nil || f.Status != http.StatusUnauthorized {
			t.Errorf("%s: %+v (%+v)", name, id, f)
		} else if strings.Contains(f.Detail, parts[1]) {
			t.Errorf("%s: the answer shows the token: %s", name, f.Detail)
		}
	}
	for _, kind := range []string{"", "at+jwt", "application/at+jwt", "jwt"} {
		if _, f := identify(g, sign(t, i.keys[0], kind, i.claims(nil))); f != nil {
			t.Errorf("a token of the type %q: %v", kind, f)
		}
	}
}

func TestSettingsOfAnIssuer(t *testing.T) {
	for _, c := range []struct {
		settings OIDC
		want     string
	}{
		{OIDC{Issuer: "https://login.example", Audience: "x"}, ""},
		{OIDC{Issuer: "http://localhost:8080/realms/plant", Audience: "x"}, ""},
		{OIDC{Issuer: "http://127.0.0.1:8080", Audience: "x"}, ""},
		{OIDC{Issuer: "http://login.example", Audience: "x"}, "must be https"},
		{OIDC{Issuer: "login.example", Audience: "x"}, "is not a URL"},
		{OIDC{Issuer: "https://login.example/?a=b", Audience: "x"}, "is not a URL"},
		{OIDC{Issuer: "", Audience: "x"}, "is not a URL"},
		{OIDC{Issuer: "https://login.example"}, "needs an audience"},
		{OIDC{Issuer: "https://login.example", Audience: "x", Roles: map[string][]string{"a": nil}}, `"a" means nothing`},
	} {
		_, err := New(Config{OIDC: &c.settings})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.settings, err, c.want)
		}
	}
}

// BenchmarkIdentify is what a request costs before it is served.
func BenchmarkIdentify(b *testing.B) {
	token, hash := NewToken()
	key := signingKey{"first", jose.ES256, newKey(b)}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	second := signingKey{"second", jose.RS256, rsaKey}
	i := &issuer{keys: []signingKey{key, second}}
	i.Server = httptest.NewServer(http.HandlerFunc(i.answer))
	defer i.Close()
	g, err := New(Config{Tokens: []Token{{Name: "ci", Hash: hash, Roles: []string{Operator}}}, OIDC: &OIDC{Issuer: i.URL, Audience: "twinbook"}})
	if err != nil {
		b.Fatal(err)
	}
	es, rs := sign(b, key, "JWT", i.claims(nil)), sign(b, second, "JWT", i.claims(nil))
	forged := es[:strings.LastIndex(es, ".")+1] + base64.RawURLEncoding.EncodeToString(make([]byte, 64))
	for _, c := range []struct {
		name, token string
		good        bool
	}{{"token", token, true}, {"ES256", es, true}, {"RS256", rs, true}, {"forged", forged, false}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, f := identify(g, c.token); (f == nil) != c.good {
					b.Fatal(f)
				}
			}
		})
	}
}
