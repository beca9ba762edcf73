package simulator

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/simulator/wire"
)

// eventRoutes are what devices call that speak HTTP: they send telemetry, and that is all.
var eventRoutes = []route{
	{method: "POST", path: "devices/*/messages/events", byDevice: true, serve: (*request).takeEvent, quota: telemetrySends},
}

// eventHeaders are the system properties that come as headers, by the names of Azure's device SDKs.
var eventHeaders = []struct{ header, key string }{
	{"iothub-messageid", "$.mid"},
	{"iothub-correlationid", "$.cid"},
	{"iothub-userid", "$.uid"},
	{"iothub-to", "$.to"},
	{"iothub-contenttype", "$.ct"},
	{"iothub-contentencoding", "$.ce"},
	{"iothub-expiry", "$.exp"},
}

const (
	applicationHeader = "iothub-app-"                           // in front of the name of a property
	batchType         = "application/vnd.microsoft.iothub.json" // of a body that holds several messages
)

// authorizeDevice checks the token of a device that calls for itself.
func (r *request) authorizeDevice() error {
	id, err := registryID(r.path[1], "")
	if err != nil {
		return err
	}
	d, err := r.hub.device(id)
	if err != nil {
		return err
	}
	_, err = r.hub.admit(d, r.Header.Get("Authorization"), nil)
	return err
}

func (r *request) takeEvent() (reply, error) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), batchType) {
		return reply{}, notImplemented.fault("This simulator takes one message a request, no batches")
	}
	body, err := r.readBody()
	if err != nil {
		return reply{}, err
	}
	if len(body) > maxMessage {
		return reply{}, messageTooLarge.fault("The message has %d bytes, and %d are allowed", len(body), maxMessage)
	}
	d, err := r.hub.device(r.path[1])
	if err != nil {
		return reply{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.refuses(); err != nil {
		return reply{}, err
	}
	r.hub.keep(d, record{bag: wire.FormatBag(eventProperties(r.Header)), body: body})
	return reply{status: http.StatusNoContent}, nil
}

// eventProperties are a message's properties. HTTP does not tell capitals in names of headers, so there are none.
func eventProperties(h http.Header) []wire.Property {
	var properties []wire.Property
	for _, e := range eventHeaders {
		if v := h.Get(e.header); v != "" {
			properties = append(properties, wire.Property{Key: e.key, Value: v})
		}
	}
	for _, header := range slices.Sorted(maps.Keys(h)) {
		if name, ok := strings.CutPrefix(strings.ToLower(header), applicationHeader); ok {
			properties = append(properties, wire.Property{Key: name, Value: h.Get(header)})
		}
	}
	return properties
}
