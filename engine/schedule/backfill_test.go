package schedule

import (
	"context"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

func (w *world) backfill(id string, from, to time.Time) journal.Backfill {
	w.t.Helper()
	asked, err := w.store.AskBackfill(context.Background(), id, journal.Backfill{From: from, To: to, By: "anna", Asked: w.clock.Now()})
	if err != nil {
		w.t.Error(err)
	}
	return asked
}

func (w *world) wantNoBackfills() {
	w.t.Helper()
	states, err := w.store.Schedules(context.Background())
	if err != nil {
		w.t.Error(err)
	}
	for _, s := range states {
		for _, b := range s.Backfills {
			w.t.Errorf("%s still has %+v", s.ID, b)
		}
	}
}

// TestBackfillRunsOneAfterTheOther, begins what has not been begun, and both ends of the time.
func TestBackfillRunsOneAfterTheOther(t *testing.T) {
	for _, overlap := range []engine.Overlap{engine.OverlapSkip, engine.OverlapQueue, engine.OverlapReplace, engine.OverlapAllow} {
		inWorld(t, func(ctx context.Context, w *world) {
			defer w.admit()()
			_, stop := w.serve(ctx, of(t, "0 * * * *", overlapping(overlap)))
			w.wait(ctx, 90*time.Minute) // 01:00 has begun
			w.took = 10 * time.Minute
			hour := start.Truncate(time.Hour)
			w.backfill("w/1", hour.Add(-2*time.Hour), hour.Add(time.Hour))
			w.wait(ctx, 25*time.Minute)
			w.wantNoBackfills()
			stop()
			if got := len(w.began["w/1"]); got != 4 {
				t.Errorf("overlap %s: %d runs: %s", overlap, got, w.said("w/1"))
			}
			for i, r := range w.began["w/1"][1:] {
				if want := hour.Add(time.Duration(i-2) * time.Hour); !r.nominal.Equal(want) || !r.backfill {
					t.Errorf("overlap %s: backfill %d is for %s, want %s", overlap, i, r.nominal, want)
				}
			}
			if third := w.began["w/1"][3].at; third.Before(start.Add(100 * time.Minute)) {
				t.Errorf("overlap %s: the third run of the backfill began at %s, beside the first", overlap, third)
			}
		})
	}
}

// TestBackfillSurvives servers that die over it, and failures.
func TestBackfillSurvives(t *testing.T) {
	inWorld(t, func(ctx context.Context, w *world) {
		defer w.admit()()
		s := of(t, "0 0 * * *", missing(engine.MissedSkip))
		_, stop := w.serve(ctx, s)
		w.wait(ctx, time.Second)
		n := 0
		w.fault = func(bool) error {
			if n++; n%4 == 0 {
				return errBroken
			}
			return nil
		}
		w.took = time.Minute
		w.backfill("w/1", start.AddDate(0, -1, 0), start)
		w.backfill("w/1", start.AddDate(0, -1, -5), start)
		for range 30 {
			w.wait(ctx, 70*time.Second)
			stop()
			_, stop = w.serve(ctx, s)
		}
		w.wait(ctx, time.Hour)
		w.wantNoBackfills()
		stop()
		days := map[time.Time]int{}
		for _, r := range w.began["w/1"] {
			days[r.nominal]++
		}
		for at := start.AddDate(0, -1, -5).Truncate(24*time.Hour).AddDate(0, 0, 1); at.Before(start); at = at.AddDate(0, 0, 1) {
			if days[at] != 1 {
				t.Errorf("%s was begun %d times", at, days[at])
			}
			delete(days, at)
		}
		if len(days) > 0 {
			t.Errorf("beside them, %v were begun", days)
		}
	})
}

// TestBackfillCanBeEnded, and waits while its schedule is paused.
func TestBackfillCanBeEnded(t *testing.T) {
	inWorld(t, func(ctx context.Context, w *world) {
		defer w.admit()()
		w.took = time.Minute
		_, stop := w.serve(ctx, of(t, "0 0 * * *", overlapping(engine.OverlapSkip)))
		w.wait(ctx, time.Second)
		asked := w.backfill("w/1", start.AddDate(0, -1, 0), start)
		w.wait(ctx, 5*time.Minute)
		w.pause("w/1", true)
		w.wait(ctx, time.Hour)
		before := len(w.began["w/1"])
		if before < 5 || before > 8 {
			t.Errorf("%d runs in five minutes", before)
		}
		w.pause("w/1", false)
		w.wait(ctx, 5*time.Minute)
		if err := w.store.EndBackfill(ctx, asked.ID); err != nil {
			t.Error(err)
		}
		w.wait(ctx, time.Hour)
		stop()
		if after := len(w.began["w/1"]); after < before+4 || after > before+8 {
			t.Errorf("%d runs in another five minutes", after-before)
		}
	})
}

// TestBackfillStopsAtThePresent: what is to come is begun at its time.
func TestBackfillStopsAtThePresent(t *testing.T) {
	inWorld(t, func(ctx context.Context, w *world) {
		_, stop := w.serve(ctx, of(t, "0 * * * *"))
		w.wait(ctx, time.Second)
		w.backfill("w/1", start.Add(-time.Hour), start.Add(24*time.Hour))
		w.wait(ctx, time.Minute)
		w.wantNoBackfills()
		w.wait(ctx, time.Hour)
		stop()
		w.want("w/1", "01 00:00 at 01 00:00:31, 01 01:00")
	})
}
