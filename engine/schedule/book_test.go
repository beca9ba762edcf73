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

// TestALateTimeStandsForThoseMissed: what comes back within a time's minute begins one run, not two.
func TestALateTimeStandsForThoseMissed(t *testing.T) {
	for missed, want := range map[engine.Missed]string{
		engine.MissedSkip:   "01 00:10 at 01 00:10:31, 01 00:11",
		engine.MissedLatest: "01 00:10 at 01 00:10:31, 01 00:11",
		engine.MissedAll:    "01 00:08 at 01 00:10:31, 01 00:09 at 01 00:10:31, 01 00:10 at 01 00:10:31, 01 00:11",
	} {
		inWorld(t, func(ctx context.Context, w *world) {
			w.grace = time.Minute
			s := of(t, "8-59 * * * *", missing(missed))
			_, stop := w.serve(ctx, s)
			w.wait(ctx, time.Second)
			stop()
			w.wait(ctx, 10*time.Minute)
			_, stop = w.serve(ctx, s)
			w.wait(ctx, time.Minute)
			stop()
			w.want("w/1", want)
		})
	}
}

// TestOneOfManyLateTimes: where times have been missed, those that are only late are one run, of which latest has no
// fewer than skip. Where none has been missed, each is begun.
func TestOneOfManyLateTimes(t *testing.T) {
	tests := []struct {
		missed engine.Missed
		down   time.Duration
		runs   int
		first  string
	}{
		{engine.MissedSkip, 80 * time.Second, 1, "00:02:00"},
		{engine.MissedLatest, 80 * time.Second, 1, "00:02:00"},
		{engine.MissedAll, 80 * time.Second, 8, "00:00:50"},
		{engine.MissedSkip, 50 * time.Second, 5, "00:00:50"},
		{engine.MissedLatest, 50 * time.Second, 5, "00:00:50"},
		{engine.MissedAll, 50 * time.Second, 5, "00:00:50"},
	}
	for _, tt := range tests {
		inWorld(t, func(ctx context.Context, w *world) {
			w.grace = time.Minute
			s := of(t, "@every 10s", missing(tt.missed))
			_, stop := w.serve(ctx, s)
			w.wait(ctx, 15*time.Second)
			stop()
			before := len(w.began["w/1"])
			w.wait(ctx, tt.down)
			_, stop = w.serve(ctx, s)
			w.wait(ctx, time.Second)
			stop()
			late := w.began["w/1"][before:]
			if len(late) != tt.runs || late[0].nominal.Format(time.TimeOnly) != tt.first {
				t.Errorf("missed: %s after %s: %+v, want %d from %s", tt.missed, tt.down, late, tt.runs, tt.first)
			}
		})
	}
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
