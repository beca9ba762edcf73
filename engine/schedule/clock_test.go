package schedule

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// TestClockIsSet: what it is put forward over has been missed, and what it is put back over is not begun again.
func TestClockIsSet(t *testing.T) {
	inWorld(t, func(ctx context.Context, w *world) {
		set := &setClock{Clock: w.clock}
		w.clock = set
		b := New(Config{Store: w.store, Starter: w, Clock: set})
		b.Replace([]Schedule{of(t, "0 * * * *", missing(engine.MissedLatest))})
		running, cancel := w.clock.WithCancel(ctx)
		ended := clock.NewPromise[error](w.clock)
		w.clock.Go(running, "a server", func(ctx context.Context) { ended.Resolve(b.Run(ctx)) })
		w.wait(ctx, 75*time.Minute)
		w.want("w/1", "01 01:00")
		set.by += 3*time.Hour + 30*time.Minute // 04:45:30
		w.wait(ctx, 31*time.Second)
		if got := w.said("w/1"); !strings.HasPrefix(got, "01 01:00, 01 04:00 at 01 04:4") {
			t.Errorf("after the clock was put forward: %s", got)
		}
		set.by -= 2 * time.Hour // 02:46
		w.wait(ctx, 2*time.Hour)
		if got := len(w.began["w/1"]); got != 2 {
			t.Errorf("after the clock was put back: %s", w.said("w/1"))
		}
		w.wait(ctx, 30*time.Minute)
		if got := w.said("w/1"); !strings.HasSuffix(got, ", 01 05:00") {
			t.Errorf("once it is as late as it was: %s", got)
		}
		cancel()
		if err, _ := ended.Await(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// A setClock can be set while its timers go on.
type setClock struct {
	clock.Clock
	by time.Duration
}

func (c *setClock) Now() time.Time { return c.Clock.Now().Add(c.by) }

// TestManyHands has schedules replaced, paused and backfilled from all sides, on a real clock.
func TestManyHands(t *testing.T) {
	w := &world{t: t, clock: clock.Real(), store: journal.NewMemory()}
	var list []Schedule
	for i := range 50 {
		list = append(list, of(t, "@every 1s", func(s *engine.Schedule) { s.ID = fmt.Sprint(i) }))
	}
	begun := make(chan Fired, 10_000)
	b := New(Config{Store: w.store, Starter: &beginner{store: w.store}, Clock: w.clock, Observe: func(f Fired) { begun <- f }, Calls: 7})
	b.Replace(list)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	<-begun
	var hands sync.WaitGroup
	for i := range 4 {
		hands.Go(func() {
			for n := range 30 {
				id := list[(7*n+i)%len(list)].ID
				w.pause(id, n%2 == 0)
				b.Replace(list[:30+n/2+i])
				w.backfill(id, time.Now().Add(-10*time.Second), time.Now())
			}
		})
	}
	hands.Wait()
	for _, s := range list {
		w.pause(s.ID, false)
	}
	b.Replace(list)
	seen := map[string]bool{}
	for deadline := time.After(30 * time.Second); len(seen) < len(list); {
		select {
		case f := <-begun:
			if f.Err == nil && f.Nominal.After(time.Now().Add(-2*time.Second)) && !f.Backfill {
				seen[f.Schedule] = true
			}
		case <-deadline:
			t.Fatalf("only %d schedules go on", len(seen))
		}
	}
	cancel()
	for {
		select {
		case <-begun:
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
}
