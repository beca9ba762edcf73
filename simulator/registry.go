package simulator

import (
	"iter"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// device is an identity, its twin and its connection. A module is one, too; its id is "D/M", and
// everything that works with a device works with a module.
type device struct {
	id         string
	generation int64 // tells it from earlier devices of the same id

	mu       sync.Mutex // guards what follows; never held while something waits or is called back
	identity *identity  // never nil; shared by all that have nothing of their own
	disabled bool
	barred   bool // it is a module, and its device is disabled
	deleted  bool // no longer in the registry
	kept     bool // feeds outlive the connection (CleanSession=0)
	feeds    wire.Feeds
	active   time.Time // the last time it did something; zero for never
	moved    time.Time // when its connection state changed last
	twin     twin
	confirms bool                   // it confirms messages from the cloud (QoS 1)
	mail     *mailbox               // messages from the cloud; nil until the first
	session  *session               // nil while it is away
	waiting  []*clock.Promise[bool] // callers, until it takes methods
	called   uint64                 // number of the last call
	saved    *saved                 // nil without a state folder

	trail trail // the device's telemetry; guarded by telemetry.mu
}

// names are those of the device, and of the module if it is one.
func (d *device) names() wire.Identity {
	id, module, _ := strings.Cut(d.id, "/")
	return wire.Identity{Device: id, Module: module}
}

// exists says whether a device is still in the registry; no device at all counts as one.
func (d *device) exists() error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.existsLocked()
}

func (d *device) existsLocked() error {
	if d.deleted {
		return notRegistered(d.id)
	}
	return nil
}

// registry is the devices of a hub and their modules. Looking one up takes no lock.
type registry struct {
	byID sync.Map // id to *device

	// mu guards the rosters. Who makes, changes or deletes an identity holds it, and then takes the
	// locks of devices.
	mu      sync.Mutex
	devices roster
	modules roster
}

func (r *registry) get(id string) *device {
	if d, ok := r.byID.Load(id); ok {
		return d.(*device)
	}
	return nil
}

// enter puts a device in whose id is free. The registry's lock is held.
func (r *registry) enter(d *device) {
	r.byID.Store(d.id, d)
	r.rosterOf(d).add(d.id)
}

// leave takes a device out. The registry's lock is held.
func (r *registry) leave(d *device) {
	r.byID.Delete(d.id)
	r.rosterOf(d).remove(d.id)
}

func (r *registry) rosterOf(d *device) *roster {
	if strings.Contains(d.id, "/") {
		return &r.modules
	}
	return &r.devices
}

// list is the ids of all devices in order, and of some that were deleted; whoever gets it must not
// change it.
func (r *registry) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.devices.list()
}

// listModules is the same of modules.
func (r *registry) listModules() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.modules.list()
}

// all are the devices with these ids that still exist.
func (r *registry) all(ids []string) iter.Seq[*device] {
	return func(yield func(*device) bool) {
		for _, id := range ids {
			if d := r.get(id); d != nil && !yield(d) {
				return
			}
		}
	}
}

// modulesOf is the part of modules, a list in order, that belongs to a device.
func modulesOf(modules []string, device string) []string {
	first := sort.SearchStrings(modules, device+"/")
	end := sort.SearchStrings(modules, device+"0") // 0 follows the slash
	return modules[first:end]
}

// A roster is ids that can be put in order. Taking one out only notes that it is gone, until many are.
type roster struct {
	ids    []string
	sorted bool
	gone   map[string]bool // of ids, those taken out
}

func (r *roster) add(id string) {
	if r.gone[id] {
		delete(r.gone, id)
		return
	}
	r.sorted = r.sorted && (len(r.ids) == 0 || r.ids[len(r.ids)-1] < id)
	r.ids = append(r.ids, id)
}

func (r *roster) remove(id string) {
	if r.gone == nil {
		r.gone = map[string]bool{}
	}
	r.gone[id] = true
	if len(r.gone) > len(r.ids)/2 {
		left := make([]string, 0, len(r.ids)-len(r.gone)) // those who have the old list keep it
		for _, id := range r.ids {
			if !r.gone[id] {
				left = append(left, id)
			}
		}
		r.ids, r.gone = left, nil
	}
}

// list is all ids in order, and perhaps some that are gone; whoever gets it must not change it.
func (r *roster) list() []string {
	if !r.sorted {
		r.ids = slices.Clone(r.ids) // those who have the old list keep it
		slices.Sort(r.ids)
		r.sorted = true
	}
	return r.ids[:len(r.ids):len(r.ids)]
}

// Devices are the ids of all devices, in order.
func (h *Hub) Devices() []string {
	var ids []string
	for d := range h.devices.all(h.devices.list()) {
		ids = append(ids, d.id)
	}
	return ids
}

// device finds a device, or a module by "D/M".
func (h *Hub) device(id string) (*device, error) {
	if d := h.devices.get(id); d != nil {
		return d, nil
	}
	if device, _, isModule := strings.Cut(id, "/"); isModule && h.devices.get(device) == nil {
		return nil, unknownDevice(device)
	}
	return nil, notRegistered(id)
}

// registryID is the id of a device or module in the registry, from names that anybody may have
// written: a slash in one of them must not find a module.
func registryID(device, module string) (string, error) {
	if strings.Contains(device, "/") {
		return "", unknownDevice(device)
	}
	if strings.Contains(module, "/") {
		return "", unknownModule(device, module)
	}
	return wire.Identity{Device: device, Module: module}.String(), nil
}
