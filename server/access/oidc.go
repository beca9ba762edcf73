package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/twinbook/twinbook/internal/clock"
)

// An OIDC is an issuer of OpenID Connect whose bearer tokens are accepted.
type OIDC struct {
	Issuer   string // its URL, exactly as its tokens have it in iss; https, or http on this machine
	Audience string // that tokens are made for; those for other programs are refused

	RolesClaim string              // where a token has its roles: a claim's name, or a path such as realm_access.roles; "roles" unless given
	Roles      map[string][]string // what a value there means here; others mean nothing. Empty: each means itself
	NameClaim  string              // who it is, for people; unless given: preferred_username, else email, else sub

	HTTP *http.Client // asks the issuer; nil: one with the system's authorities
}

// leeway is how far the issuer's clock may be behind ours when a token expires. For nbf, go-oidc allows five minutes of its own, of which this takes one.
const leeway = time.Minute

// signatures are those that a public key checks: with a key that everybody knows, HS256 would be signed by anybody, and "none" is not signed.
var signatures = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

// A verifier checks the tokens of an issuer.
type verifier struct {
	settings OIDC
	keys     *keyring
	clock    clock.Clock
}

// newVerifier asks nobody yet. The keys of old are kept if it is of the same issuer.
func newVerifier(o OIDC, c clock.Clock, old *verifier) (*verifier, error) {
	if err := checkIssuer(o.Issuer); err != nil {
		return nil, err
	}
	if o.Audience == "" {
		return nil, errors.New("oidc needs an audience: without one, the tokens that the issuer makes for other programs would be accepted")
	}
	for value, roles := range o.Roles {
		if len(roles) == 0 {
			return nil, fmt.Errorf("oidc: the role %q means nothing here; name viewer, operator, admin or a role that a workflow asks for", value)
		}
	}
	if o.RolesClaim == "" {
		o.RolesClaim = "roles"
	}
	v := &verifier{settings: o, clock: c}
	if old != nil && old.settings.Issuer == o.Issuer && reflect.DeepEqual(old.settings.HTTP, o.HTTP) {
		v.keys = old.keys
	} else {
		v.keys = newKeyring(o.Issuer, o.HTTP, c)
	}
	return v, nil
}

// checkIssuer wants a URL over which nobody can give us other keys.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("oidc: the issuer %q is not a URL such as https://login.example.com/realms/plant", issuer)
	case u.Scheme == "https" || u.Scheme == "http" && loopbackHost(u.Hostname()):
		return nil
	}
	return fmt.Errorf("oidc: the issuer %q must be https: whoever stands between could make tokens for anybody", issuer)
}

// identify is who sent a token. The error is a *Refusal.
func (v *verifier) identify(ctx context.Context, token string) (Identity, error) {
	check := &signatureCheck{keys: v.keys}
	valid, err := oidc.NewVerifier(v.settings.Issuer, check, &oidc.Config{
		ClientID: v.settings.Audience, SupportedSigningAlgs: signatures,
		Now: func() time.Time { return v.clock.Now().Add(-leeway) },
	}).Verify(ctx, token)
	if err != nil {
		return Identity{}, explain(err, check.err)
	}
	var claims map[string]any
	if err := valid.Claims(&claims); err != nil {
		return Identity{}, explain(err, nil)
	}
	name := v.name(claims)
	if name == "" {
		return Identity{}, refuse(http.StatusUnauthorized, "the token does not say whose it is")
	}
	return Identity{Name: name, Roles: v.roles(claims), How: ByOIDC}, nil
}

// A signatureCheck remembers why a signature was not good: go-oidc passes on its text only.
type signatureCheck struct {
	keys *keyring
	err  error
}

func (s *signatureCheck) VerifySignature(ctx context.Context, token string) (payload []byte, err error) {
	payload, s.err = s.keys.verify(ctx, token)
	return payload, s.err
}

// explain says why a token is not accepted. What the token says about itself is shown only if its issuer has signed it.
func explain(err, signature error) *Refusal {
	var refusal *Refusal
	var expired *oidc.TokenExpiredError
	switch {
	case errors.As(signature, &refusal):
		return refusal
	case errors.As(err, &expired):
		return refuse(http.StatusUnauthorized, "the token has expired at "+expired.Expiry.UTC().Format(time.RFC3339))
	case strings.Contains(err.Error(), "malformed jwt"):
		return &Refusal{Status: http.StatusUnauthorized, Detail: "the token is neither one of this server nor a signed one of its OpenID Connect issuer", Err: err}
	}
	why := strings.TrimPrefix(err.Error(), "oidc: ")
	if len(why) > 300 {
		why = strings.ToValidUTF8(why[:300], "") + "…"
	}
	return &Refusal{Status: http.StatusUnauthorized, Detail: "the token is not accepted: " + why}
}
