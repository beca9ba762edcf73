package device

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/simulator/wire"
)

// maxServing is how many calls a device serves at the same time.
const maxServing = 1000

// A call is a method call that the device was given.
type call struct {
	link     *link
	rid      string
	method   string
	answered bool // guarded by device.mu
}

// takeCall begins to serve a call. Calls are served at the same time.
func (d *device) takeCall(l *link, m wire.MethodRequest) {
	c := &call{link: l, rid: m.RID, method: m.Method}
	index, list := d.Profile.method(m.Method)
	d.mu.Lock()
	busy := d.serving == maxServing
	if !busy {
		d.serving++
	}
	if list != nil {
		if d.calls == nil {
			d.calls = make([]int, len(d.Profile.methods))
		}
		d.calls[index]++
	}
	d.mu.Unlock()
	if busy {
		d.log("error", "%s is not served: %d calls are under way; answered 503", c.method, maxServing)
		d.answer(c, 503, failure(fmt.Sprintf("the device serves %d calls already", maxServing)))
		return
	}
	d.in.party("method "+m.Method+" of "+d.ID, func(ctx context.Context) {
		d.serve(ctx, list, c, m.Body)
		d.mu.Lock()
		d.serving--
		d.mu.Unlock()
	})
}

func (d *device) serve(ctx context.Context, list *list, c *call, body []byte) {
	if list == nil {
		d.log("warn", "there is no method %s in profile %s; answered 501", c.method, d.Profile.Name)
		d.answer(c, 501, failure("the device has no method "+c.method))
		return
	}
	payload, err := parsePayload(body)
	if err != nil {
		d.log("error", "%s came with a payload that cannot be read: %v; answered 400", c.method, err)
		d.answer(c, 400, failure("the payload cannot be read: "+err.Error()))
		return
	}
	d.log("debug", "%s is called with %s", c.method, shown{payload})
	end := d.play(ctx, list, c, map[string]any{"method": c.method, "payload": payload})
	if end == nil {
		return // the simulation is over
	}
	d.finish(c, end)
}

func parsePayload(body []byte) (any, error) {
	if len(body) > maxBody {
		return nil, fmt.Errorf("it has %d bytes; %d are read", len(body), maxBody)
	}
	return expr.ParseJSON(body)
}

// finish answers for steps that did not.
func (d *device) finish(c *call, end *engine.Outcome) {
	d.mu.Lock()
	silent := !c.answered
	d.mu.Unlock()
	if !silent {
		return
	}
	status, payload := 200, any(nil)
	if end.Status != engine.Succeeded {
		status, payload = 500, failure(end.Error.Message)
	}
	if err := d.answer(c, status, payload); err != nil {
		d.log("warn", "%s was not answered: %v", c.method, err)
	}
}

func failure(text string) any { return map[string]any{"error": text} }

// answer answers a call. It can be done once, over the connection on which the call came: when that is
// gone, the hub has told the caller so.
func (d *device) answer(c *call, status int, payload any) error {
	body, err := json.Marshal(payload)
	if err != nil {
		return &engine.Error{Kind: engine.KindInvalid, Message: err.Error()}
	}
	d.mu.Lock()
	answered, ended := c.answered, c.link.ended
	c.answered = true
	d.mu.Unlock()
	if answered {
		return &engine.Error{Kind: engine.KindInvalid, Message: "the call of " + c.method + " is answered already"}
	}
	if !ended {
		err = c.link.conn.Send(wire.MethodResponse{RID: c.rid, Status: status, Body: body})
	}
	if ended || err != nil {
		return &engine.Error{Kind: engine.KindInterrupted, Message: "the connection over which " + c.method + " was called has ended, so its answer reaches nobody"}
	}
	d.log("debug", "%s is answered %d %s", c.method, status, shown{payload})
	return nil
}
