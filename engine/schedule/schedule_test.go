package schedule

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

func TestReadRefuses(t *testing.T) {
	tests := []struct {
		s    engine.Schedule
		want string
	}{
		{engine.Schedule{ID: "1", Cron: "0 25 * * *", Zone: "UTC"}, "schedule w/1: "},
		{engine.Schedule{ID: "1", Cron: "@daily", Zone: "Europe/Nowhere"}, `schedule w/1: there is no time zone "Europe/Nowhere"`},
		{engine.Schedule{ID: "1", Cron: "@daily", Zone: "UTC", Jitter: 25 * time.Hour}, "schedule w/1: a jitter of 25h0m0s"},
	}
	for _, tt := range tests {
		if _, err := new(Reader).Read("w", &tt.s); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.s, err, tt.want)
		}
	}
}

func TestAdmission(t *testing.T) {
	nominal, now := time.Date(2026, 3, 29, 3, 0, 0, 0, time.FixedZone("CEST", 7200)), start
	allow := Admission{
		Marks: []journal.Mark{{Scope: "schedule w/1", Name: "2026-03-29T01:00:00Z", Time: now, Until: now.Add(keepMarks)}},
		Fire:  &journal.Fire{Schedule: "w/1", Nominal: nominal.UTC()},
	}
	with := func(slots ...engine.Slot) Admission {
		a := allow
		a.Slots = slots
		return a
	}
	own := func(full engine.WhenFull) engine.Slot {
		return engine.Slot{Key: "schedule w/1", Limit: 1, WhenFull: full}
	}
	fill := engine.Slot{Key: "backfill w/1", Limit: 2, WhenFull: engine.Reject}
	tests := []struct {
		overlap  engine.Overlap
		backfill bool
		want     Admission
	}{
		{engine.OverlapAllow, false, allow},
		{engine.OverlapSkip, false, with(own(engine.Reject))},
		{engine.OverlapQueue, false, with(own(engine.Queue))},
		{engine.OverlapReplace, false, with(own(engine.Replace))},
		{engine.OverlapAllow, true, with(fill)},
		{engine.OverlapSkip, true, with(fill, own(engine.Queue))},
		{engine.OverlapReplace, true, with(fill, own(engine.Queue))},
	}
	for _, tt := range tests {
		s := of(t, "@hourly", overlapping(tt.overlap))
		if got := s.Admission(nominal, now, tt.backfill); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("overlap %s, backfill %v:\n got %+v\nwant %+v", tt.overlap, tt.backfill, got, tt.want)
		}
	}
}

// TestJitter is the same for the same time, spread over its length, and keeps the order of times.
func TestJitter(t *testing.T) {
	s, again := of(t, "* * * * *", jittering(10*time.Minute)), of(t, "* * * * *", jittering(10*time.Minute))
	other := of(t, "* * * * *", jittering(10*time.Minute), func(s *engine.Schedule) { s.ID = "2" })
	var tenths [10]int
	differ := 0
	before := start
	at := start
	for range 5000 {
		next, _ := s.Next(at)
		at = next.Nominal
		if same, _ := again.Next(at.Add(-time.Second)); same != next {
			t.Fatalf("%+v and %+v", next, same)
		}
		if s.jitter(at) != other.jitter(at) {
			differ++
		}
		if next.Due.Before(before) || next.Due.Before(at) || next.Due.Sub(at) >= 10*time.Minute {
			t.Fatalf("%s is due at %s, after one at %s", at, next.Due, before)
		}
		before = next.Due
		tenths[s.jitter(at)/time.Minute]++
	}
	for i, n := range tenths {
		if n < 400 || n > 600 {
			t.Errorf("%d of 5000 begin in minute %d", n, i)
		}
	}
	if differ < 4990 {
		t.Errorf("two schedules have the same jitter at %d of 5000 times", 5000-differ)
	}
}
