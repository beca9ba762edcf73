package simulator

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	faults "github.com/twinbook/twinbook/simulator/fault"
)

// troubles are the faults of a hub.
type troubles struct {
	// possible is true once there was a fault or a quota. Until then nothing else here is looked at, so that a hub
	// where nothing goes wrong pays for this and no more.
	possible atomic.Bool

	mu  sync.Mutex  // guards the set; nothing is called under it
	set *faults.Set // nil until the first fault
}

// AddFault puts a fault in force, now or when its From says, and gives its id. The error, a *fault.Mistake,
// says which of its keys is wrong, and what to write.
func (h *Hub) AddFault(f faults.Fault) (id string, err error) {
	devices, err := h.profile(f.Profile)
	if err != nil {
		return "", err
	}
	t := &h.faults
	t.mu.Lock()
	if t.set == nil {
		t.set = faults.NewSet(cmp.Or(h.config.FaultSeed, h.config.Seed))
	}
	id, err = t.set.Add(f, devices, h.clock.Now())
	t.possible.Store(true)
	t.mu.Unlock()
	if err != nil {
		return "", err
	}
	strike := func() {
		h.strikeAll(id)
		if f.ClockSkew != 0 {
			h.followSkew()
		}
	}
	if f.From > 0 {
		h.clock.After(f.From, strike)
	} else {
		strike()
	}
	if _, until := f.Span(); until > 0 && f.ClockSkew != 0 {
		h.clock.After(until, h.followSkew)
	}
	return id, nil
}

func (h *Hub) profile(name string) ([]string, error) {
	if name == "" {
		return nil, nil
	}
	if h.config.Profile != nil {
		if devices, known := h.config.Profile(name); known {
			return devices, nil
		}
	}
	return nil, &faults.Mistake{Key: "profile", Says: fmt.Sprintf("the simulator has no profile %.80q", name)}
}

// RemoveFault ends a fault, and says whether there was one of this id. What it has broken off stays so.
func (h *Hub) RemoveFault(id string) bool {
	t := &h.faults
	t.mu.Lock()
	removed := t.set != nil && t.set.Remove(id)
	t.mu.Unlock()
	if removed {
		h.followSkew() // it may have been one of the clock
	}
	return removed
}

// Faults are all faults that were added and not removed, in that order, also those whose time is not now.
func (h *Hub) Faults() []faults.Status {
	t := &h.faults
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set == nil {
		return nil
	}
	return t.set.List(h.clock.Now())
}

// troubled says whether anything may go wrong, or has to wait for its turn.
func (h *Hub) troubled() bool { return h.faults.possible.Load() }

// verdict asks what happens on an occasion. Locks of devices may be held.
func (h *Hub) verdict(o faults.Occasion) faults.Verdict {
	t := &h.faults
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set == nil {
		return faults.Verdict{}
	}
	o.Now = h.clock.Now()
	return t.set.Ask(o)
}

func (h *Hub) inForce(fault string) bool {
	t := &h.faults
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.set.InForce(fault, h.clock.Now())
}

// timeFor is the hub's time as a device or its token sees it.
func (h *Hub) timeFor(device string) time.Time {
	now := h.clock.Now()
	if !h.troubled() {
		return now
	}
	t := &h.faults
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set == nil {
		return now
	}
	return now.Add(t.set.Skew(device, now))
}

// struck is what a device's log or a service's error says of a fault.
func struck(what, by string) error {
	return fmt.Errorf("the simulator %s, by its fault %s", what, by)
}

// strikeAll lets a fault that comes in force act on the connections there are.
func (h *Hub) strikeAll(fault string) {
	for _, d := range slices.Concat(h.devices.list(), h.devices.listModules()) {
		d.mu.Lock()
		s := d.session
		d.mu.Unlock()
		if s == nil {
			continue
		}
		v := h.verdict(faults.Occasion{On: faults.AtOnce, Device: d.id, Fault: fault})
		h.afflict(s, v, fault)
	}
}
