package access

import (
	"context"
	"slices"
)

// The roles that the server itself asks for. Each may do what the one before it may. Other names stand for
// themselves: an approve step may ask for them.
const (
	Viewer   = "viewer"   // reads
	Operator = "operator" // starts, ends and answers runs, calls devices
	Admin    = "admin"    // all, and the audit trail
)

// How an Identity was found out.
const (
	ByToken    = "token"
	ByOIDC     = "oidc"
	ByLoopback = "loopback"
)

// An Identity is who sent a request. The zero value is nobody, who may do nothing.
type Identity struct {
	Name  string // of a token: its name; of OIDC: what the name claim says; "loopback"
	Roles []string
	How   string // ByToken, ByOIDC or ByLoopback
}

// loopback is whoever is on this machine, where nothing else is asked for.
func loopback() Identity {
	return Identity{Name: ByLoopback, Roles: []string{Admin}, How: ByLoopback}
}

// May says whether the identity has a role, or one that includes it.
func (id Identity) May(role string) bool {
	ranks := []string{Viewer, Operator, Admin}
	if least := slices.Index(ranks, role); least >= 0 {
		return slices.ContainsFunc(ranks[least:], func(r string) bool { return slices.Contains(id.Roles, r) })
	}
	return slices.Contains(id.Roles, role)
}

// String is the identity as runs and the audit trail keep it, such as "ci (token)": somebody whom an issuer calls
// by the name of a token is not taken for it. It is empty for nobody.
func (id Identity) String() string {
	if id.How == ByLoopback || id.Name == "" {
		return id.Name
	}
	return id.Name + " (" + id.How + ")"
}

type identityKey struct{}

// From is who sent the request of a context, as Gate.Protect has found out; the zero Identity if it has not.
func From(ctx context.Context) Identity {
	id, _ := ctx.Value(identityKey{}).(Identity)
	return id
}

func with(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}
