package hub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

// ends is a Waiter that collects what it is told at its end.
type ends struct {
	look func(hub.Twin) (bool, error)

	mu    sync.Mutex // guards what is below
	twins []hub.Twin
	errs  []error
}

func (e *ends) Look(t hub.Twin) (bool, error) { return e.look(t) }

func (e *ends) End(t hub.Twin, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.twins, e.errs = append(e.twins, t), append(e.errs, err)
}

func TestAWaitEndsOnce(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newPushingFleet(c, "dev-1")
		over := ends{look: reports("x", 1)}
		stop := hub.NewWatcher(c, f, hub.WatchOptions{}).Wait(target("dev-1"), time.Second, &over)
		clock.Sleep(ctx, c, time.Minute)
		if len(over.errs) != 0 {
			t.Fatalf("ended with %v", over.errs)
		}
		f.report("dev-1", "x", 1)
		f.report("dev-1", "x", 1)
		stop(context.Canceled)
		if len(over.errs) != 1 || over.errs[0] != nil || over.twins[0].ReportedVersion != 2 {
			t.Errorf("ended with %v, %v", over.twins, over.errs)
		}
		if len(f.listeners["dev-1"]) != 0 {
			t.Error("still subscribed")
		}
	})
}

func TestAStoppedWaitSaysWhy(t *testing.T) {
	own := errors.New("the run ends")
	for cause, want := range map[error]hub.Kind{context.DeadlineExceeded: hub.Timeout, context.Canceled: hub.Interrupted, own: hub.Interrupted} {
		inTime(t, func(ctx context.Context, c clock.Clock) {
			f := newPushingFleet(c, "dev-1")
			over := ends{look: reports("x", 1)}
			stop := hub.NewWatcher(c, f, hub.WatchOptions{}).Wait(target("dev-1"), 0, &over)
			stop(cause)
			stop(errors.New("and again"))
			f.report("dev-1", "x", 1)
			if len(over.errs) != 1 || !errors.Is(over.errs[0], cause) || hub.KindOf(over.errs[0]) != want || !strings.Contains(over.errs[0].Error(), "before the twin could be read") {
				t.Errorf("%v: ended with %v", cause, over.errs)
			}
		})
	}
}

func TestAWaitMayBeStoppedByWhatItCalls(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newPushingFleet(c, "dev-1")
		w := &rash{change: func() { f.report("dev-1", "x", 1) }}
		w.stop = hub.NewWatcher(c, f, hub.WatchOptions{}).Wait(target("dev-1"), time.Second, w)
		clock.Sleep(ctx, c, time.Minute)
		if w.looks != 1 || len(w.ends) != 1 || !errors.Is(w.ends[0], context.Canceled) {
			t.Errorf("%d looks, ended with %v", w.looks, w.ends)
		}
	})
}

// A rash waiter stops whenever it is called, and changes the twin.
type rash struct {
	stop   func(error)
	change func()
	looks  int
	ends   []error
}

func (r *rash) Look(hub.Twin) (bool, error) {
	r.looks++
	r.stop(context.Canceled)
	return true, nil
}

func (r *rash) End(_ hub.Twin, err error) {
	r.ends = append(r.ends, err)
	r.stop(context.Canceled)
	r.change()
}

// A hasty hub tells of a change while somebody subscribes.
type hasty struct{ *pushingFleet }

func (h hasty) OnTwin(t hub.Target, f func(hub.Twin, error)) (stop func()) {
	stop = h.pushingFleet.OnTwin(t, f)
	h.report(t.Device, "x", 1)
	return stop
}

func TestAWaitMayBeOverBeforeItHasBegun(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newPushingFleet(c, "dev-1")
		over := ends{look: reports("x", 1)}
		stop := hub.NewWatcher(c, hasty{f}, hub.WatchOptions{}).Wait(target("dev-1"), time.Second, &over)
		stop(context.Canceled)
		clock.Sleep(ctx, c, time.Minute)
		if len(over.errs) != 1 || over.errs[0] != nil || len(f.listeners["dev-1"]) != 0 {
			t.Errorf("ended with %v, %d subscriptions left", over.errs, len(f.listeners["dev-1"]))
		}
	})
}

// Reads, pushes, timers and stops come from goroutines of their own.
func TestWaitsEndOnceWhoeverIsFirst(t *testing.T) {
	c := clock.RealSpeed(1000)
	f := newStormyFleet(c)
	w := hub.NewWatcher(c, f, hub.WatchOptions{ReadsPerSecond: 1e6, InFlight: 8})
	var ended, met atomic.Int32
	var inside sync.WaitGroup
	const n = 300
	for i := range n {
		device := fmt.Sprintf("dev-%d", i%10)
		inside.Add(1)
		stop := w.Wait(target(device), time.Millisecond, &patient{until: int64(i % 20), T: t, end: func(err error) {
			ended.Add(1)
			if err == nil {
				met.Add(1)
			}
			inside.Done()
		}})
		go f.push(device)
		if i%3 == 0 {
			go stop(context.Canceled)
		}
	}
	for i := range 10 {
		for range 30 {
			f.push(fmt.Sprintf("dev-%d", i))
		}
	}
	inside.Wait()
	if ended.Load() != n || met.Load() < n/2 {
		t.Errorf("%d ended, %d of them met", ended.Load(), met.Load())
	}
	if left := f.subscribed(); left != 0 {
		t.Errorf("%d subscriptions are left", left)
	}
}

// A patient waiter waits until a twin was reported often enough.
type patient struct {
	*testing.T
	until int64
	busy  atomic.Bool
	end   func(error)
}

func (p *patient) Look(t hub.Twin) (bool, error) {
	if p.busy.Swap(true) {
		p.Error("looks twice at once")
	}
	defer p.busy.Store(false)
	return t.ReportedVersion > p.until, nil
}

func (p *patient) End(_ hub.Twin, err error) { p.end(err) }

// A stormyFleet pushes from any goroutine.
type stormyFleet struct {
	*fleet
	mu        sync.Mutex // guards what is below
	listeners map[string]map[*func(hub.Twin, error)]bool
}

func newStormyFleet(c clock.Clock) *stormyFleet {
	f := &stormyFleet{fleet: newFleet(c), listeners: map[string]map[*func(hub.Twin, error)]bool{}}
	for i := range 10 {
		device := fmt.Sprintf("dev-%d", i)
		f.fleet.twins[device] = hub.Twin{Target: target(device), Reported: map[string]any{}}
		f.listeners[device] = map[*func(hub.Twin, error)]bool{}
	}
	return f
}

func (f *stormyFleet) OnTwin(t hub.Target, g func(hub.Twin, error)) (stop func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listeners[t.Device][&g] = true
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.listeners[t.Device], &g)
	}
}

func (f *stormyFleet) push(device string) {
	twin := f.report(device, "x", 1)
	f.mu.Lock()
	var all []func(hub.Twin, error)
	for g := range f.listeners[device] {
		all = append(all, *g)
	}
	f.mu.Unlock()
	for _, g := range all {
		g(twin, nil)
	}
}

func (f *stormyFleet) subscribed() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, all := range f.listeners {
		n += len(all)
	}
	return n
}
