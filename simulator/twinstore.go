package simulator

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/twinbook/twinbook/simulator/wire"
)

// edit changes a device under its lock, saves it, and then hands over what that queued: to the device, and, if
// f says that something changed, to those who watch its twin. The error is a fault: the change cannot be saved.
func (h *Hub) edit(d *device, f func() (changed bool)) error {
	q := h.change(d, f)
	q.tell()
	return q.unsaved
}

// change is edit for those who hold the registry's lock: they tell when they have let go of it.
func (h *Hub) change(d *device, f func() (changed bool)) queued {
	d.mu.Lock()
	defer d.mu.Unlock()
	changed := f()
	q := queued{hub: h, session: d.session}
	if err := d.save(); err != nil {
		q.unsaved = h.unsaved(err)
		return q
	}
	if changed && !d.deleted {
		q.watchers = h.watches.report(d)
	}
	return q
}

// queued is whom a change of a device has something for.
type queued struct {
	hub      *Hub
	session  *session
	watchers []*watcher
	unsaved  error // a fault: the change cannot be saved, and nobody is to hear of it
}

// tell hands it over. No lock is held.
func (q queued) tell() {
	if q.unsaved != nil {
		if q.session != nil {
			q.hub.close(q.session, q.unsaved)
		}
		return
	}
	if q.session != nil {
		q.session.link.flush()
	}
	for _, w := range q.watchers {
		w.flush()
	}
}

// readTwin is a snapshot of a device's twin.
func (h *Hub) readTwin(id string) (view, error) {
	d, err := h.device(id)
	if err != nil {
		return view{}, err
	}
	return d.view(), nil
}

// writeTwin makes a write of the service and returns the twin after it. The notice to the device is
// queued under the lock of the write, so notices come in the order of $version.
func (h *Hub) writeTwin(id string, w serviceWrite) (after view, err error) {
	d, err := h.device(id)
	if err != nil {
		return view{}, err
	}
	unsaved := h.edit(d, func() bool {
		if err = d.write(w, h.clock.Now()); err != nil {
			return false
		}
		after = d.viewLocked()
		return true
	})
	return after, cmp.Or(err, unsaved)
}

// write makes a write of the service and queues the notice of it. The device's lock is held.
func (d *device) write(w serviceWrite, now time.Time) error {
	if err := d.existsLocked(); err != nil {
		return err
	}
	notice, err := d.twin.apply(w, now)
	if err != nil {
		return err
	}
	if notice != nil && d.session != nil && d.feeds.Has(wire.DesiredFeed) {
		d.session.link.send(wire.DesiredPatch{Version: d.twin.desired.version, Body: encodeJSON(notice)})
	}
	return nil
}

// parseWrite reads the body of a PATCH, or of a PUT, which replaces. Members that the service cannot
// write are ignored, since clients send back whole twins.
func parseWrite(body []byte, replace bool, ifMatch string) (serviceWrite, error) {
	if err := checkBody(body, wire.MaxDepth); err != nil {
		return serviceWrite{}, err
	}
	var doc struct {
		Tags       json.RawMessage `json:"tags"`
		Properties struct {
			Desired json.RawMessage `json:"desired"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return serviceWrite{}, argumentInvalid.fault("The request body is not a twin: an object with tags or properties")
	}
	w := serviceWrite{ifMatch: ifMatch}
	var err error
	if w.tags, err = parseChange("Tags", doc.Tags, replace); err != nil {
		return w, err
	}
	w.desired, err = parseChange("Properties.Desired", doc.Properties.Desired, replace)
	return w, err
}

func parseChange(section string, text json.RawMessage, replace bool) (*change, error) {
	if text == nil {
		return nil, nil
	}
	values, err := decodeSection(section, text)
	if err != nil {
		return nil, err
	}
	return &change{values: values, replace: replace, clear: values == nil}, nil
}

// valuesToWrite is a merge from Go values; it goes through JSON, so that what is stored and what
// is refused is the same as over REST.
func valuesToWrite(tags, desired map[string]any, ifMatch string) (serviceWrite, error) {
	doc := map[string]any{}
	if tags != nil {
		doc["tags"] = tags
	}
	if desired != nil {
		doc["properties"] = map[string]any{"desired": desired}
	}
	body, err := json.Marshal(doc)
	if err != nil {
		return serviceWrite{}, argumentInvalid.fault("the patch cannot be JSON: %v", err)
	}
	return parseWrite(body, false, ifMatch)
}
