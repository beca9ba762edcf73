// Package hubtest is the exam that every hub passes, whatever it is made of, so that a workflow that
// runs on one runs on all.
//
// It sees a hub through package hub alone and plays a device through Device. All that waits does so
// on the fixture's clock: the same exam runs on virtual time, on the machine's, and faster.
package hubtest

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

// A Fixture is a hub without devices, and the means to put some there.
type Fixture struct {
	Hub   hub.Hub
	Clock clock.Clock

	// Add makes a device with these tags and connects it.
	Add func(t *testing.T, id string, tags map[string]any) Device

	// Run runs f as a party of Clock and returns when it has ended.
	Run func(t *testing.T, f func(ctx context.Context))
}

// A Device is the device's end of a hub.
type Device interface {
	// Handle has methods answered by f from now on. f must not wait.
	Handle(f func(method string, payload json.RawMessage) Answer)

	// Report merges a JSON object into the reported properties; it returns when the hub has it.
	Report(patch string)

	// Emit sends a message; it returns when the hub has it.
	Emit(body string, properties map[string]string)

	// Listen has messages from the cloud given to f from now on, and those that wait already. f must not wait.
	Listen(f func(Letter))

	// Offline ends the connection; Online opens it again, ready for methods and messages.
	Offline()
	Online()
}

// A Letter is a message from the cloud as the device got it.
type Letter struct {
	ID, Body   string
	Properties map[string]string
}

// An Answer is what a device sends back for a method.
type Answer struct {
	Status int
	Body   string // sent as it is, right or wrong
	Silent bool   // no answer at all
}

// Exercise is the exam. open is called for each question of it and gives a fresh fixture.
func Exercise(t *testing.T, open func(t *testing.T) Fixture) {
	for _, part := range []struct {
		name      string
		questions []question
	}{
		{"Methods", methods},
		{"Twins", twins},
		{"Queries", queries},
		{"Pushes", pushes},
		{"Watching", watching},
		{"Telemetry", telemetry},
		{"Messages", messages},
	} {
		t.Run(part.name, func(t *testing.T) {
			for _, q := range part.questions {
				t.Run(q.name, func(t *testing.T) { ask(t, open(t), q) })
			}
		})
	}
}

// A question is one thing that holds for every hub.
type question struct {
	name string
	ask  func(ctx context.Context, x *exam)
}

func ask(t *testing.T, f Fixture, q question) {
	f.Run(t, func(ctx context.Context) { q.ask(ctx, &exam{t, f}) })
}

// An exam is one question being asked.
type exam struct {
	*testing.T
	Fixture
}

var dev = hub.Target{Device: "dev-1"}

// device is dev, connected.
func (x *exam) device() Device { return x.Add(x.T, dev.Device, nil) }

// failsWith checks all that every error of a hub says.
func (x *exam) failsWith(err error, device string, kind hub.Kind, sent bool) {
	x.Helper()
	e, ok := err.(*hub.Error)
	if !ok {
		x.Fatalf("got %T (%v), want a *hub.Error of kind %s", err, err, kind)
	}
	if e.Kind != kind || e.Sent != sent || e.Device != device || e.Op == "" || e.Err == nil {
		x.Errorf("kind %s, sent %v, device %q, op %q (%v)\nwant %s, %v, %q", e.Kind, e.Sent, e.Device, e.Op, err, kind, sent, device)
	}
}

// all runs n parties and waits for them.
func (x *exam) all(ctx context.Context, n int, f func(ctx context.Context, i int) error) {
	x.Helper()
	ended := clock.NewQueue[error](x.Clock)
	for i := range n {
		x.Clock.Go(ctx, "party of the exam", func(ctx context.Context) { ended.Put(f(ctx, i)) })
	}
	for left := n; left > 0; {
		errs, err := ended.Take(ctx)
		if err != nil {
			x.Fatal(err)
		}
		for _, err := range errs {
			if err != nil {
				x.Error(err)
			}
		}
		left -= len(errs)
	}
}
