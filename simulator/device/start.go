package device

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// Options say where and how a fleet lives.
type Options struct {
	Clock clock.Clock // default: clock.Real()
	Dial  wire.Dial   // how each device reaches its hub: a hub's own for attached devices, or DialMQTT
	Seed  string      // all chance comes from it and the devices' ids

	// Log takes the lines of the devices' logs. It may be called by several at the same time, and must not wait.
	// nil: nobody wants them.
	Log func(LogLine)

	AtOnce int // how many devices connect at the same time at the start; default 8
}

// A LogLine is a line of a device's log.
type LogLine struct {
	Time   time.Time
	Device string
	Level  string // debug info warn error
	Text   string
}

// Running is a fleet that lives.
type Running struct {
	ctx     context.Context // of all its parties; it ends with that of Start
	clock   clock.Clock
	options Options
	actions engine.Catalog[Env]
	devices []device
	byID    map[string]*device
	pulses  pulses
	ready   *clock.Promise[struct{}]
	ended   *clock.Promise[struct{}]

	mu       sync.Mutex // guards what follows
	next     int        // the next device to connect for the first time
	missing  int        // devices that were never connected
	lastErr  error      // why one of them is not
	parties  int        // at work
	ending   bool
	lastLeft *clock.Promise[struct{}] // no party is at work any more
}

// Start connects the devices of a fleet, which must be known to the hub, and lets them live until ctx ends. It does not
// wait for them; see Ready.
func Start(ctx context.Context, fleet *Fleet, o Options) (*Running, error) {
	if o.Dial == nil {
		return nil, errors.New("device: Options.Dial is missing")
	}
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	if o.AtOnce <= 0 {
		o.AtOnce = 8
	}
	ctx, cancel := o.Clock.WithCancel(ctx)
	r := &Running{
		ctx: ctx, clock: o.Clock, options: o, actions: Actions(),
		devices: make([]device, len(fleet.Devices)), byID: make(map[string]*device, len(fleet.Devices)),
		ready: clock.NewPromise[struct{}](o.Clock), ended: clock.NewPromise[struct{}](o.Clock),
		lastLeft: clock.NewPromise[struct{}](o.Clock), missing: len(fleet.Devices),
	}
	r.pulses = pulses{fleet: r, began: o.Clock.Now()}
	for i := range fleet.Devices {
		d := &r.devices[i]
		d.Spec, d.in, d.wanted, d.connecting = &fleet.Devices[i], r, true, true
		r.byID[d.ID] = d
	}
	if len(r.devices) == 0 {
		r.ready.Resolve(struct{}{})
	}
	o.Clock.Go(ctx, "the end of the devices", func(ctx context.Context) {
		r.live(ctx)
		cancel()
	})
	for range min(o.AtOnce, len(r.devices)) {
		r.party("devices connect", r.connectAll)
	}
	return r, nil
}

// connectAll connects devices, one after another, that have not been connected yet.
func (r *Running) connectAll(ctx context.Context) {
	for ctx.Err() == nil {
		r.mu.Lock()
		i := r.next
		r.next++
		r.mu.Unlock()
		if i >= len(r.devices) {
			return
		}
		r.devices[i].firstConnect(ctx)
	}
}

// party runs f until the fleet ends; it is not begun any more when that is under way.
func (r *Running) party(name string, f func(context.Context)) { r.partyIn(r.ctx, name, f) }

// partyIn is party with a context that ends earlier.
func (r *Running) partyIn(ctx context.Context, name string, f func(context.Context)) {
	r.mu.Lock()
	if r.ending {
		r.mu.Unlock()
		return
	}
	r.parties++
	r.mu.Unlock()
	r.clock.Go(ctx, name, func(ctx context.Context) {
		defer r.left()
		f(ctx)
	})
}

func (r *Running) left() {
	r.mu.Lock()
	r.parties--
	last := r.ending && r.parties == 0
	r.mu.Unlock()
	if last {
		r.lastLeft.Resolve(struct{}{})
	}
}

// live waits for the end, and then until nothing is left: no party, no connection.
func (r *Running) live(ctx context.Context) {
	never := clock.NewPromise[struct{}](r.clock)
	never.Await(ctx)
	r.mu.Lock()
	r.ending = true
	busy := r.parties > 0
	r.mu.Unlock()
	r.pulses.end()
	// The fleet's context has ended; what is waited for now comes by itself.
	if busy {
		r.lastLeft.Await(context.Background())
	}
	for i := range r.devices {
		r.devices[i].leave()
	}
	for i := range r.devices {
		r.devices[i].switchOff(context.Background())
	}
	r.ended.Resolve(struct{}{})
}

// oneConnected counts a device that was connected for the first time.
func (r *Running) oneConnected() {
	r.mu.Lock()
	r.missing--
	last := r.missing == 0
	r.mu.Unlock()
	if last {
		r.ready.Resolve(struct{}{})
	}
}

// trouble notes that a device could not connect.
func (r *Running) trouble(d *device, err error) {
	d.log("warn", "cannot connect: %v; trying again", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastErr = fmt.Errorf("device %s cannot connect: %w", d.ID, err)
}

// Ready waits until every device has been connected, has read its twin, reported what its profile has at
// the start, and takes method calls. When ctx ends first, the error says how many are missing and why one of them is.
func (r *Running) Ready(ctx context.Context) error {
	_, err := r.ready.Await(ctx)
	if err == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lastErr != nil {
		err = r.lastErr
	}
	return fmt.Errorf("%d of %d devices are not connected: %w", r.missing, len(r.devices), err)
}

// Wait waits until the context given to Start has ended and nothing of the fleet is left.
func (r *Running) Wait(ctx context.Context) error {
	_, err := r.ended.Await(ctx)
	return err
}

// Devices are the ids of the devices, in the order of the file.
func (r *Running) Devices() []string {
	ids := make([]string, len(r.devices))
	for i := range r.devices {
		ids[i] = r.devices[i].ID
	}
	return ids
}

// Calls is how often a device was called with a method that its profile has; 0 if there is no such
// device or method.
func (r *Running) Calls(device, method string) int {
	d := r.byID[device]
	if d == nil {
		return 0
	}
	i, list := d.Profile.method(method)
	d.mu.Lock()
	defer d.mu.Unlock()
	if list == nil || d.calls == nil {
		return 0
	}
	return d.calls[i]
}
