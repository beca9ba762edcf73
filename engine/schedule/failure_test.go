package schedule

import (
	"context"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// TestFailuresAreTriedAgain until the run has begun, also when it has and nobody heard.
func TestFailuresAreTriedAgain(t *testing.T) {
	for _, heard := range []bool{true, false} {
		inWorld(t, func(ctx context.Context, w *world) {
			failures := 0
			w.fault = func(committed bool) error {
				if committed == heard || failures == 4 {
					return nil
				}
				failures++
				return errBroken
			}
			_, stop := w.serve(ctx, of(t, "0 * * * *", missing(engine.MissedSkip)))
			w.wait(ctx, 130*time.Minute)
			stop()
			if heard {
				w.want("w/1", "01 01:00 at 01 01:00:15, 01 02:00") // after 1, 2, 4 and 8 s
			} else {
				w.want("w/1", "01 01:00, 01 02:00")
			}
		})
	}
}

// TestTimesBehindAFailureAreMissed: only the one that came is owed, however long it takes.
func TestTimesBehindAFailureAreMissed(t *testing.T) {
	for missed, want := range map[engine.Missed]string{
		engine.MissedSkip:   "01 01:00 at 01 03:30:03, 01 04:00",
		engine.MissedLatest: "01 01:00 at 01 03:30:03, 01 03:00 at 01 03:30:03, 01 04:00",
		engine.MissedAll:    "01 01:00 at 01 03:30:03, 01 02:00 at 01 03:30:03, 01 03:00 at 01 03:30:03, 01 04:00",
	} {
		inWorld(t, func(ctx context.Context, w *world) {
			w.fault = func(bool) error {
				if w.clock.Now().Before(start.Add(209 * time.Minute)) {
					return errBroken
				}
				return nil
			}
			_, stop := w.serve(ctx, of(t, "0 * * * *", missing(missed)))
			w.wait(ctx, 4*time.Hour)
			stop()
			w.want("w/1", want)
		})
	}
}

// TestReloadWhileOwed: a run that cannot be begun goes with its schedule, and is begun with a new file's.
func TestReloadWhileOwed(t *testing.T) {
	inWorld(t, func(ctx context.Context, w *world) {
		broken := true
		w.fault = func(bool) error {
			if broken {
				return errBroken
			}
			return nil
		}
		b, stop := w.serve(ctx, of(t, "0 * * * *", missing(engine.MissedSkip)))
		w.wait(ctx, 70*time.Minute)
		b.Replace(nil)
		broken = false
		w.wait(ctx, time.Minute)
		w.want("w/1", "")
		broken = true
		b.Replace([]Schedule{of(t, "0 * * * *")})
		w.wait(ctx, time.Hour)
		broken = false
		b.Replace([]Schedule{of(t, "0 * * * *", jittering(time.Second))})
		w.wait(ctx, time.Minute)
		stop()
		if got := len(w.began["w/1"]); got != 2 { // 01:00, of which the journal still knew, and 02:00
			t.Errorf("%d runs: %s", got, w.said("w/1"))
		}
	})
}

// TestTwoServers begin each time once between them, in whatever way one of them dies.
func TestTwoServers(t *testing.T) {
	inWorld(t, func(ctx context.Context, w *world) {
		n := 0
		w.fault = func(bool) error { // every third call, before or after the commit
			if n++; n%3 == 0 {
				return errBroken
			}
			return nil
		}
		s := of(t, "*/10 * * * *", missing(engine.MissedAll), jittering(3*time.Minute))
		_, stopOne := w.serve(ctx, s)
		for i := range 40 {
			_, stopTwo := w.serve(ctx, s)
			w.wait(ctx, time.Duration(i)*7*time.Minute)
			stopOne()
			w.wait(ctx, time.Duration(i%5)*time.Hour)
			stopOne = stopTwo
		}
		w.wait(ctx, time.Hour)
		stopOne()
		at := start.Truncate(10 * time.Minute)
		for i, r := range w.began["w/1"] {
			if at = at.Add(10 * time.Minute); !r.nominal.Equal(at) {
				t.Fatalf("run %d is for %s, want %s", i, r.nominal, at)
			}
		}
		if end := w.clock.Now(); end.Sub(at) > 15*time.Minute {
			t.Errorf("the last run is for %s, and it is %s", at, end)
		}
	})
}

// TestStopsWhileARunBegins: nothing is tried again, and the next server begins it.
func TestStopsWhileARunBegins(t *testing.T) {
	inWorld(t, func(ctx context.Context, w *world) {
		s := of(t, "0 * * * *")
		slow := slowly{w}
		b := New(Config{Store: w.store, Starter: slow, Clock: w.clock, Observe: func(f Fired) { t.Errorf("%+v", f) }})
		b.Replace([]Schedule{s})
		running, cancel := w.clock.WithTimeout(ctx, 65*time.Minute)
		defer cancel()
		if err := b.Run(running); err != nil || w.clock.Now().Sub(start) > 66*time.Minute {
			t.Errorf("%v, at %s", err, w.clock.Now())
		}
		_, stop := w.serve(ctx, s)
		w.wait(ctx, time.Minute)
		stop()
		w.want("w/1", "01 01:00 at 01 01:05:30")
	})
}

// slowly begins nothing for a day.
type slowly struct{ *world }

func (s slowly) Fire(ctx context.Context, _ Schedule, _ time.Time, _ bool) error {
	return clock.Sleep(ctx, s.clock, 24*time.Hour)
}

// TestJournalThatFails is asked again until it says how far the schedules are.
func TestJournalThatFails(t *testing.T) {
	inWorld(t, func(ctx context.Context, w *world) {
		left := 3
		b := New(Config{Store: failing{w.store, &left}, Starter: w, Clock: w.clock})
		b.Replace([]Schedule{of(t, "* * * * *")})
		ctx, cancel := w.clock.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
		w.want("w/1", "01 00:01, 01 00:02")
	})
}

// failing is a journal that cannot be read so many times.
type failing struct {
	*journal.Memory
	left *int
}

func (f failing) Schedules(ctx context.Context) ([]journal.ScheduleState, error) {
	if *f.left--; *f.left >= 0 {
		return nil, errBroken
	}
	return f.Memory.Schedules(ctx)
}
