package device

import (
	"context"
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/simulator/wire"
)

// maxWaiting is how many messages of a device wait for their steps.
const maxWaiting = 1000

// An inbox is the messages from the cloud that a device has taken and not dealt with.
type inbox struct{ waiting []wire.Devicebound }

// takeMessage takes a message, which is acknowledged by that. Messages are dealt with in their order, one at
// a time.
func (d *device) takeMessage(m wire.Devicebound) {
	list := d.Profile.onMessage
	if list == nil {
		return
	}
	d.mu.Lock()
	idle := d.inbox == nil
	if idle {
		d.inbox = &inbox{}
	}
	full := len(d.inbox.waiting) == maxWaiting
	if !full {
		d.inbox.waiting = append(d.inbox.waiting, m)
	}
	d.mu.Unlock()
	if full {
		d.log("error", "a message is dropped: %d wait for their steps already", maxWaiting)
	}
	if idle {
		d.in.party("messages to "+d.ID, func(ctx context.Context) { d.readMessages(ctx, list) })
	}
}

func (d *device) readMessages(ctx context.Context, list *list) {
	for {
		m, ok := d.nextMessage()
		if !ok {
			return
		}
		message := messageNames(m)
		d.log("debug", "got message %s", shown{message})
		if d.play(ctx, list, nil, map[string]any{"message": message}) == nil {
			return
		}
	}
}

// nextMessage takes the oldest message out; without one the device is idle, and holds nothing.
func (d *device) nextMessage() (m wire.Devicebound, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.inbox.waiting) == 0 {
		d.inbox = nil
		return m, false
	}
	m = d.inbox.waiting[0]
	d.inbox.waiting = d.inbox.waiting[1:]
	return m, true
}

// messageType is what the steps of onMessage see as message.
func messageType() expr.Type {
	return expr.ObjectType(map[string]expr.Type{
		"id": {Kind: expr.String}, "body": {}, "bodyType": {Kind: expr.String}, "properties": {Kind: expr.Object},
	})
}

func messageNames(m wire.Devicebound) map[string]any {
	body, bodyType := expr.ReadBody(m.Body)
	properties, id := map[string]any{}, ""
	for _, p := range m.Properties {
		switch {
		case p.Key == "$.mid":
			id = p.Value
		case !strings.HasPrefix(p.Key, "$."):
			properties[p.Key] = p.Value
		}
	}
	return map[string]any{"id": id, "body": body, "bodyType": bodyType, "properties": properties}
}
