package device_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator"
	"github.com/twinbook/twinbook/simulator/device"
	"github.com/twinbook/twinbook/simulator/wire"
)

// patience is how long, by a world's clock, a test waits for a fact; on the fast clock of some tests that is 12 s.
const patience = 10 * time.Minute

var day1 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A world is a hub, a fleet that lives on it, and a service's view of both.
type world struct {
	*testing.T
	ctx    context.Context
	clock  clock.Clock
	hub    *simulator.Hub
	client *simulator.Client
	dial   wire.Dial
	fleet  *device.Fleet
	*device.Running
	stop context.CancelFunc // ends the fleet

	mu    sync.Mutex // guards what follows
	lines []device.LogLine
	wait  *clock.Promise[struct{}] // for the next line
}

// everywhere runs a test over each way a device can live.
func everywhere(t *testing.T, file string, f func(*world)) {
	t.Helper()
	t.Run("virtual", func(t *testing.T) { virtually(t, file, f) })
	t.Run("attached", func(t *testing.T) {
		w := newWorld(t, clock.RealSpeed(50), file)
		w.dial = w.hub.AttachDevice
		w.run(t.Context(), f)
	})
	t.Run("mqtt", func(t *testing.T) {
		w := newWorld(t, clock.RealSpeed(50), file)
		w.dial = device.DialMQTT(w.clock, listen(t, w.hub), w.hub.DeviceConnectionString)
		w.run(t.Context(), f)
	})
	t.Run("piped", func(t *testing.T) {
		w := newWorld(t, clock.RealSpeed(50), file)
		w.dial = device.DialMQTTOver(w.clock, pipes(t, w.hub), w.hub.DeviceConnectionString)
		w.run(t.Context(), f)
	})
}

func virtually(t *testing.T, file string, f func(*world)) {
	t.Helper()
	l := clock.NewLoop(day1)
	w := newWorld(t, l, file)
	w.dial = w.hub.AttachDevice
	if err := l.Run(t.Context(), func(ctx context.Context) { w.run(ctx, f) }); err != nil {
		t.Error(err)
	}
}

func newWorld(t testing.TB, c clock.Clock, file string) *world {
	t.Helper()
	w := &world{clock: c, fleet: load(t, file)}
	w.T, _ = t.(*testing.T)
	var err error
	if w.hub, err = simulator.New(simulator.Config{Clock: c, Seed: "test"}); err != nil {
		t.Fatal(err)
	}
	for _, d := range w.fleet.Devices {
		if err := w.hub.AddDevice(simulator.Device{ID: d.ID, Tags: d.Tags, Desired: d.Desired}); err != nil {
			t.Fatal(err)
		}
	}
	w.client = w.hub.Client()
	return w
}

func load(t testing.TB, file string) *device.Fleet {
	t.Helper()
	fleet, problems := device.Load("simulator.yaml", []byte(file))
	if problems != nil {
		t.Fatal(problems.Text())
	}
	return fleet
}

func listen(t testing.TB, h *simulator.Hub) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.ServeMQTT(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// pipes opens connections to the hub that stay in this process, until the test ends.
func pipes(t testing.TB, h *simulator.Hub) func(context.Context) (net.Conn, error) {
	ctx, cancel := context.WithCancel(context.Background())
	var attached sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		attached.Wait()
	})
	return func(context.Context) (net.Conn, error) {
		device, hub := net.Pipe()
		attached.Go(func() { h.Attach(ctx, hub) })
		return device, nil
	}
}

// run starts the fleet, waits until it is there, tests it and waits until nothing is left.
func (w *world) run(ctx context.Context, f func(*world)) {
	w.ctx = ctx
	w.start()
	f(w)
	w.end()
}

func (w *world) start() {
	w.Helper()
	living, stop := w.clock.WithCancel(w.ctx)
	w.stop = stop
	var err error
	w.Running, err = device.Start(living, w.fleet, device.Options{Clock: w.clock, Dial: w.dial, Seed: "test", Log: w.log})
	if err != nil {
		w.Fatal(err)
	}
	bounded, cancel := w.clock.WithTimeout(w.ctx, patience)
	defer cancel()
	if err := w.Ready(bounded); err != nil {
		w.Fatal(err)
	}
}

