package simulator

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/state"
	"github.com/twinbook/twinbook/simulator/wire"
)

// Config says what hub to make. The zero Config is a hub on the machine's clock with random keys.
type Config struct {
	Clock    clock.Clock // default: clock.Real()
	HostName string      // the hub's name in connection strings and tokens; default "localhost"
	Aliases  []string    // further names that clients may use for it, beside those of the machine for itself

	// Seed makes all keys the same each time. Empty: keys are random. Anyone who knows the seed
	// has the keys.
	Seed string

	// ClientCAs have signed the certificates of devices whose authentication is CertificateAuthority.
	// Nil: there are none.
	ClientCAs *x509.CertPool

	// State is a folder in which the hub keeps what is to outlive it: identities with their keys, twins, the
	// sessions that devices asked to be kept with the messages that wait, and jobs. Every change is written before anybody is told of it, so that killing
	// the process loses none; on the disk it is a second later. New begins with what is there, and without a Seed
	// with the keys that the folder has. The hub must be done with before the folder is closed.
	State *state.Store

	// StateFailed is called when State cannot be written any more, such as on a full disk, perhaps many times. The
	// hub then makes no change that it could not keep: calls fail, connections end. It must not wait.
	StateFailed func(error)

	// Tier decides how much the hub serves before it answers 429, and Units how many of that it has: 1 unless given.
	Tier  Tier
	Units int

	// FaultSeed is what the chance of faults is made of; default: Seed.
	FaultSeed string

	// Profile gives the devices of a profile, for faults that name one. Nil: there are no profiles.
	Profile func(name string) (devices []string, known bool)

	// Superset accepts in queries what Azure knows in message routes only.
	Superset bool

	ConnectTimeout time.Duration // for a socket to send its CONNECT; default 10s
	WriteTimeout   time.Duration // for a socket to take what it was sent; default 20s
	MaxUnsent      int           // bytes a socket may leave unread before it is closed; default 1 MiB

	// The latest telemetry is kept: so many messages, and about so many bytes of them. Default 65536 and 64 MiB.
	MaxTelemetry, MaxTelemetryBytes int
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = clock.Real()
	}
	if c.HostName == "" {
		c.HostName = "localhost"
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 10 * time.Second
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 20 * time.Second
	}
	if c.Units == 0 {
		c.Units = 1
	}
	if c.MaxUnsent == 0 {
		c.MaxUnsent = 1 << 20
	}
	if c.MaxTelemetry == 0 {
		c.MaxTelemetry = 1 << 16
	}
	if c.MaxTelemetryBytes == 0 {
		c.MaxTelemetryBytes = 64 << 20
	}
	return c
}

// Validate names the first field that cannot be right.
func (c Config) Validate() error {
	switch {
	case strings.ContainsAny(c.HostName, "/;= "):
		return fmt.Errorf("simulator: HostName %q is no host name", c.HostName)
	case c.ConnectTimeout < 0 || c.WriteTimeout < 0:
		return fmt.Errorf("simulator: ConnectTimeout and WriteTimeout cannot be negative")
	case c.Units < 0 || c.Units > maxUnits:
		return fmt.Errorf("simulator: Units goes from 1 to %d", maxUnits)
	case c.MaxUnsent < 0:
		return fmt.Errorf("simulator: MaxUnsent cannot be negative")
	case c.MaxTelemetry < 0 || c.MaxTelemetryBytes < 0:
		return fmt.Errorf("simulator: MaxTelemetry and MaxTelemetryBytes cannot be negative")
	}
	if !slices.Contains(tiers, cmp.Or(c.Tier, Unlimited)) {
		return fmt.Errorf("simulator: Tier %q is none of %v", c.Tier, tiers)
	}
	return nil
}

// A Hub has devices, and is reached by them over MQTT or attached, and by services over REST
// or through a Client.
type Hub struct {
	config   Config
	clock    clock.Clock
	secret   []byte
	policies map[string]policy
	proven   proven
	devices  registry
	throttle *throttle // nil: there are no quotas
	faults   troubles
	watches  watches
	grouped  groupings
	jobs     jobs

	telemetry telemetry

	tracking atomic.Uint64
	made     atomic.Uint64
}

// New makes a hub without devices but those in Config.State. It listens nowhere yet.
func New(c Config) (*Hub, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	h := &Hub{config: c, clock: c.Clock, secret: make([]byte, 32)}
	h.limitTo(c.Tier, c.Units)
	if c.Seed == "" {
		rand.Read(h.secret)
	} else {
		sum := sha256.Sum256([]byte("twinbook simulator\x00" + c.Seed))
		h.secret = sum[:]
	}
	var kept *loading
	if c.State != nil {
		var err error
		if kept, err = h.load(); err != nil {
			return nil, err
		}
	}
	h.policies = newPolicies(h.key)
	h.telemetry = newTelemetry(c)
	if kept != nil {
		if err := h.restoreJobs(kept.jobs, kept.parts, kept.steps); err != nil {
			return nil, fmt.Errorf("simulator: state folder %s: %w", c.State.Dir(), err)
		}
	}
	return h, nil
}

// key derives a key that is as secret as the hub's secret and the same for the same names.
func (h *Hub) key(names ...string) []byte {
	mac := hmac.New(sha256.New, h.secret)
	for _, n := range names {
		fmt.Fprintf(mac, "%d:%s", len(n), n)
	}
	return mac.Sum(nil)
}

// Policies are the names of the hub's policies: iothubowner, service, device, registryRead and registryReadWrite.
func (h *Hub) Policies() []string { return slices.Sorted(maps.Keys(h.policies)) }

// ConnectionString is a service's entry under one of the hub's policies. Its host is Config.HostName; use At for an address.
func (h *Hub) ConnectionString(policyName string) (wire.ConnectionString, error) {
	p, ok := h.policies[policyName]
	if !ok {
		return wire.ConnectionString{}, fmt.Errorf("simulator: there is no policy %q", policyName)
	}
	return wire.ConnectionString{Host: h.config.HostName, Policy: policyName, Key: p.primary}, nil
}

// DeviceConnectionString is the entry of a device with SAS, or of its module "D/M". Its host is Config.HostName; use At for an address.
func (h *Hub) DeviceConnectionString(id string) (wire.ConnectionString, error) {
	d, err := h.device(id)
	if err != nil {
		return wire.ConnectionString{}, fmt.Errorf("simulator: there is no device %q", id)
	}
	if kind := d.known().kind; kind != SAS {
		return wire.ConnectionString{}, fmt.Errorf("simulator: %s has no keys: its authentication is %s", id, kind)
	}
	primary, _ := h.deviceKeys(d)
	names := d.names()
	return wire.ConnectionString{Host: h.config.HostName, Device: names.Device, Module: names.Module, Key: primary}, nil
}

// trackingID is a number for one error, in the form of Azure's.
func (h *Hub) trackingID() string {
	sum := h.key("tracking", fmt.Sprint(h.tracking.Add(1)))
	return fmt.Sprintf("%X", sum[:16])
}
