package simulator

import (
	"context"
	"encoding/json"

	"github.com/twinbook/twinbook/hub"
)

// A Client reaches the devices of a Hub in the same process, by the same functions that answer REST.
// It is a hub.Hub and a hub.Pusher. What it fails with is always a *hub.Error.
type Client struct{ hub *Hub }

// Client gives a client of the hub with all rights.
func (h *Hub) Client() *Client { return &Client{h} }

// Invoke calls a direct method and waits for the answer.
func (c *Client) Invoke(ctx context.Context, call hub.Call) (hub.Reply, error) {
	reply, err := c.invoke(ctx, call)
	return reply, failed("call "+call.Method, call.Target, err)
}

func (c *Client) invoke(ctx context.Context, call hub.Call) (hub.Reply, error) {
	id, err := registryID(call.Device, call.Module)
	if err != nil {
		return hub.Reply{}, err
	}
	payload, err := json.Marshal(call.Payload)
	if err != nil {
		return hub.Reply{}, argumentInvalid.fault("the payload cannot be JSON: %v", err)
	}
	v := invocation{device: id, method: call.Method, payload: payload, response: call.Response, connect: call.Connect}
	if v.response == 0 {
		v.response = defaultResponse
	}
	v.response = max(v.response, minResponse) // who wants less ends the context
	if err := c.hub.attend(ctx, v.device, methodCalls, metered(v.payload)); err != nil {
		return hub.Reply{}, err
	}
	a, err := c.hub.invoke(ctx, v)
	if err != nil {
		return hub.Reply{}, err
	}
	var answer any
	if err := json.Unmarshal(a.payload, &answer); err != nil { // valid, but holds 1e999
		return hub.Reply{}, badAnswer.fault("the answer of device %s holds a value that cannot be read: %v", call.Device, err).afterSending()
	}
	return hub.Reply{Status: a.status, Payload: answer}, nil
}

// Twin reads a twin.
func (c *Client) Twin(ctx context.Context, t hub.Target) (hub.Twin, error) {
	id, err := registryID(t.Device, t.Module)
	if err == nil {
		err = c.hub.attend(ctx, t.String(), twinReads, 1)
	}
	if err != nil {
		return hub.Twin{}, failed("read the twin", t, err)
	}
	v, err := c.hub.readTwin(id)
	if err != nil {
		return hub.Twin{}, failed("read the twin", t, err)
	}
	return v.hubTwin(), nil
}

// UpdateTwin merges a patch into a twin.
func (c *Client) UpdateTwin(ctx context.Context, t hub.Target, p hub.Patch) (hub.Twin, error) {
	v, err := c.update(ctx, t, p)
	if err != nil {
		return hub.Twin{}, failed("update the twin", t, err)
	}
	return v.hubTwin(), nil
}

func (c *Client) update(ctx context.Context, t hub.Target, p hub.Patch) (view, error) {
	id, err := registryID(t.Device, t.Module)
	if err != nil {
		return view{}, err
	}
	w, err := valuesToWrite(p.Tags, p.Desired, p.IfMatch)
	if err != nil {
		return view{}, err
	}
	if err := c.hub.attend(ctx, t.String(), twinWrites, 1); err != nil {
		return view{}, err
	}
	return c.hub.writeTwin(id, w)
}

// Query gives a page of a query's answer.
func (c *Client) Query(ctx context.Context, q hub.Query) (hub.Page, error) {
	if err := c.hub.attend(ctx, "", queries, 1); err != nil {
		return hub.Page{}, failed("query", hub.Target{}, err)
	}
	answer, err := c.hub.ask(inquiry{text: q.Text, pageSize: q.PageSize, continuation: q.Continuation})
	if err != nil {
		return hub.Page{}, failed("query", hub.Target{}, err)
	}
	page := hub.Page{Continuation: answer.next}
	if answer.items != twinItems {
		page.Rows = plainRows(answer.rows)
		return page, nil
	}
	page.Twins = make([]hub.Twin, len(answer.views))
	for i, v := range answer.views {
		page.Twins[i] = v.hubTwin()
	}
	return page, nil
}

// plainRows makes rows plain JSON: a query may have selected a whole section, which is none yet.
func plainRows(rows []map[string]any) []map[string]any {
	plain := make([]map[string]any, 0, len(rows))
	if err := json.Unmarshal(encodeJSON(rows), &plain); err != nil {
		panic(err) // we have just made it
	}
	return plain
}

// OnTwin calls f after each change of a twin, and when its device comes or goes, until stop is called
// or the device is deleted.
func (c *Client) OnTwin(t hub.Target, f func(hub.Twin, error)) (stop func()) {
	return c.hub.watches.add(t.String(), f)
}

// OnTwins calls f after each change of any device's twin, and when a device comes, goes or is deleted, until stop is
// called.
func (c *Client) OnTwins(f func(hub.Twin, error)) (stop func()) { return c.hub.watches.addAll(f) }

// failed makes a fault the error that steps see.
func failed(op string, t hub.Target, err error) error {
	if err == nil {
		return nil
	}
	f := asFault(err)
	return &hub.Error{Op: op, Device: t.String(), Kind: f.kind, Sent: f.sent, Wait: f.again, Err: f}
}
