package simulator

import (
	"iter"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/twinbook/twinbook/simulator/wire"
)

// device is an identity, its twin and its connection. A module is one, too; its id is "D/M", and
// everything that works with a device works with a module.
type device struct {
	id         string
	generation int64 // tells it from earlier devices of the same id

	mu       sync.Mutex // guards what follows; never held while something waits or is called back
	twin     twin       // first, so that queries find its marks beside the lock
	identity *identity  // never nil; shared by all that have nothing of their own
	disabled bool
	barred   bool // it is a module, and its device is disabled
	deleted  bool // no longer in the registry
	kept     bool // feeds outlive the connection (CleanSession=0)
	feeds    wire.Feeds
	active   time.Time        // the last time it did something; zero for never
	moved    time.Time        // when its connection state changed last
	confirms bool             // it confirms messages from the cloud (QoS 1)
	mail     *mailbox         // messages from the cloud; nil until the first
	session  *session         // nil while it is away
	waiting  []receiver[bool] // callers, until it takes methods
	called   uint64           // number of the last call
	saved    *saved           // nil without a state folder

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
	r.rosterOf(d).add(d)
}

// leave takes a device out. The registry's lock is held.
func (r *registry) leave(d *device) {
	r.byID.Delete(d.id)
	r.rosterOf(d).remove(r.holds)
}

func (r *registry) rosterOf(d *device) *roster {
	if strings.Contains(d.id, "/") {
		return &r.modules
	}
	return &r.devices
}

// holds says whether d is in the registry, which another of its id does not.
func (r *registry) holds(d *device) bool { return r.get(d.id) == d }

// list is all devices in the order of their ids, and some that were deleted; whoever gets it must not
// change it.
func (r *registry) list() []*device {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.devices.list()
}

// listModules is the same of modules.
func (r *registry) listModules() []*device {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.modules.list()
}

// all are those of a list that still exist.
func (r *registry) all(list []*device) iter.Seq[*device] {
	return func(yield func(*device) bool) {
		for _, d := range list {
			if r.holds(d) && !yield(d) {
				return
			}
		}
	}
}

// modulesOf is the part of modules, a list in order, that belongs to a device.
func modulesOf(modules []*device, id string) []*device {
	first := placeOf(modules, id+"/")
	end := placeOf(modules, id+"0") // 0 follows the slash
	return modules[first:end]
}

func byID(a, b *device) int { return strings.Compare(a.id, b.id) }

// placeOf is where a list in order has an id, or would have it.
func placeOf(list []*device, id string) int {
	return sort.Search(len(list), func(i int) bool { return list[i].id >= id })
}

// A roster is devices that can be put in order. They are not looked up by id, because a query over a
// hundred thousand would take most of its time for that. Taking one out only notes that it is gone,
// until many are.
type roster struct {
	all    []*device
	sorted bool
	gone   int
}

func (r *roster) add(d *device) {
	r.sorted = r.sorted && (len(r.all) == 0 || r.all[len(r.all)-1].id < d.id)
	r.all = append(r.all, d)
}

// remove notes that one is gone; stays says who is not.
func (r *roster) remove(stays func(*device) bool) {
	if r.gone++; r.gone <= len(r.all)/2 {
		return
	}
	left := make([]*device, 0, len(r.all)-r.gone) // those who have the old list keep it
	for _, d := range r.all {
		if stays(d) {
			left = append(left, d)
		}
	}
	r.all, r.gone = left, 0
}

// list is all devices in order, and perhaps some that are gone; whoever gets it must not change it.
func (r *roster) list() []*device {
	if !r.sorted {
		r.all = slices.Clone(r.all) // those who have the old list keep it
		slices.SortFunc(r.all, byID)
		r.sorted = true
	}
	return r.all[:len(r.all):len(r.all)]
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
