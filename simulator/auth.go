package simulator

import (
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"sync"
	"time"

	"github.com/twinbook/twinbook/simulator/wire"
)

// A permission is what a policy of the hub allows.
type permission uint8

const (
	registryRead permission = 1 << iota
	registryWrite
	serviceConnect
	deviceConnect
)

// allowing names the least policy that has a permission.
var allowing = map[permission]string{
	registryRead: "registryRead", registryWrite: "registryReadWrite", serviceConnect: "service", deviceConnect: "device",
}

type policy struct {
	allows             permission
	primary, secondary []byte
}

// newPolicies are those that every new hub has, as Azure documents them.
func newPolicies(key func(...string) []byte) map[string]policy {
	all := map[string]policy{}
	for name, allows := range map[string]permission{
		"iothubowner":       registryRead | registryWrite | serviceConnect | deviceConnect,
		"service":           serviceConnect,
		"device":            deviceConnect,
		"registryRead":      registryRead,
		"registryReadWrite": registryRead | registryWrite,
	} {
		all[name] = policy{allows, key("policy", name, "primary"), key("policy", name, "secondary")}
	}
	return all
}

// isHost says whether host is a name of this hub: its own, or the machine's for itself, since a
// hub on a desk is reached by address as well.
func (h *Hub) isHost(host string) bool {
	for _, name := range append([]string{h.config.HostName, "localhost", "127.0.0.1", "::1"}, h.config.Aliases...) {
		if wire.SameHost(host, name) {
			return true
		}
	}
	return false
}

// checkToken reads a SAS token at a time, and looks at all that does not depend on what it is for.
func (h *Hub) checkToken(text string, now time.Time) (wire.Token, error) {
	t, err := wire.ParseToken(text)
	switch {
	case err != nil:
		return t, unauthorized.fault("Unauthorized").saying("%v", err)
	case !h.isHost(t.Host()):
		return t, unauthorized.fault("Unauthorized").saying("the SAS token is for the hub %.100q, and this is %q", t.Host(), h.config.HostName)
	case t.Expired(now):
		return t, unauthorized.fault("Token expired").saying("the SAS token has expired; make a new one, and check the machine's clock")
	}
	return t, nil
}

// authorize checks the token of a REST request for what lies at its path ("twins/dev-1"). For the calls that the real
// hub does not have, name and key of a policy do as well, as in curl -u service:KEY.
func (r *request) authorize(need permission) error {
	if name, key, given := r.BasicAuth(); given && r.path[0] == ourOwn {
		return r.hub.checkKey(name, key, need)
	}
	t, err := r.hub.servicesToken(r.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	return r.hub.permit(t, strings.Join(r.path, "/"), need)
}

// proven are tokens of the hub's policies whose signatures were found good. Services send the same one with every
// call for an hour, and to check it takes longer than many a call.
type proven struct {
	mu     sync.Mutex // guards the map
	byText map[string]wire.Token
}

const (
	maxProven     = 1000    // tokens, then the map is begun anew
	maxProvenText = 1 << 10 // bytes of one; SDKs' have 200
)

func (p *proven) find(text string) (wire.Token, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, ok := p.byText[text]
	return t, ok
}

func (p *proven) add(text string, t wire.Token) {
	if len(text) > maxProvenText {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byText == nil || len(p.byText) == maxProven {
		p.byText = map[string]wire.Token{}
	}
	p.byText[text] = t
}

// servicesToken reads a token that one of the hub's policies must have signed.
func (h *Hub) servicesToken(text string) (wire.Token, error) {
	now := h.clock.Now()
	if t, ok := h.proven.find(text); ok && !t.Expired(now) {
		return t, nil
	}
	t, err := h.checkToken(text, now)
	if err == nil {
		err = h.checkSigner(t)
	}
	if err == nil {
		h.proven.add(text, t)
	}
	return t, err
}

func (h *Hub) checkKey(name, key string, need permission) error {
	p, known := h.policies[name]
	given, err := base64.StdEncoding.DecodeString(key)
	right := err == nil && subtle.ConstantTimeCompare(given, p.primary)|subtle.ConstantTimeCompare(given, p.secondary) == 1
	if !known || !right {
		return unauthorized.fault("Unauthorized").saying("%.80q and its key are no policy of the hub", name)
	}
	return p.permit(name, need)
}

// permit says whether a policy, called name, has a permission.
func (p policy) permit(name string, need permission) error {
	if p.allows&need == 0 {
		return noPermission.fault("Unauthorized").saying("policy %s does not allow this; use iothubowner, or %s", name, allowing[need])
	}
	return nil
}

func (h *Hub) checkPolicy(t wire.Token, path string, need permission) error {
	if err := h.checkSigner(t); err != nil {
		return err
	}
	return h.permit(t, path, need)
}

// checkSigner says whether the policy that a token names has signed it.
func (h *Hub) checkSigner(t wire.Token) error {
	if p, ok := h.policies[t.Policy]; !ok || !t.SignedBy(p.primary, p.secondary) {
		return unauthorized.fault("Unauthorized").saying("the SAS token is not signed with a key of the hub's policy %.80q", t.Policy)
	}
	return nil
}

// permit says whether a token that a policy has signed opens what lies at path.
func (h *Hub) permit(t wire.Token, path string, need permission) error {
	if !covers(t, path) {
		return unauthorized.fault("Unauthorized").saying("the SAS token is for %.100q, not for %s", t.Resource, path)
	}
	return h.policies[t.Policy].permit(t.Policy, need)
}

// covers says whether a token opens path. Samples in Azure's documentation append /api-version=… to
// the resource; that part says nothing.
func covers(t wire.Token, path string) bool {
	opened, _, _ := strings.Cut(t.Path(), "/api-version=")
	return wire.Within(path, opened)
}

// admit checks the SAS token a device connects with, or without one its certificates, and says until when
// that is good by timeFor; zero is for ever, as Azure documents no end of what a certificate opened.
func (h *Hub) admit(d *device, token string, shown []*x509.Certificate) (expires time.Time, err error) {
	if token == "" {
		return time.Time{}, h.admitCertificate(d, shown)
	}
	now := h.timeFor(d.id)
	t, err := h.checkToken(token, now)
	if err != nil {
		return time.Time{}, err
	}
	path := d.names().Path()
	if t.Policy != "" {
		err = h.checkPolicy(t, path, deviceConnect)
	} else {
		err = h.checkDeviceKey(d, t, path)
	}
	return t.Until(), err
}

func (h *Hub) checkDeviceKey(d *device, t wire.Token, path string) error {
	known := d.known()
	primary, secondary := h.keysOf(d.id, known.keys)
	switch {
	case known.kind != SAS:
		return unauthorized.fault("Unauthorized").saying("%s came with a SAS token of its own, and its authentication is %s", d.id, known.kind)
	case !wire.Within(t.Path(), path):
		return unauthorized.fault("Unauthorized").saying("the SAS token is for %.100q, not for device %s", t.Resource, d.id)
	case !t.SignedBy(primary, secondary):
		return unauthorized.fault("Unauthorized").saying("the SAS token is not signed with a key of device %s", d.id)
	}
	return nil
}
