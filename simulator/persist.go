package simulator

import (
	"time"

	"github.com/twinbook/twinbook/simulator/state"
	"github.com/twinbook/twinbook/simulator/wire"
)

// What a hub keeps in its state folder, by kind of record. A device's twin and session count only with
// its identity, which is the last to be written and the first to be taken away.
const (
	hubKind      = "hub"      // key "secret"
	identityKind = "identity" // by id
	twinKind     = "twin"     // by id
	sessionKind  = "session"  // by id; only of devices whose session is kept or that have messages
	jobKind      = "job"      // by id
	jobPartKind  = "jobPart"  // see keptParts
	jobRowsKind  = "jobRows"  // see keptRows
)

const secretKey = "secret"

// A keptIdentity has the zero of all that nothing was said about.
type keptIdentity struct {
	Generation     int64          `json:"generation"`
	Version        int64          `json:"version,omitempty"`
	Disabled       bool           `json:"disabled,omitempty"`
	Reason         string         `json:"reason,omitempty"`
	StatusTime     time.Time      `json:"statusTime,omitzero"`
	Authentication Authentication `json:"authentication,omitempty"` // empty: SAS
	Keys           [2][]byte      `json:"keys,omitzero"`
	Thumbprints    [2]string      `json:"thumbprints,omitzero"`
	Edge           bool           `json:"edge,omitempty"`
	Scope          string         `json:"scope,omitempty"`
	Parents        []string       `json:"parents,omitempty"`
	ManagedBy      string         `json:"managedBy,omitempty"`
}

// A keptSession also says when the device was there.
type keptSession struct {
	sessionState
	Active time.Time `json:"active"`
	Moved  time.Time `json:"moved"`
}

// saved tells what the state folder has of a device from what the device is now. Guarded by device.mu.
type saved struct {
	store    *state.Store
	identity *identity
	disabled bool
	twin     int64 // its version
	session  sessionVersion
}

// save writes what has changed of d since the last time. Its lock is held, so that whoever sees a change sees one
// that is written.
func (d *device) save() error {
	if d.saved == nil {
		return nil
	}
	next := *d.saved
	var changes []state.Change
	if d.twin.version != d.saved.twin {
		changes = append(changes, state.Change{Kind: twinKind, Key: d.id, Value: d.twin.keep()})
		next.twin = d.twin.version
	}
	if d.sessionVersion() != d.saved.session {
		changes = append(changes, state.Change{Kind: sessionKind, Key: d.id, Value: d.keepSession()})
		next.session = d.sessionVersion()
	}
	if d.identity != d.saved.identity || d.disabled != d.saved.disabled {
		changes = append(changes, state.Change{Kind: identityKind, Key: d.id, Value: d.keepIdentity()})
		next.identity, next.disabled = d.identity, d.disabled
	}
	if len(changes) == 0 {
		return nil
	}
	if err := d.saved.store.Write(changes...); err != nil {
		return err
	}
	*d.saved = next
	return nil
}

func (d *device) keepIdentity() keptIdentity {
	id := d.identity
	k := keptIdentity{
		Generation: d.generation, Version: id.version, Disabled: d.disabled, Reason: id.reason, StatusTime: id.statusTime,
		Authentication: id.kind, Keys: id.keys, Thumbprints: id.thumbprints,
		Edge: id.edge, Scope: id.scope, Parents: id.parents, ManagedBy: id.managedBy,
	}
	if k.Authentication == SAS {
		k.Authentication = ""
	}
	return k
}

// keepSession is nil, which takes the record away, where there is nothing to keep.
func (d *device) keepSession() any {
	s := d.exportSession()
	if s.isEmpty() {
		return nil
	}
	return keptSession{s, d.active, d.moved}
}

// saveNew begins to save a device, which nobody else has yet.
func (h *Hub) saveNew(d *device) error {
	if h.config.State == nil {
		return nil
	}
	d.saved = &saved{store: h.config.State}
	if err := d.save(); err != nil {
		return h.unsaved(err)
	}
	return nil
}

// forgetDevice takes away what is kept of a device that is to be deleted. Its lock is held.
func (h *Hub) forgetDevice(d *device) error {
	if d.saved == nil {
		return nil
	}
	err := d.saved.store.Write(
		state.Change{Kind: identityKind, Key: d.id}, state.Change{Kind: twinKind, Key: d.id}, state.Change{Kind: sessionKind, Key: d.id})
	if err != nil {
		return h.unsaved(err)
	}
	d.saved = nil
	return nil
}

// unsaved is the fault of a change that could not be written. The hub has it in memory, so it tells of it
// to nobody else, and whoever runs the hub should end it.
func (h *Hub) unsaved(err error) *fault {
	if h.config.StateFailed != nil {
		h.config.StateFailed(err)
	}
	return serverError.fault("The change could not be stored").saying("the simulator could not keep the change: %v", err)
}

// careful is the link of a device that is saved: before the device is told of a change, that is written. Else
// the bytes might leave while the change is still being made. Messages from the cloud need no care: one that is kept
// although the device has it comes again, as at QoS 1 it may.
type careful struct {
	link
	device *device
}

func (c careful) opened(sessionPresent bool) {
	if c.device.save() == nil { // the end of the edit sees a failure as well
		c.link.opened(sessionPresent)
	}
}

func (c careful) send(m wire.Message) {
	if c.device.save() == nil {
		c.link.send(m)
	}
}
