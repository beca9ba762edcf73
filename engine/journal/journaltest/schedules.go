package journaltest

import (
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
)

// state is that of a schedule.
func state(t *testing.T, j Journal, id string) journal.ScheduleState {
	t.Helper()
	all, err := j.Schedules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.ID == id {
			return s
		}
	}
	t.Fatalf("there is no schedule %s among %+v", id, all)
	return journal.ScheduleState{}
}

func wantState(t *testing.T, j Journal, want journal.ScheduleState) {
	t.Helper()
	if want.Backfills == nil {
		want.Backfills = []journal.Backfill{}
	}
	if got := state(t, j, want.ID); !reflect.DeepEqual(got, want) {
		t.Errorf("schedule %+v, want %+v", got, want)
	}
}

// know has a journal know schedules, given as their ids and specs.
func know(t *testing.T, j Journal, now time.Time, list ...string) {
	t.Helper()
	var all []journal.ScheduleState
	for i := 0; i < len(list); i += 2 {
		all = append(all, journal.ScheduleState{ID: list[i], Spec: list[i+1]})
	}
	if err := j.KnowSchedules(t.Context(), now, all); err != nil {
		t.Fatal(err)
	}
}

func schedulesAreKnown(t *testing.T, j Journal) {
	if all, err := j.Schedules(t.Context()); err != nil || all == nil || len(all) != 0 {
		t.Errorf("%v, %v, want an empty list", all, err)
	}
	later := start.Add(time.Hour)
	know(t, j, start, "w/2", "daily", "w/1", "hourly")
	for _, by := range []string{"me", "you"} { // who comes second changes nothing
		if err := j.PauseSchedule(t.Context(), "w/1", true, by, start); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Dealt(t.Context(), "w/2", start.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	know(t, j, later, "w/1", "every minute", "w/2", "daily", "w/0", "new")
	know(t, j, later.Add(time.Hour)) // also those that are in no file
	wantState(t, j, journal.ScheduleState{ID: "w/0", Spec: "new", Since: later, Done: later})
	wantState(t, j, journal.ScheduleState{ID: "w/1", Spec: "every minute", Since: later, Done: later, Paused: true, By: "me", Changed: start})
	wantState(t, j, journal.ScheduleState{ID: "w/2", Spec: "daily", Since: start, Done: start.Add(time.Minute)})
	all, err := j.Schedules(t.Context())
	if err != nil || len(all) != 3 || all[0].ID != "w/0" || all[2].ID != "w/2" {
		t.Errorf("%+v, %v, want three, by their ids", all, err)
	}
}

func schedulesMoveOn(t *testing.T, j Journal) {
	ctx := t.Context()
	know(t, j, start, "s", "daily")
	fire := func(id string, after time.Duration) journal.Beginning {
		b := marked(id, journal.Mark{Scope: "schedule s", Name: start.Add(after).Format(time.RFC3339Nano)})
		b.Fire = &journal.Fire{Schedule: "s", Nominal: start.Add(after)}
		return b
	}
	for _, c := range []struct {
		id          string
		after, done time.Duration
	}{{"r1", time.Hour, time.Hour}, {"r2", 3 * time.Hour, 3 * time.Hour}, {"r3", 2 * time.Hour, 3 * time.Hour}} {
		if _, err := j.Begin(ctx, fire(c.id, c.after)); err != nil {
			t.Fatal(err)
		}
		wantState(t, j, journal.ScheduleState{ID: "s", Spec: "daily", Since: start, Done: start.Add(c.done)})
	}
	know(t, j, start.Add(time.Minute), "s", "weekly") // and a fire that is refused moves nothing
	var taken *journal.TakenError
	if _, err := j.Begin(ctx, fire("r4", 3*time.Hour)); !errors.As(err, &taken) {
		t.Errorf("fired twice: %v", err)
	}
	wantState(t, j, journal.ScheduleState{ID: "s", Spec: "weekly", Since: start.Add(time.Minute), Done: start.Add(time.Minute)})
	for _, after := range []time.Duration{2 * time.Hour, time.Hour} {
		if err := j.Dealt(ctx, "s", start.Add(after)); err != nil {
			t.Error(err)
		}
	}
	wantState(t, j, journal.ScheduleState{ID: "s", Spec: "weekly", Since: start.Add(time.Minute), Done: start.Add(2 * time.Hour)})
	b := fire("r5", 9*time.Hour)
	b.Fire.Schedule = "nobody" // who knows schedules says which; the run counts all the same
	if _, err := j.Begin(ctx, b); err != nil {
		t.Error(err)
	}
	_, backfill := j.AskBackfill(ctx, "nobody", journal.Backfill{From: start, To: start, Asked: start})
	for what, err := range map[string]error{
		"dealt": j.Dealt(ctx, "nobody", start), "pause": j.PauseSchedule(ctx, "nobody", true, "me", start), "backfill": backfill,
	} {
		if !errors.Is(err, journal.ErrNotFound) || err.Error() != "there is no schedule nobody" {
			t.Errorf("%s: %v, want ErrNotFound", what, err)
		}
	}
}

func backfillsAreKept(t *testing.T, j Journal) {
	ctx := t.Context()
	know(t, j, start, "s", "daily", "other", "daily")
	var asked []journal.Backfill
	for i := range 3 {
		b := journal.Backfill{From: start.Add(time.Duration(-i) * time.Hour), To: start, By: fmt.Sprint("me", i), Asked: start.Add(time.Minute)}
		got, err := j.AskBackfill(ctx, "s", b)
		b.ID = got.ID
		if err != nil || got != b || got.ID == 0 {
			t.Fatalf("backfill %+v, %v, want %+v", got, err, b)
		}
		asked = append(asked, got)
	}
	s := journal.ScheduleState{ID: "s", Spec: "daily", Since: start, Done: start, Backfills: asked}
	wantState(t, j, s)
	wantState(t, j, journal.ScheduleState{ID: "other", Spec: "daily", Since: start, Done: start})
	for range 2 { // the second time it is gone
		if err := j.EndBackfill(ctx, asked[1].ID); err != nil {
			t.Fatal(err)
		}
	}
	s.Backfills = []journal.Backfill{asked[0], asked[2]}
	wantState(t, j, s)
	if err := j.EndBackfill(ctx, asked[2].ID); err != nil {
		t.Fatal(err)
	}
	next, err := j.AskBackfill(ctx, "s", journal.Backfill{From: start, To: start, Asked: start})
	if err != nil || next.ID <= asked[2].ID {
		t.Errorf("backfill %+v, %v: a number was used again", next, err)
	}
	if b, err := j.AskBackfill(ctx, "s", journal.Backfill{From: start.Add(1), To: start, Asked: start}); err == nil {
		t.Errorf("kept one that goes back: %+v", b)
	}
}

func changesOfSchedulesAreHeard(t *testing.T, j Journal) {
	ctx := t.Context()
	know(t, j, start, "s", "daily")
	var heard atomic.Int64
	stop := j.ListenSchedules(func() { heard.Add(1) })
	var backfill journal.Backfill
	for i, change := range []func() error{
		func() error { return j.PauseSchedule(ctx, "s", true, "me", start) },
		func() error {
			asked, err := j.AskBackfill(ctx, "s", journal.Backfill{From: start, To: start, Asked: start})
			backfill = asked
			return err
		},
		func() error { return j.EndBackfill(ctx, backfill.ID) },
		func() error { return j.PauseSchedule(ctx, "s", false, "me", start) },
	} {
		before := heard.Load()
		if err := change(); err != nil {
			t.Fatal(err)
		}
		eventually(t, fmt.Sprint("change ", i, " is heard"), func() bool { return heard.Load() > before })
	}
	stop()
	before := heard.Load()
	var late atomic.Int64
	defer j.ListenSchedules(func() { late.Add(1) })()
	if err := j.PauseSchedule(ctx, "s", true, "me", start); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another one hears", func() bool { return late.Load() > 0 })
	if heard.Load() != before {
		t.Error("heard after it had stopped listening")
	}
}
