package access

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// fetchLimit is how long an issuer may take to give its keys.
const fetchLimit = 10 * time.Second

// largestDocument bounds what is read from an issuer.
const largestDocument = 1 << 20

// A source asks an issuer.
type source struct {
	issuer string
	client *http.Client
}

func newSource(issuer string, client *http.Client) source {
	bounded := http.Client{Transport: http.DefaultTransport}
	if client != nil {
		bounded = *client
	}
	if bounded.Transport == nil {
		bounded.Transport = http.DefaultTransport
	}
	bounded.Transport = boundedTransport{bounded.Transport}
	return source{issuer: issuer, client: &bounded}
}

// boundedTransport ends answers that are too large: go-oidc reads them whole.
type boundedTransport struct{ inner http.RoundTripper }

func (b boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.inner.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, largestDocument), answer.Body}
	return answer, nil
}

// keys are the issuer's present ones that sign tokens, by its discovery document.
func (s source) keys(ctx context.Context) ([]jose.JSONWebKey, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, s.client), s.issuer)
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	var where struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&where); err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	if err := checkIssuer(where.Keys); err != nil {
		return nil, fmt.Errorf("discovery: jwks_uri: %w", err)
	}
	return s.keySet(ctx, where.Keys)
}

func (s source) keySet(ctx context.Context, where string) ([]jose.JSONWebKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, err
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", where, answer.Status)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&set); err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	return readKeys(set.Keys), nil
}

// readKeys leaves out what cannot be read, as RFC 7517 asks for (an issuer may have keys of a newer kind beside those in use), and what
// must not be trusted: keys that are secret, only for encryption, or too short.
func readKeys(list []json.RawMessage) []jose.JSONWebKey {
	var keys []jose.JSONWebKey
	for _, text := range list {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(text); err != nil || !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" {
			continue
		}
		if short, ok := key.Key.(*rsa.PublicKey); ok && short.N.BitLen() < 2048 {
			continue
		}
		keys = append(keys, key)
	}
	return keys
}
