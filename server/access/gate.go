package access

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/twinbook/twinbook/internal/clock"
)

// A Config says who may come in. With neither Tokens nor OIDC, whoever is on this machine may do everything, and nobody else may do
// anything; with one of them, every request needs a token.
type Config struct {
	Tokens []Token
	OIDC   *OIDC       // nil: no issuer
	Clock  clock.Clock // nil: the machine's

	// Refused is told of what was not let in, as far as its number is bounded (see limit.go). It must not wait.
	Refused func(r *http.Request, f *Refusal)

	// Answer writes a refusal; its headers are set, but for Content-Type. nil: as problem+json.
	Answer func(w http.ResponseWriter, r *http.Request, f *Refusal)
}

// A Gate lets requests in or refuses them.
type Gate struct {
	clock    clock.Clock
	rules    atomic.Pointer[rules]
	failures failures
	refused  func(*http.Request, *Refusal)
	answer   func(http.ResponseWriter, *http.Request, *Refusal)
}

// rules are what a new configuration replaces.
type rules struct {
	tokens   tokenRing
	oidc     *verifier     // nil: none
	replaced chan struct{} // closed when others are in force
}

func (r *rules) authenticated() bool { return len(r.tokens.sums) > 0 || r.oidc != nil }

// New makes a gate. It asks nobody yet: an issuer that is down now is asked again when somebody comes with a token of it.
func New(c Config) (*Gate, error) {
	g := &Gate{clock: c.Clock, refused: c.Refused, answer: c.Answer, failures: newFailures()}
	if g.clock == nil {
		g.clock = clock.Real()
	}
	if g.refused == nil {
		g.refused = func(*http.Request, *Refusal) {}
	}
	if g.answer == nil {
		g.answer = writeProblem
	}
	return g, g.Reload(c)
}

// Reload takes the Tokens and OIDC of another configuration; see Prepare.
func (g *Gate) Reload(c Config) error {
	take, err := g.Prepare(c)
	if err == nil {
		take()
	}
	return err
}

// Prepare looks at the Tokens and OIDC of another configuration, which take puts into force. The keys of an issuer that stays the same are
// kept. It is an error if nobody would be asked any more who was asked before: a file that was cut off, or a list that came out
// empty, must not open the door of a server that runs.
func (g *Gate) Prepare(c Config) (take func(), err error) {
	tokens, err := newTokenRing(c.Tokens)
	if err != nil {
		return nil, err
	}
	before := g.rules.Load()
	next := &rules{tokens: tokens, replaced: make(chan struct{})}
	if c.OIDC != nil {
		var old *verifier
		if before != nil {
			old = before.oidc
		}
		if next.oidc, err = newVerifier(*c.OIDC, g.clock, old); err != nil {
			return nil, err
		}
	}
	if before != nil && before.authenticated() && !next.authenticated() {
		return nil, errors.New("there are no tokens and no oidc any more, so that nobody would be asked who comes in; a server that has asked goes on asking until it is started anew without them")
	}
	return func() {
		if old := g.rules.Swap(next); old != nil {
			close(old.replaced)
		}
	}, nil
}

// Replaced is closed when another configuration is in force than now: who was let in before may have to be looked at again.
func (g *Gate) Replaced() <-chan struct{} { return g.rules.Load().replaced }

// Authenticated says whether requests need a token.
func (g *Gate) Authenticated() bool { return g.rules.Load().authenticated() }

// Identify finds out who sent a request. The error is a *Refusal.
func (g *Gate) Identify(r *http.Request) (Identity, error) {
	rules := g.rules.Load()
	if !rules.authenticated() {
		if f := checkLocal(r); f != nil {
			return Identity{}, f
		}
		return loopback(), nil
	}
	token, f := bearer(r.Header)
	if f != nil {
		return Identity{}, f
	}
	switch {
	case strings.HasPrefix(token, tokenPrefix):
		if id, ok := rules.tokens.find(token); ok {
			return id, nil
		}
		if !whole(token) {
			return Identity{}, refuse(http.StatusUnauthorized, "the token is not whole; copy all of it, from twb_ to its end")
		}
		return Identity{}, refuse(http.StatusUnauthorized, "there is no such token on this server; it may have been removed")
	case rules.oidc != nil:
		return rules.oidc.identify(r.Context(), token)
	}
	return Identity{}, refuse(http.StatusUnauthorized, "this is no token of this server: its tokens begin with "+tokenPrefix)
}

// longestToken is far above what issuers make.
const longestToken = 16 << 10

// bearer is the token of a request.
func bearer(h http.Header) (string, *Refusal) {
	token, f := bearerText(h)
	switch {
	case f != nil:
		return "", f
	case len(token) > longestToken:
		return "", refuse(http.StatusUnauthorized, "the token is longer than 16 KiB")
	case !token68(token):
		return "", refuse(http.StatusUnauthorized, "what follows Bearer is no token")
	}
	return token, nil
}

// bearerText is what follows Bearer in the one Authorization header.
func bearerText(h http.Header) (string, *Refusal) {
	fields := h.Values("Authorization")
	if len(fields) == 0 {
		return "", refuse(http.StatusUnauthorized, "this server needs a token: send the header Authorization: Bearer TOKEN")
	}
	if len(fields) > 1 {
		return "", refuse(http.StatusBadRequest, "there are several Authorization headers; send one")
	}
	scheme, text, _ := strings.Cut(fields[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", refuse(http.StatusUnauthorized, "only the scheme Bearer is known: send the header Authorization: Bearer TOKEN")
	}
	return strings.Trim(text, " "), nil
}

// token68 is what RFC 6750 lets a bearer token consist of.
func token68(token string) bool {
	body := strings.TrimRight(token, "=")
	return body != "" && !strings.ContainsFunc(body, func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !letter && !strings.ContainsRune("-._~+/", c)
	})
}

// Refuse answers a request that is not let in: with err if that is a *Refusal, such as those of VerifyWebhook. It counts failed attempts.
func (g *Gate) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	var f *Refusal
	if !errors.As(err, &f) {
		f = &Refusal{Status: http.StatusForbidden, Detail: "this is not allowed", Err: err}
	}
	wait := g.failures.count(r.RemoteAddr, g.clock.Now())
	switch {
	case wait == 0:
		g.refused(r, f)
	case f.Status != http.StatusServiceUnavailable: // that was not the sender's failure
		f = &Refusal{Status: http.StatusTooManyRequests, RetryAfter: wait, Detail: "too many failed attempts from this address; a valid token is accepted all the same"}
	}
	f.header(w.Header())
	g.answer(w, r, f)
}
