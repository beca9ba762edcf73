package simulator

import (
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Authentication is how a device or module proves who it is.
type Authentication string

// The ways to prove it, as the service spells them.
const (
	SAS                  Authentication = "sas"                  // a token signed with one of its two keys
	SelfSigned           Authentication = "selfSigned"           // an X.509 certificate with one of two thumbprints
	CertificateAuthority Authentication = "certificateAuthority" // an X.509 certificate that a CA of the hub has signed
	NoAuthentication     Authentication = "none"                 // not at all, so it cannot connect
)

// Limits of an identity. Azure documents those of keys and reasons; the others bound memory.
const (
	minKey        = 16 // bytes
	maxKeyBytes   = 64
	newKeyBytes   = 32
	maxReason     = 128 // characters
	maxScope      = 512 // bytes
	maxParents    = 10
	maxModuleName = 128
)

// An identity is what the registry has of a device beside its id and status. It never changes: an update
// makes another. The zero of its fields is what a device has that nothing was said about, and
// commonIdentity serves them all.
type identity struct {
	credentials
	reason     string    // of its status
	statusTime time.Time // when its status changed last; zero for never
	edge       bool
	scope      string
	parents    []string
	managedBy  string
	version    int64 // a number that no other identity had; 0: the device's generation, as nothing was updated
}

var commonIdentity = &identity{credentials: credentials{kind: SAS}}

// credentials are how a device proves who it is, and what with.
type credentials struct {
	kind        Authentication
	keys        [2][]byte // for SAS, primary and secondary; an empty one is derived from the hub's secret
	thumbprints [2]string // for SelfSigned, in hexadecimal, either case
}

// check says what about credentials cannot be.
func (c credentials) check() error {
	for _, key := range c.keys {
		if len(key) != 0 && (len(key) < minKey || len(key) > maxKeyBytes) {
			return argumentInvalid.fault("A symmetric key must have %d to %d bytes, not %d", minKey, maxKeyBytes, len(key))
		}
	}
	for _, text := range c.thumbprints {
		if b, err := hex.DecodeString(text); err != nil || len(b) != 0 && len(b) != sha1.Size && len(b) != sha256.Size {
			return argumentInvalid.fault("A thumbprint is the SHA-1 or SHA-256 hash of a certificate: 40 or 64 hexadecimal digits")
		}
	}
	switch c.kind {
	case SAS, CertificateAuthority, NoAuthentication:
	case SelfSigned:
		if c.thumbprints == [2]string{} {
			return argumentInvalid.fault("The authentication type selfSigned needs a thumbprint")
		}
	default:
		return argumentInvalid.fault("The authentication type '%s' is none of sas, selfSigned, certificateAuthority and none", printable(string(c.kind)))
	}
	return nil
}

// ofKind drops what the kind of authentication has no use for; without a kind, the one that fits is taken.
func (c credentials) ofKind() credentials {
	if c.kind == "" {
		c.kind = SAS
		if c.thumbprints != [2]string{} {
			c.kind = SelfSigned
		}
	}
	if c.kind != SAS {
		c.keys = [2][]byte{}
	}
	if c.kind != SelfSigned {
		c.thumbprints = [2]string{}
	}
	return c
}

// withKeys are the credentials with random keys where SAS needs one and it was not given.
func withKeys(c *credentials) *credentials {
	if c == nil || c.kind != SAS {
		return c
	}
	filled := *c
	for i, key := range filled.keys {
		if len(key) == 0 {
			filled.keys[i] = make([]byte, newKeyBytes)
			rand.Read(filled.keys[i])
		}
	}
	return &filled
}

// identityChange is what a write asks of an identity. A nil field stays as it is, or as a new identity has it.
type identityChange struct {
	disabled    *bool
	reason      *string
	credentials *credentials
	edge        *bool
	scope       *string
	parents     []string
	managedBy   *string
}

// check says what about a change cannot be.
func (c identityChange) check() error {
	switch {
	case c.reason != nil && utf8.RuneCountInString(*c.reason) > maxReason:
		return argumentInvalid.fault("statusReason may have %d characters", maxReason)
	case c.scope != nil && len(*c.scope) > maxScope:
		return argumentInvalid.fault("deviceScope may have %d bytes", maxScope)
	case c.managedBy != nil && len(*c.managedBy) > maxModuleName:
		return argumentInvalid.fault("managedBy may have %d bytes", maxModuleName)
	case len(c.parents) > maxParents || slices.ContainsFunc(c.parents, func(s string) bool { return len(s) > maxScope }):
		return argumentInvalid.fault("parentScopes may hold %d texts of %d bytes", maxParents, maxScope)
	case c.credentials != nil:
		return c.credentials.check()
	}
	return nil
}

// empty says whether nothing is to change but perhaps the status.
func (c identityChange) empty() bool {
	return c.reason == nil && c.credentials == nil && c.edge == nil && c.scope == nil && c.parents == nil && c.managedBy == nil
}

// to is what an identity becomes.
func (c identityChange) to(old *identity) *identity {
	next := *old
	next.reason = given(c.reason, next.reason)
	next.credentials = given(c.credentials, next.credentials)
	next.edge = given(c.edge, next.edge)
	next.scope = given(c.scope, next.scope)
	next.managedBy = given(c.managedBy, next.managedBy)
	if c.parents != nil {
		next.parents = c.parents
	}
	return &next
}

func given[T any](v *T, otherwise T) T {
	if v != nil {
		return *v
	}
	return otherwise
}

// known is the identity as of now.
func (d *device) known() *identity {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.identity
}

// deviceKeys are the keys of a device with SAS.
func (h *Hub) deviceKeys(d *device) (primary, secondary []byte) {
	return h.keysOf(d.id, d.known().keys)
}

// keysOf are the keys given, and derived ones where none were.
func (h *Hub) keysOf(id string, keys [2][]byte) (primary, secondary []byte) {
	primary, secondary = keys[0], keys[1]
	if len(primary) == 0 {
		primary = h.key("device", id, "primary")
	}
	if len(secondary) == 0 {
		secondary = h.key("device", id, "secondary")
	}
	return primary, secondary
}

// etag of the identity of a device of a generation, as Azure's look: base64 of some digits.
func (id *identity) etag(generation int64) string {
	n := id.version
	if n == 0 {
		n = generation
	}
	return base64.StdEncoding.EncodeToString([]byte(strconv.FormatInt(n, 10)))
}

// sameETag compares an If-Match header with an etag. Clients send it quoted or bare, weak or strong,
// and quote the star as well.
func sameETag(ifMatch, etag string) bool {
	text := strings.TrimSpace(ifMatch)
	tag := strings.Trim(strings.TrimPrefix(text, "W/"), `"`)
	return text == "" || tag == "*" || tag == etag
}
