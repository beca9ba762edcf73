package schedule

import (
	"context"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

func TestRunsBeginAtTheirTimes(t *testing.T) {
	inWorld(t, func(ctx context.Context, w *world) {
		_, stop := w.serve(ctx, of(t, "0 */8 * * *"))
		w.wait(ctx, 30*time.Hour)
		stop()
		w.want("w/1", "01 08:00, 01 16:00, 02 00:00")
		w.wait(ctx, 24*time.Hour)
		w.want("w/1", "01 08:00, 01 16:00, 02 00:00")
		for _, f := range w.fired {
			if f.Schedule != "w/1" || !f.Due.Equal(f.Nominal) || !f.Began.Equal(f.Due) || f.Missed || f.Backfill || f.Err != nil {
				t.Errorf("%+v", f)
			}
		}
	})
}

func TestMissedTimes(t *testing.T) {
	tests := []struct {
		missed engine.Missed
		down   time.Duration
		want   string
	}{
		{engine.MissedSkip, 6 * time.Hour, "01 01:00, 01 08:00"},
		{engine.MissedLatest, 6 * time.Hour, "01 01:00, 01 07:00 at 01 07:30:30, 01 08:00"},
		{"", 6 * time.Hour, "01 01:00, 01 07:00 at 01 07:30:30, 01 08:00"},
		{engine.MissedAll, 3 * time.Hour, "01 01:00, 01 02:00 at 01 04:30:30, 01 03:00 at 01 04:30:30, 01 04:00 at 01 04:30:30, 01 05:00"},
		{engine.MissedSkip, 20 * time.Minute, "01 01:00, 01 02:00"},
		{engine.MissedLatest, 20 * time.Minute, "01 01:00, 01 02:00"},
	}
	for _, tt := range tests {
		inWorld(t, func(ctx context.Context, w *world) {
			s := of(t, "0 * * * *", missing(tt.missed))
			_, stop := w.serve(ctx, s)
			w.wait(ctx, 90*time.Minute)
			stop()
			w.wait(ctx, tt.down)
			_, stop = w.serve(ctx, s)
			w.wait(ctx, 40*time.Minute)
			stop()
			w.want("w/1", tt.want)
		})
	}
}

// TestMissedAllIsBounded: the latest hundred of a day's minutes.
func TestMissedAllIsBounded(t *testing.T) {
	inWorld(t, func(ctx context.Context, w *world) {
		s := of(t, "* * * * *", missing(engine.MissedAll))
		_, stop := w.serve(ctx, s)
		stop()
		w.wait(ctx, 24*time.Hour)
		_, stop = w.serve(ctx, s)
		w.wait(ctx, time.Second)
		stop()
		runs := w.began["w/1"]
		if len(runs) != MaxMissed {
			t.Fatalf("%d runs, want %d", len(runs), MaxMissed)
		}
		for i, r := range runs {
			if want := start.Truncate(time.Minute).Add(24*time.Hour - time.Duration(MaxMissed-1-i)*time.Minute); !r.nominal.Equal(want) {
				t.Errorf("run %d is for %s, want %s", i, r.nominal, want)
			}
		}
	})
}

// TestGrace: a server that is away for a moment has missed nothing.
func TestGrace(t *testing.T) {
	inWorld(t, func(ctx context.Context, w *world) {
		w.grace = time.Minute
		s := of(t, "0 * * * *", missing(engine.MissedSkip))
		_, stop := w.serve(ctx, s)
		w.wait(ctx, 59*time.Minute)
		stop()
		w.wait(ctx, 50*time.Second)
		_, stop = w.serve(ctx, s)
		w.wait(ctx, time.Hour-time.Minute)
		stop()
		w.wait(ctx, 2*time.Minute)
		_, stop = w.serve(ctx, s)
		w.wait(ctx, time.Hour)
		stop()
		w.want("w/1", "01 01:00 at 01 01:00:20, 01 03:00")
	})
}

// TestPausedTimesAreNotMadeUp, whether a server runs meanwhile or not, and also those missed before.
func TestPausedTimesAreNotMadeUp(t *testing.T) {
	inWorld(t, func(ctx context.Context, w *world) {
		s := of(t, "0 * * * *", missing(engine.MissedAll))
		_, stop := w.serve(ctx, s)
		w.wait(ctx, 90*time.Minute)
		w.pause("w/1", true)
		w.wait(ctx, 2*time.Hour)
		w.pause("w/1", false)
		w.wait(ctx, time.Hour)
		stop()
		w.want("w/1", "01 01:00, 01 04:00")
		w.wait(ctx, time.Hour) // misses 5:00
		w.pause("w/1", true)
		w.wait(ctx, time.Hour)
		_, stop = w.serve(ctx, s)
		w.wait(ctx, time.Hour)
		stop()
		w.pause("w/1", false)
		w.wait(ctx, time.Hour) // misses 8:00
		_, stop = w.serve(ctx, s)
		w.wait(ctx, time.Hour)
		stop()
		w.want("w/1", "01 01:00, 01 04:00, 01 08:00 at 01 08:30:30, 01 09:00")
	})
}

func TestOverlap(t *testing.T) {
	tests := []struct {
		overlap engine.Overlap
		took    time.Duration
		want    string
	}{
		{engine.OverlapSkip, 150 * time.Minute, "01 01:00, 01 04:00"},
		{"", 150 * time.Minute, "01 01:00, 01 04:00"},
		{engine.OverlapQueue, 150 * time.Minute, "01 01:00, 01 02:00, 01 03:00, 01 04:00, 01 05:00"},
		{engine.OverlapReplace, 150 * time.Minute, "01 01:00, 01 02:00, 01 03:00, 01 04:00, 01 05:00"},
		{engine.OverlapAllow, 150 * time.Minute, "01 01:00, 01 02:00, 01 03:00, 01 04:00, 01 05:00"},
		{engine.OverlapSkip, 30 * time.Minute, "01 01:00, 01 02:00, 01 03:00, 01 04:00, 01 05:00"},
	}
	for _, tt := range tests {
		inWorld(t, func(ctx context.Context, w *world) {
			w.took = tt.took
			s := of(t, "0 * * * *", overlapping(tt.overlap))
			_, stop := w.serve(ctx, s)
			w.wait(ctx, 5*time.Hour)
			stop()
			w.want("w/1", tt.want)
			waiting, err := w.store.Runs(ctx, journal.Filter{Queued: true, Unfinished: true})
			if err != nil {
				t.Fatal(err)
			}
			if wait := tt.overlap == engine.OverlapQueue || tt.overlap == engine.OverlapReplace; wait != (len(waiting) > 0) {
				t.Errorf("overlap %q: %d runs wait", tt.overlap, len(waiting))
			}
			_, stop = w.serve(ctx, s) // what was left out is not made up for
			w.wait(ctx, time.Minute)
			stop()
			w.want("w/1", tt.want)
		})
	}
}

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

func TestReload(t *testing.T) {
	inWorld(t, func(ctx context.Context, w *world) {
		hourly := of(t, "0 * * * *")
		b, stop := w.serve(ctx, hourly)
		w.wait(ctx, 90*time.Minute)
		other := of(t, "15 * * * *", func(s *engine.Schedule) { s.ID = "other" })
		b.Replace([]Schedule{other, hourly})
		w.wait(ctx, time.Hour)
		b.Replace([]Schedule{other})
		w.wait(ctx, time.Hour)
		b.Replace([]Schedule{of(t, "45 * * * *"), other}) // another schedule under the same id begins anew
		w.wait(ctx, time.Hour)
		stop()
		w.want("w/1", "01 01:00, 01 02:00, 01 03:45")
		w.want("w/other", "01 02:15, 01 03:15, 01 04:15")
	})
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
