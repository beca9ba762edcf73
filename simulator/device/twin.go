package device

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/simulator/wire"
)

// maxBody is how much JSON a device reads from its hub at once, in bytes; more than any hub allows.
const maxBody = 256 << 10

// readTwin asks the hub for the twin and takes it over.
func (d *device) readTwin(ctx context.Context, l *link) error {
	ask := func(rid string) wire.Message { return wire.TwinGet{RID: rid} }
	return l.ask(ctx, ask, func(m wire.TwinResponse) error {
		doc, err := parseObject(m.Body)
		if err != nil {
			return fmt.Errorf("the hub sent a twin that cannot be read: %w", err)
		}
		reported, _ := doc["reported"].(map[string]any)
		desired, _ := doc["desired"].(map[string]any)
		version, _ := desired["$version"].(float64)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.reported, d.desired = plain(reported), plain(desired)
		d.version = int64(version)
		return nil
	})
}

// plain is a section of a twin without what the hub says about it.
func plain(section map[string]any) map[string]any {
	delete(section, "$version")
	if len(section) == 0 {
		return nil
	}
	return section
}

// report merges a patch into the reported properties, as soon as the device is connected.
func (d *device) report(ctx context.Context, patch map[string]any) error {
	for {
		l, err := d.awaitOnline(ctx)
		if err != nil {
			return err
		}
		err = d.reportOver(ctx, l, patch)
		if !errors.Is(err, errLost) {
			return err
		}
		if err := l.awaitEnd(ctx); err != nil {
			return err
		}
	}
}

// reportOver is errLost if the link ended before the hub had answered.
func (d *device) reportOver(ctx context.Context, l *link, patch map[string]any) error {
	body, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	send := func(rid string) wire.Message { return wire.ReportedPatch{RID: rid, Body: body} }
	err = l.ask(ctx, send, func(wire.TwinResponse) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.reported = merge(d.reported, patch)
		return nil
	})
	if err == nil {
		d.log("debug", "reported %s", shown{patch})
	}
	return err
}

// takeNotice takes a change of the desired properties. What the device has read since is older news.
func (d *device) takeNotice(m wire.DesiredPatch) {
	patch, err := parseObject(m.Body)
	if err != nil {
		d.log("error", "the hub sent desired properties that cannot be read: %v", err)
		return
	}
	delete(patch, "$version")
	d.mu.Lock()
	if m.Version <= d.version {
		d.mu.Unlock()
		return
	}
	d.version = m.Version
	d.desired = merge(d.desired, patch)
	d.mu.Unlock()
	d.log("debug", "desired %s", shown{patch})
	d.apply()
}

// apply plays onDesired, once more if it is being played.
func (d *device) apply() {
	list := d.Profile.onDesired
	if list == nil {
		return
	}
	d.mu.Lock()
	busy := d.applying
	d.applying, d.again = true, busy
	d.mu.Unlock()
	if !busy {
		d.in.party("desired properties of "+d.ID, func(ctx context.Context) { d.applyAll(ctx, list) })
	}
}

func (d *device) applyAll(ctx context.Context, list *list) {
	for {
		end := d.play(ctx, list, nil, nil)
		if end == nil {
			return
		}
		d.mu.Lock()
		once := d.again
		d.applying, d.again = once, false
		d.mu.Unlock()
		if !once {
			return
		}
	}
}

func parseObject(body []byte) (map[string]any, error) {
	if len(body) > maxBody {
		return nil, fmt.Errorf("it has %d bytes; %d are read", len(body), maxBody)
	}
	value, err := expr.ParseJSON(body)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("it is no JSON object")
	}
	return object, nil
}

// refusal is the error in a hub's answer, nil if there is none.
func refusal(m wire.TwinResponse) error {
	if m.Status >= 200 && m.Status < 300 {
		return nil
	}
	kind := engine.KindInvalid
	switch {
	case m.Status == 429:
		kind = engine.KindThrottled
	case m.Status >= 500:
		kind = engine.KindUnavailable
	}
	text := fmt.Sprintf("the hub answered %d", m.Status)
	if body, err := parseObject(m.Body); err == nil {
		if message, ok := body["message"].(string); ok {
			text += ": " + message
		}
	}
	return &engine.Error{Kind: kind, Message: text}
}
