package simulator

import (
	"cmp"
	"errors"
	"time"

	"github.com/twinbook/twinbook/simulator/wire"
)

// Why the registry ends a connection.
var (
	errDisabled = errors.New("the device was disabled in the registry")
	errDeleted  = errors.New("the device was deleted from the registry")
)

// A registration makes or updates one identity.
type registration struct {
	id     wire.Identity
	change identityChange
	twin   *serviceWrite // written with it, or nothing is
	first  *twin         // what a new one has; nil: an empty twin

	create, update bool   // what it may do
	ifMatch        string // for an update: the etag that the identity must still have; empty: whatever it has
	derived        bool   // a new identity with SAS that was given no keys has those derived from the hub's secret
}

// later is what is left to do when the registry's lock is free: hand over what was queued, end
// connections.
type later []func()

func (l later) run() {
	for _, f := range l {
		f()
	}
}

// register does what a registration asks for, and returns the device after it.
func (h *Hub) register(r registration) (view, error) {
	if err := r.check(); err != nil {
		return view{}, err
	}
	h.devices.mu.Lock()
	v, rest, err := h.registerLocked(r)
	h.devices.mu.Unlock()
	rest.run()
	return v, err
}

func (r registration) check() error {
	if !wire.ValidID(r.id.Device) {
		return argumentInvalid.fault("The device id '%s' is not valid", printable(r.id.Device)).
			saying("%.140q is no device id: 1 to 128 letters, digits and - . + %% _ # * ? ! ( ) , : = @ $ ' are allowed", r.id.Device)
	}
	if r.id.Module != "" && !wire.ValidID(r.id.Module) {
		return argumentInvalid.fault("The module id '%s' is not valid", printable(r.id.Module)).
			saying("%.140q is no module id: 1 to 128 letters, digits and - . + %% _ # * ? ! ( ) , : = @ $ ' are allowed", r.id.Module)
	}
	return r.change.check()
}

func (h *Hub) registerLocked(r registration) (view, later, error) {
	id := r.id.String()
	d := h.devices.get(id)
	switch {
	case d != nil && r.update:
		return h.updateLocked(d, r)
	case d != nil && r.id.Module != "":
		return view{}, nil, moduleExists.fault("Module %s is already registered on device %s.", printable(r.id.Module), printable(r.id.Device)).
			saying("module %s is there already", id)
	case d != nil:
		return view{}, nil, deviceExists.fault("Device %s is already registered.", printable(id)).
			saying("device %s is there already", id)
	case !r.create:
		_, err := h.device(id)
		return view{}, nil, err
	}
	return h.createLocked(id, r)
}

func (h *Hub) createLocked(id string, r registration) (view, later, error) {
	now := h.clock.Now()
	d := &device{id: id, generation: h.unique(now), identity: commonIdentity, twin: newTwin(now)}
	if r.id.Module != "" {
		owner, err := h.device(r.id.Device)
		if err != nil {
			return view{}, nil, err
		}
		d.barred = owner.view().disabled
	}
	change := r.change
	if !r.derived {
		change.credentials = withKeys(cmp.Or(change.credentials, &credentials{kind: SAS}))
	}
	d.disabled = given(change.disabled, false)
	if !change.empty() {
		d.identity = change.to(d.identity)
	}
	if r.first != nil {
		d.twin = *r.first
	}
	if r.twin != nil {
		if _, err := d.twin.apply(*r.twin, now); err != nil {
			return view{}, nil, err
		}
	}
	if err := h.saveNew(d); err != nil {
		return view{}, nil, err
	}
	h.devices.enter(d)
	created, watchers := d.created(h)
	return created, later{func() {
		for _, w := range watchers {
			w.flush()
		}
	}}, nil
}

// created is what a new device looks like, and who is to be told.
func (d *device) created(h *Hub) (view, []*watcher) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.viewLocked(), h.watches.report(d)
}

