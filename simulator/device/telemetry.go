package device

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/simulator/wire"
)

var telemetry = engine.Define(engine.Spec{
	Name:    "telemetry",
	Summary: "send a message to the hub",
	Doc: "Goes on when the hub has acknowledged it. While the device is not connected it waits, for ever unless the step has a `timeout`; " +
		"if the connection is lost before the hub has acknowledged the message, it is sent again.",
	Example: `
- telemetry:
    body: { temperature: "${{ 20 + 5 * noise() }}" }
    properties: { level: info }`,
	Delivery: engine.Repeatable,
}, runTelemetry)

type telemetryParams struct {
	Body       any               `yaml:"body" doc:"Text is sent as it is, anything else as JSON; without it the message is empty."`
	Properties map[string]string `yaml:"properties" doc:"Properties beside the body."`
}

func runTelemetry(ctx context.Context, env Env, p telemetryParams) (struct{}, error) {
	m, err := newTelemetry(p.Body, p.Properties)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, env.device.emit(ctx, m)
}

// newTelemetry is a message that a hub takes.
func newTelemetry(body any, properties map[string]string) (m wire.Telemetry, err error) {
	if m.Body, err = expr.WriteBody(body); err == nil && len(m.Body) > maxBody {
		err = fmt.Errorf("the message has %d bytes, and a hub takes %d", len(m.Body), maxBody)
	}
	if err != nil {
		return m, &engine.Error{Kind: engine.KindInvalid, Message: err.Error()}
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		m.Properties = append(m.Properties, wire.Property{Key: name, Value: properties[name]})
	}
	return m, nil
}

// emit sends a message as soon as the device is connected, until the hub has it.
func (d *device) emit(ctx context.Context, m wire.Telemetry) error {
	for {
		l, err := d.awaitOnline(ctx)
		if err != nil {
			return err
		}
		err = l.conn.Send(m)
		if err == nil {
			d.log("debug", "sent telemetry %.120q", m.Body)
		}
		if !errors.Is(err, wire.ErrClosed) {
			return err
		}
		if err := l.awaitEnd(ctx); err != nil {
			return err
		}
	}
}

// A beat is a kind of message that devices of a profile send of themselves, again and again.
type beat struct {
	every      time.Duration
	body       *engine.Value // nil: none
	properties *engine.Value // nil: none
}

// message evaluates what a device sends now.
func (b *beat) message(d *device) (wire.Telemetry, error) {
	names := d.sees()
	names["device"] = d.self()
	env := expr.Env{Names: names, Now: d.in.clock.Now(), Noise: d.noise}
	var body any
	var properties map[string]string
	var err error
	if b.body != nil {
		if body, err = b.body.EvalParam(env, "body"); err != nil {
			return wire.Telemetry{}, err
		}
	}
	if b.properties != nil {
		if properties, err = b.properties.EvalTexts(env, "properties"); err != nil {
			return wire.Telemetry{}, err
		}
	}
	return newTelemetry(body, properties)
}

// placed is an error with its place in the file, where it has one.
func placed(err error) string {
	var wrong *engine.ValueError
	if errors.As(err, &wrong) {
		return wrong.Pos.String() + ": " + err.Error()
	}
	return err.Error()
}

// beats sends a message if the device is connected: what it did not send then is not sent later.
func (d *device) beats(b *beat) error {
	d.mu.Lock()
	l := d.link
	d.mu.Unlock()
	if l == nil {
		return nil
	}
	m, err := b.message(d)
	if err == nil {
		err = l.conn.Send(m)
	}
	switch {
	case errors.Is(err, wire.ErrClosed):
		return nil
	case err == nil:
		d.log("debug", "sent telemetry %.120q", m.Body)
	}
	return err
}
