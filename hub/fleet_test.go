package hub_test

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A fleet is a hub that keeps its twins in memory and notes who read them when.
type fleet struct {
	hub.Methods
	hub.Queries
	clock   clock.Clock
	latency time.Duration
	// answer, if set, is asked at each read, n being its number for the device from 1.
	answer func(device string, n int) error

	mu    sync.Mutex // guards what is below
	twins map[string]hub.Twin
	reads []reading
	count map[string]int
}

type reading struct {
	device string
	at     time.Duration // since start
}

func newFleet(c clock.Clock, devices ...string) *fleet {
	f := &fleet{clock: c, twins: map[string]hub.Twin{}, count: map[string]int{}}
	for _, d := range devices {
		f.twins[d] = hub.Twin{Target: hub.Target{Device: d}, Reported: map[string]any{}, ReportedVersion: 1}
	}
	return f
}

func (f *fleet) Twin(ctx context.Context, t hub.Target) (hub.Twin, error) {
	f.mu.Lock()
	f.count[t.Device]++
	n := f.count[t.Device]
	f.reads = append(f.reads, reading{t.Device, f.clock.Now().Sub(start)})
	twin, ok := f.twins[t.Device]
	f.mu.Unlock()
	if err := clock.Sleep(ctx, f.clock, f.latency); err != nil {
		kind := hub.Interrupted
		if errors.Is(err, context.DeadlineExceeded) {
			kind = hub.Timeout
		}
		return hub.Twin{}, &hub.Error{Op: "read the twin", Device: t.Device, Kind: kind, Err: err}
	}
	if f.answer != nil {
		if err := f.answer(t.Device, n); err != nil {
			return hub.Twin{}, err
		}
	}
	if !ok {
		return hub.Twin{}, failure(t.Device, hub.NotFound, "no such device")
	}
	return twin, nil
}

func (f *fleet) UpdateTwin(context.Context, hub.Target, hub.Patch) (hub.Twin, error) {
	return hub.Twin{}, errors.New("devices only, here")
}

// report is what a device does.
func (f *fleet) report(device, key string, value any) hub.Twin {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.twins[device]
	t.Reported = maps.Clone(t.Reported)
	t.Reported[key] = value
	t.ReportedVersion++
	f.twins[device] = t
	return t
}

func (f *fleet) readsOf(device string) (at []time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.reads {
		if r.device == device {
			at = append(at, r.at)
		}
	}
	return at
}

func failure(device string, kind hub.Kind, text string) *hub.Error {
	return &hub.Error{Op: "read the twin", Device: device, Kind: kind, Err: errors.New(text)}
}

// A pushingFleet says by itself what changes.
type pushingFleet struct {
	*fleet
	listeners map[string]map[int]func(hub.Twin, error)
	made      int
}

func newPushingFleet(c clock.Clock, devices ...string) *pushingFleet {
	return &pushingFleet{fleet: newFleet(c, devices...), listeners: map[string]map[int]func(hub.Twin, error){}}
}

func (f *pushingFleet) OnTwin(t hub.Target, g func(hub.Twin, error)) (stop func()) {
	f.made++
	id := f.made
	if f.listeners[t.Device] == nil {
		f.listeners[t.Device] = map[int]func(hub.Twin, error){}
	}
	f.listeners[t.Device][id] = g
	return func() { delete(f.listeners[t.Device], id) }
}

func (f *pushingFleet) report(device, key string, value any) {
	t := f.fleet.report(device, key, value)
	for _, g := range f.listeners[device] {
		g(t, nil)
	}
}

func (f *pushingFleet) delete(device string) {
	for _, g := range f.listeners[device] {
		g(hub.Twin{}, failure(device, hub.NotFound, "deleted"))
	}
}

// inTime runs f in virtual time.
func inTime(t *testing.T, f func(ctx context.Context, c clock.Clock)) {
	t.Helper()
	loop := clock.NewLoop(start)
	if err := loop.Run(t.Context(), func(ctx context.Context) { f(ctx, loop) }); err != nil {
		t.Error(err)
	}
}

func target(device string) hub.Target { return hub.Target{Device: device} }

// reports is a condition: the twin has key with value.
func reports(key string, value any) func(hub.Twin) (bool, error) {
	return func(t hub.Twin) (bool, error) { return t.Reported[key] == value, nil }
}