func (w *world) end() {
	w.Helper()
	w.stop()
	bounded, cancel := w.clock.WithTimeout(w.ctx, patience)
	defer cancel()
	if err := w.Wait(bounded); err != nil {
		w.Fatalf("the fleet does not end: %v", err)
	}
	for _, id := range w.Devices() {
		w.untilState(id, "Disconnected")
	}
}

func (w *world) log(l device.LogLine) {
	w.mu.Lock()
	w.lines = append(w.lines, l)
	wait := w.wait
	w.wait = nil
	w.mu.Unlock()
	if wait != nil {
		wait.Resolve(struct{}{})
	}
}

// untilLogged waits for a line of the log and gives its text.
func (w *world) untilLogged(id, level, part string) string {
	w.Helper()
	bounded, cancel := w.clock.WithTimeout(w.ctx, patience)
	defer cancel()
	for {
		w.mu.Lock()
		for _, l := range w.lines {
			if l.Device == id && l.Level == level && strings.Contains(l.Text, part) {
				w.mu.Unlock()
				return l.Text
			}
		}
		if w.wait == nil {
			w.wait = clock.NewPromise[struct{}](w.clock)
		}
		wait := w.wait
		w.mu.Unlock()
		if _, err := wait.Await(bounded); err != nil {
			w.Fatalf("%s has not logged %s %q; it logged %v", id, level, part, w.lines)
		}
	}
}

// logged counts the lines of the log that hold a text.
func (w *world) logged(part string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, l := range w.lines {
		if strings.Contains(l.Text, part) {
			n++
		}
	}
	return n
}

func target(id string) hub.Target { return hub.Target{Device: id} }

func (w *world) twin(id string) hub.Twin {
	w.Helper()
	t, err := w.client.Twin(w.ctx, target(id))
	if err != nil {
		w.Fatal(err)
	}
	return t
}

// until waits until a twin is as it should be.
func (w *world) until(id, what string, holds func(hub.Twin) bool) hub.Twin {
	w.Helper()
	bounded, cancel := w.clock.WithTimeout(w.ctx, patience)
	defer cancel()
	twins := clock.NewQueue[hub.Twin](w.clock)
	defer w.client.OnTwin(target(id), func(t hub.Twin, _ error) { twins.Put(t) })()
	t := w.twin(id)
	for {
		if holds(t) {
			return t
		}
		news, err := twins.Take(bounded)
		if err != nil {
			w.Fatalf("waited for %s: %s; its twin is %+v, its log %v", id, what, t, w.lines)
		}
		for _, t = range news {
			if holds(t) {
				return t
			}
		}
	}
}

func (w *world) untilState(id, state string) {
	w.Helper()
	w.until(id, state, func(t hub.Twin) bool { return t.ConnectionState == state })
}

// untilReported waits for a reported property to have a value.
func (w *world) untilReported(id, name string, value any) {
	w.Helper()
	w.until(id, name, func(t hub.Twin) bool { return t.Reported[name] == value })
}

func (w *world) invoke(id, method string, payload any) (hub.Reply, error) {
	return w.client.Invoke(w.ctx, hub.Call{Target: target(id), Method: method, Payload: payload, Response: 300 * time.Second})
}

// answer calls a method that must be answered.
func (w *world) answer(id, method string, payload any) hub.Reply {
	w.Helper()
	reply, err := w.invoke(id, method, payload)
	if err != nil {
		w.Fatal(err)
	}
	return reply
}

func (w *world) desire(id string, desired map[string]any) {
	w.Helper()
	if _, err := w.client.UpdateTwin(w.ctx, target(id), hub.Patch{Desired: desired}); err != nil {
		w.Fatal(err)
	}
}

type object = map[string]any
