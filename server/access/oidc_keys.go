package access

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/twinbook/twinbook/internal/clock"
)

// How often an issuer is asked for its keys. They are cached, so that it may be away for a while, but not for ever: a key that it
// has withdrawn must not be good for ever either.
const (
	keysFresh = time.Hour        // then they are asked for again, while the ones at hand go on
	keysUsed  = 24 * time.Hour   // then they are no longer trusted
	keysPause = 10 * time.Second // between two questions, whatever tokens come: it is not for strangers to make us ask
)

// A keyring has the public keys of an issuer.
//
// go-oidc's own RemoteKeySet asks the issuer for each token whose signature is not good, and never forgets a key.
type keyring struct {
	issuer source
	clock  clock.Clock

	mu      sync.Mutex // guards what follows
	keys    []jose.JSONWebKey
	fetched time.Time     // when the keys came
	asked   time.Time     // when they were asked for last
	err     error         // why none came then
	flight  chan struct{} // closed when the question under way is answered; nil: none is
}

func newKeyring(issuer string, client *http.Client, c clock.Clock) *keyring {
	return &keyring{issuer: newSource(issuer, client), clock: c}
}

// errSignature is all that a stranger is told about a signature.
var errSignature = refuse(http.StatusUnauthorized, "the token is not signed with a key of the issuer that this server trusts")

// verify gives the payload of a token that one of the issuer's keys has signed. The error is a *Refusal.
func (k *keyring) verify(ctx context.Context, token string) ([]byte, error) {
	jws, err := parseToken(token)
	if err != nil {
		return nil, err
	}
	keys, err := k.current(ctx)
	if err != nil {
		return nil, err
	}
	payload, known := open(jws, keys)
	if payload != nil || known {
		return payloadOr(payload, errSignature)
	}
	// The issuer may have a key that is newer than ours.
	if keys, err = k.renew(ctx); err != nil {
		return nil, err
	}
	payload, _ = open(jws, keys)
	return payloadOr(payload, errSignature)
}

func payloadOr(payload []byte, f *Refusal) ([]byte, error) {
	if payload == nil {
		return nil, f
	}
	return payload, nil
}

// parseToken takes a token apart. One that says it is of another kind, such as a logout token, is none for us (RFC 8725, 3.11).
func parseToken(token string) (*jose.JSONWebSignature, error) {
	algorithms := make([]jose.SignatureAlgorithm, len(signatures))
	for i, s := range signatures {
		algorithms[i] = jose.SignatureAlgorithm(s)
	}
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, errSignature
	}
	kind, _ := jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType].(string)
	switch strings.TrimPrefix(strings.ToLower(kind), "application/") {
	case "", "jwt", "at+jwt":
		return jws, nil
	}
	return nil, refuse(http.StatusUnauthorized, "the token is of another kind than access and ID tokens")
}

// open gives the payload if one of the keys has signed it. known: there is a key of the id that the token names.
func open(jws *jose.JSONWebSignature, keys []jose.JSONWebKey) (payload []byte, known bool) {
	header := jws.Signatures[0].Protected
	for i := range keys {
		key := &keys[i]
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		known = known || header.KeyID != ""
		if text, err := jws.Verify(key); err == nil {
			return text, true
		}
	}
	return nil, known
}

// current are the keys at hand; they are waited for only if there are none that count.
func (k *keyring) current(ctx context.Context) ([]jose.JSONWebKey, error) {
	k.mu.Lock()
	age := k.clock.Now().Sub(k.fetched)
	keys := k.keys
	if len(keys) > 0 && age < keysUsed {
		if age > keysFresh {
			k.ask()
		}
		k.mu.Unlock()
		return keys, nil
	}
	k.mu.Unlock()
	return k.renew(ctx)
}

// renew asks the issuer for its keys, or waits for the question under way, and gives those that there are then.
func (k *keyring) renew(ctx context.Context) ([]jose.JSONWebKey, error) {
	k.mu.Lock()
	k.ask()
	flight := k.flight
	k.mu.Unlock()
	if flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil || k.clock.Now().Sub(k.fetched) >= keysUsed {
		return nil, &Refusal{
			Status: http.StatusServiceUnavailable, RetryAfter: keysPause, Err: k.err,
			Detail: "the OpenID Connect issuer cannot be asked for its keys at the moment, so this token cannot be checked; try again later",
		}
	}
	return k.keys, nil
}

// ask begins a question unless one is under way or was a moment ago. It is called with mu held.
func (k *keyring) ask() {
	now := k.clock.Now()
	if k.flight != nil || !k.asked.IsZero() && now.Sub(k.asked) < keysPause {
		return
	}
	k.asked = now
	k.flight = make(chan struct{})
	go k.fetch() // it ends by itself, at the latest after fetchLimit
}

func (k *keyring) fetch() {
	ctx, cancel := context.WithTimeout(context.Background(), fetchLimit)
	defer cancel()
	keys, err := k.issuer.keys(ctx)
	if err == nil && len(keys) == 0 {
		err = errors.New("the issuer has no key that signs tokens")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err = err; err == nil {
		k.keys, k.fetched = keys, k.clock.Now()
	}
	close(k.flight)
	k.flight = nil
}