func (h *Hub) updateLocked(d *device, r registration) (after view, rest later, err error) {
	var left *session
	queued := h.change(d, func() bool {
		if err = d.update(r, h.clock.Now(), h.unique(h.clock.Now())); err != nil {
			return false
		}
		if d.disabled {
			left = d.session
		}
		after = d.viewLocked()
		return true
	})
	if err != nil {
		return after, nil, err
	}
	rest = append(rest, queued.tell)
	if queued.unsaved != nil {
		return after, rest, queued.unsaved
	}
	if left != nil {
		rest = append(rest, func() { h.close(left, errDisabled) })
	}
	if r.change.disabled != nil {
		rest = append(rest, h.bar(d, after.disabled)...)
	}
	return after, rest, nil
}

// update does what a registration says, all of it or nothing. The device's lock is held.
func (d *device) update(r registration, now time.Time, version int64) error {
	if err := d.checkETag(r.ifMatch); err != nil {
		return err
	}
	if r.twin != nil {
		if err := d.write(*r.twin, now); err != nil {
			return err
		}
	}
	change := r.change
	change.credentials = withKeys(change.credentials)
	next := change.to(d.identity)
	next.version = version
	if disabled := given(r.change.disabled, d.disabled); disabled != d.disabled {
		d.disabled, next.statusTime = disabled, now
	}
	d.identity = next
	return nil
}

// checkETag compares with the identity's etag. The device's lock is held.
func (d *device) checkETag(ifMatch string) error {
	if etag := d.identity.etag(d.generation); !sameETag(ifMatch, etag) {
		return etagMismatch.fault("Precondition failed: the ETag of device %s did not match", printable(d.id)).
			saying("the identity of %s has changed since it was read; read it again, and use its new etag (%s)", d.id, etag)
	}
	return nil
}

// bar keeps the modules of a disabled device out, and lets those of another in.
func (h *Hub) bar(owner *device, out bool) later {
	if owner.names().Module != "" {
		return nil
	}
	var rest later
	for m := range h.devices.all(modulesOf(h.devices.modules.list(), owner.id)) {
		m.mu.Lock()
		m.barred = out
		s := m.session
		m.mu.Unlock()
		if out && s != nil {
			rest = append(rest, func() { h.close(s, errDisabled) })
		}
	}
	return rest
}

// remove deletes an identity with its twin and its modules, if it still has the etag.
func (h *Hub) remove(id, ifMatch string) error {
	h.devices.mu.Lock()
	rest, err := h.removeLocked(id, ifMatch)
	h.devices.mu.Unlock()
	rest.run()
	return err
}

func (h *Hub) removeLocked(id, ifMatch string) (later, error) {
	d, err := h.device(id)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	err = d.checkETag(ifMatch)
	d.mu.Unlock() // nobody changes it meanwhile: that takes the registry's lock
	if err != nil {
		return nil, err
	}
	var rest later
	if d.names().Module == "" {
		for m := range h.devices.all(modulesOf(h.devices.modules.list(), id)) {
			after, err := h.drop(m)
			if err != nil {
				return rest, err
			}
			rest = append(rest, after)
		}
	}
	after, err := h.drop(d)
	if err != nil {
		return rest, err
	}
	return append(rest, after), nil
}

// drop takes a device out. Whoever still has it finds it deleted; those who wait for it or watch it
// are told.
func (h *Hub) drop(d *device) (rest func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := h.forgetDevice(d); err != nil {
		return nil, err
	}
	d.deleted = true
	s, waiting := d.session, d.waiting
	d.session, d.waiting = nil, nil
	watchers := h.watches.end(d)
	h.devices.leave(d)
	return func() {
		for _, ready := range waiting {
			ready.Resolve(true)
		}
		h.telemetry.wake(d)
		if s != nil {
			h.close(s, errDeleted)
		}
		for _, w := range watchers {
			w.flush()
		}
	}, nil
}

// unique is a number that no identity had before. It looks like Azure's, which counts units of 100ns
// since the year 1.
func (h *Hub) unique(now time.Time) int64 {
	const year1970 = 621355968000000000
	return year1970 + now.UnixNano()/100 + int64(h.made.Add(1))
}
