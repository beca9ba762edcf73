package simulator

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/simulator/wire"
)

// Send puts a message for a device into the hub's queue and returns its id.
func (c *Client) Send(_ context.Context, m hub.Message) (id string, err error) {
	device, err := registryID(m.Device, m.Module)
	if err == nil {
		id, err = c.hub.sendMessage(outgoing{
			device: device, id: m.ID, properties: m.Properties, body: m.Body, expiry: m.Expiry,
		})
	}
	return id, failed("send a message", m.Target, err)
}

// Telemetry gives messages of a device, and waits until there is one or ctx ends.
func (c *Client) Telemetry(ctx context.Context, q hub.TelemetryQuery) (hub.TelemetryPage, error) {
	page, err := c.telemetry(ctx, q)
	if err != nil {
		return hub.TelemetryPage{}, failed("read telemetry", q.Target, err)
	}
	all := hub.TelemetryPage{Messages: make([]hub.Telemetry, len(page.records)), Next: page.next, Lost: int(page.lost)}
	for i, r := range page.records {
		all.Messages[i] = r.message()
	}
	return all, nil
}

func (c *Client) telemetry(ctx context.Context, q hub.TelemetryQuery) (telemetryPage, error) {
	id, err := registryID(q.Device, q.Module)
	if err != nil {
		return telemetryPage{}, err
	}
	d, err := c.hub.device(id)
	if err != nil {
		return telemetryPage{}, err
	}
	r, err := c.hub.newReading(d, q.Since, q.After)
	if err != nil {
		return telemetryPage{}, err
	}
	page, err := c.hub.readTelemetry(ctx, r)
	if err != nil {
		return telemetryPage{}, noTelemetry(d, err)
	}
	return page, nil
}

// noTelemetry is the fault of a reader whose device was deleted, or whose context ended.
func noTelemetry(d *device, cause error) *fault {
	var gone *fault
	if errors.As(cause, &gone) {
		return gone
	}
	if errors.Is(cause, context.DeadlineExceeded) {
		return responseTimeout.fault("The caller's time was up").saying("the caller's time was up before a message came from %s", d.id)
	}
	return connectionClosed.fault("The caller went away").saying("the caller stopped waiting for messages of %s", d.id)
}

// message is a record with its properties taken apart.
func (r *record) message() hub.Telemetry {
	from := r.device.names()
	m := hub.Telemetry{
		Target: hub.Target(from), Time: r.time, Body: r.body,
		Properties: map[string]string{}, System: map[string]string{},
	}
	for _, p := range wire.ParseBag(r.bag) {
		if p.Null { // for steps it is not there
			continue
		}
		if strings.HasPrefix(p.Key, "$.") {
			m.System[systemName(p.Key)] = p.Value
		} else {
			m.Properties[p.Key] = p.Value
		}
	}
	if r.retained {
		m.Properties["mqtt-retain"] = "true"
	}
	maps.Copy(m.System, r.stamp(from))
	return m
}

// nulls are the keys of the application that stood without a value, which is not the same as an empty one.
func (r *record) nulls() []string {
	var keys []string
	for _, p := range wire.ParseBag(r.bag) {
		if p.Null && !strings.HasPrefix(p.Key, "$.") {
			keys = append(keys, p.Key)
		}
	}
	return keys
}

// stamp is what the hub itself says of a message.
func (r *record) stamp(from wire.Identity) map[string]string {
	says := map[string]string{
		"iothub-connection-device-id": from.Device,
		"iothub-enqueuedtime":         timeText(r.time),
	}
	if from.Module != "" {
		says["iothub-connection-module-id"] = from.Module
	}
	if r.will {
		says["iothub-MessageType"] = "Will"
	}
	return says
}

// systemName is a property's name in the service SDKs; one that they do not know keeps the name it was sent with.
func systemName(key string) string {
	if name, known := systemNames[key]; known {
		return name
	}
	return key
}

var systemNames = map[string]string{
	"$.mid":   "messageId",
	"$.cid":   "correlationId",
	"$.uid":   "userId",
	"$.to":    "to",
	"$.ct":    "contentType",
	"$.ce":    "contentEncoding",
	"$.exp":   "expiryTimeUtc",
	"$.ifid":  "iothub-interface-id",
	"$.sub":   "dt-subject",
	"$.on":    "outputName",
	"$.cdid":  "connectionDeviceId",
	"$.cmid":  "connectionModuleId",
	"$.ctime": "creationTimeUtc",
}
