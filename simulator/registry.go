package simulator

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// A Device is what a new device begins with.
type Device struct {
	ID       string
	Disabled bool // known, but not let in

	// Tags and Desired are written as a service would right after making the device.
	Tags    map[string]any
	Desired map[string]any

	// PrimaryKey and SecondaryKey have 16 to 64 bytes. Empty: derived from the hub's secret.
	PrimaryKey, SecondaryKey []byte
}

// device is an identity, its twin and its connection.
type device struct {
	id         string
	generation int64 // tells it from earlier devices of the same id
	keys       *[2][]byte

	mu       sync.Mutex // guards what follows; never held while something waits or is called back
	disabled bool
	active   time.Time // the last time it did something; zero for never
	moved    time.Time // when its connection state changed last
	twin     twin
	feeds    wire.Feeds             // what the device subscribed to, also while it is away
	kept     bool                   // feeds outlive the connection (CleanSession=0)
	confirms bool                   // it confirms messages from the cloud (QoS 1)
	mail     *mailbox               // messages from the cloud; nil until the first
	session  *session               // nil while it is away
	waiting  []*clock.Promise[bool] // callers, until it takes methods
	called   uint64                 // number of the last call

	trail trail // the device's telemetry; guarded by telemetry.mu
}

// names are those of the device, and of the module if it is one.
func (d *device) names() wire.Identity {
	id, module, _ := strings.Cut(d.id, "/")
	return wire.Identity{Device: id, Module: module}
}

// registry is the devices of a hub. Looking one up takes no lock.
type registry struct {
	byID sync.Map // id to *device

	mu     sync.Mutex // guards the list
	ids    []string
	sorted bool
}

func (r *registry) get(id string) *device {
	if d, ok := r.byID.Load(id); ok {
		return d.(*device)
	}
	return nil
}

// add puts d in unless its id is taken.
func (r *registry) add(d *device) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.byID.LoadOrStore(d.id, d); taken {
		return false
	}
	r.sorted = r.sorted && (len(r.ids) == 0 || r.ids[len(r.ids)-1] < d.id)
	r.ids = append(r.ids, d.id)
	return true
}

// list is all ids in order; whoever gets it must not change it.
func (r *registry) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.sorted {
		r.ids = slices.Clone(r.ids) // those who have the old list keep it
		slices.Sort(r.ids)
		r.sorted = true
	}
	return r.ids[:len(r.ids):len(r.ids)]
}

// AddDevice makes a device, switched off. The error says what about it cannot be.
func (h *Hub) AddDevice(def Device) error {
	if !wire.ValidID(def.ID) {
		return fmt.Errorf("simulator: %.140q is no device id: 1 to 128 letters, digits and - . + %% _ # * ? ! ( ) , : = @ $ ' are allowed", def.ID)
	}
	keys, err := givenKeys(def)
	if err != nil {
		return err
	}
	now := h.clock.Now()
	d := &device{
		id: def.ID, generation: now.Unix() + int64(h.made.Add(1)), keys: keys,
		disabled: def.Disabled, twin: newTwin(now),
	}
	if def.Tags != nil || def.Desired != nil {
		w, err := valuesToWrite(def.Tags, def.Desired, "")
		if err == nil {
			_, err = d.twin.apply(w, now)
		}
		if err != nil {
			return fmt.Errorf("simulator: device %s: %w", def.ID, err)
		}
	}
	if !h.devices.add(d) {
		return fmt.Errorf("simulator: device %s is there already", def.ID)
	}
	return nil
}

// Devices are the ids of all devices, in order.
func (h *Hub) Devices() []string { return slices.Clone(h.devices.list()) }

func (h *Hub) device(id string) (*device, error) {
	if d := h.devices.get(id); d != nil {
		return d, nil
	}
	return nil, unknownDevice(id)
}

func givenKeys(def Device) (*[2][]byte, error) {
	if len(def.PrimaryKey) == 0 && len(def.SecondaryKey) == 0 {
		return nil, nil
	}
	for _, k := range [][]byte{def.PrimaryKey, def.SecondaryKey} {
		if len(k) != 0 && (len(k) < 16 || len(k) > 64) {
			return nil, fmt.Errorf("simulator: device %s: a key has 16 to 64 bytes, not %d", def.ID, len(k))
		}
	}
	return &[2][]byte{slices.Clone(def.PrimaryKey), slices.Clone(def.SecondaryKey)}, nil
}

// deviceKeys are the keys given, and derived ones where none were.
func (h *Hub) deviceKeys(d *device) (primary, secondary []byte) {
	if d.keys != nil {
		primary, secondary = d.keys[0], d.keys[1]
	}
	if len(primary) == 0 {
		primary = h.key("device", d.id, "primary")
	}
	if len(secondary) == 0 {
		secondary = h.key("device", d.id, "secondary")
	}
	return primary, secondary
}

// etag of the identity, as Azure's look: base64 of some digits.
func (d *device) etag() string {
	return base64.StdEncoding.EncodeToString([]byte(strconv.FormatInt(d.generation, 10)))
}
