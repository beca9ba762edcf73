package hub

import (
	"context"
	"time"
)

// Messages are what devices send (telemetry) and what is sent to them. Not every hub has them: ask
// with a type assertion, as for a Pusher.
type Messages interface {
	// Send puts a message for a device into the hub's queue, where it waits for the device, and
	// returns the message's id. It is never repeated once it may have been queued.
	Send(ctx context.Context, m Message) (id string, err error)

	// Telemetry gives the messages of a device that the hub still has, oldest first, and waits until there is
	// one or ctx ends. See Listen for more than one page.
	Telemetry(ctx context.Context, q TelemetryQuery) (TelemetryPage, error)
}

// A Message is one message from the cloud to a device.
type Message struct {
	Target
	Body       []byte
	Properties map[string]string // of the application

	ID     string        // empty: the hub makes one
	Expiry time.Duration // how long it may wait for the device; 0: as long as the hub keeps messages
}

// A TelemetryQuery says which messages are wanted.
type TelemetryQuery struct {
	Target
	Since time.Time // received then or later; zero: all that the hub still has. Not looked at beside After.
	After string    // TelemetryPage.Next of the page before; empty for the first page
}

// A TelemetryPage has at least one message unless it came with an error.
type TelemetryPage struct {
	Messages []Telemetry
	Next     string // for TelemetryQuery.After
	Lost     int    // messages of this device that the hub had to forget before they were asked for; the least it can be
}

// Telemetry is one message from a device, as the hub took it.
type Telemetry struct {
	Target
	Time       time.Time         // when the hub received it, in whole ticks of 100ns; no two messages of a device have the same
	Body       []byte            // as sent; whoever gets it must not change it
	Properties map[string]string // of the application; those without a value are left out
	System     map[string]string // messageId, contentType and so on, by the names of Azure's service SDKs; for a will iothub-MessageType is "Will"
}
