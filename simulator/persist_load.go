package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/state"
)

// loading is a hub's state while its records are read, which come in any order.
type loading struct {
	clock   clock.Clock
	secret  []byte
	devices map[string]*device
	jobs    map[string]keptJob
	parts   map[string]jobPart
	steps   map[string]keptRows
}

// load makes the hub what it was when the state folder was written last; all devices are away. Jobs are still
// to be taken up, which may begin at once and need a hub that is whole.
func (h *Hub) load() (*loading, error) {
	store := h.config.State
	l := &loading{
		clock: h.clock, devices: map[string]*device{}, jobs: map[string]keptJob{}, parts: map[string]jobPart{}, steps: map[string]keptRows{},
	}
	for r, err := range store.Records() {
		if err != nil {
			return nil, fmt.Errorf("simulator: %w", err)
		}
		if err := l.take(r); err != nil {
			return nil, fmt.Errorf("simulator: state folder %s: the record %s %q cannot be understood: %w; was it written by another version of twinbook?", store.Dir(), r.Kind, r.Key, err)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.devices)) {
		if err := h.restore(l.devices[id]); err != nil {
			return nil, fmt.Errorf("simulator: state folder %s: device %s: %w", store.Dir(), id, err)
		}
	}
	return l, h.loadSecret(l.secret)
}

func (l *loading) take(r state.Record) error {
	switch r.Kind {
	case hubKind:
		return l.takeHub(r)
	case identityKind:
		return decode(r, l.device(r.Key).takeIdentity)
	case twinKind:
		return decode(r, l.device(r.Key).takeTwin)
	case sessionKind:
		return decode(r, func(k keptSession) error {
			d := l.device(r.Key)
			d.active, d.moved = k.Active, k.Moved
			return d.restoreSession(l.clock, k.sessionState)
		})
	case jobKind:
		return decode(r, func(k keptJob) error { l.jobs[r.Key] = k; return nil })
	case jobPartKind:
		return decode(r, func(p jobPart) error { l.parts[r.Key] = p; return nil })
	case jobRowsKind:
		return decode(r, func(k keptRows) error { l.steps[r.Key] = k; return nil })
	}
	return errors.New("records of this kind are not known")
}

func decode[T any](r state.Record, take func(T) error) error {
	var v T
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return err
	}
	return take(v)
}

func (l *loading) device(id string) *device {
	d := l.devices[id]
	if d == nil {
		d = &device{id: id}
		l.devices[id] = d
	}
	return d
}

func (l *loading) takeHub(r state.Record) error {
	if r.Key != secretKey {
		return errors.New("it is not known")
	}
	return decode(r, func(secret []byte) error {
		l.secret = secret
		return nil
	})
}

func (d *device) takeIdentity(k keptIdentity) error {
	d.generation, d.disabled = k.Generation, k.Disabled
	if k.Authentication == "" {
		k.Authentication = SAS
	}
	id := &identity{
		credentials: credentials{k.Authentication, k.Keys, k.Thumbprints},
		reason:      k.Reason, statusTime: k.StatusTime, edge: k.Edge, scope: k.Scope, parents: k.Parents,
		managedBy: k.ManagedBy, version: k.Version,
	}
	if err := id.check(); err != nil {
		return err
	}
	if reflect.DeepEqual(id, commonIdentity) {
		id = commonIdentity
	}
	d.identity = id
	return nil
}

func (d *device) takeTwin(k keptTwin) (err error) {
	d.twin, err = k.twin()
	return err
}

// restore puts a device that was read into the registry. One without an identity was being made or deleted when the
// hub was killed: what is left of it goes.
func (h *Hub) restore(d *device) error {
	store := h.config.State
	if d.identity == nil {
		return store.Write(state.Change{Kind: twinKind, Key: d.id}, state.Change{Kind: sessionKind, Key: d.id})
	}
	if d.twin.version == 0 {
		return errors.New("it has no twin")
	}
	if owner := d.names().Device; owner != d.id {
		o := h.devices.get(owner) // it comes first in the order of ids
		if o == nil {
			return fmt.Errorf("it is a module, and there is no device %s", owner)
		}
		d.barred = o.disabled
	}
	d.saved = &saved{store, d.identity, d.disabled, d.twin.version, d.sessionVersion()}
	h.devices.enter(d)
	for _, last := range []int64{d.generation, d.identity.version} { // the machine's clock may have been set back
		if now := h.unique(h.clock.Now()); now <= last {
			h.made.Add(uint64(last - now))
		}
	}
	return nil
}

// loadSecret makes the keys those of the last time, unless they come from a seed.
func (h *Hub) loadSecret(kept []byte) error {
	switch {
	case h.config.Seed != "":
		return nil
	case kept != nil:
		h.secret = kept
		return nil
	}
	return h.config.State.Write(state.Change{Kind: hubKind, Key: secretKey, Value: h.secret})
}
