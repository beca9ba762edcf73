package journaltest

import (
	"errors"
	"slices"
	"testing"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

func queuedRunsEnd(t *testing.T, j Journal) {
	enter(t, j, "a", slot("k", 2, engine.Queue))
	enter(t, j, "wide", slot("k", 1, engine.Queue))
	enter(t, j, "b", slot("k", 2, engine.Queue))
	enter(t, j, "c", slot("k", 2, engine.Queue))
	if err := j.Ask(t.Context(), journal.Request{Run: "wide", Kind: engine.CancelRequested, Reason: "no", Time: start}); err != nil {
		t.Fatal(err)
	}
	wantAsked(t, j, "wide", "cancelRequested no")
	add(t, j, "wide", ended()) // with it goes what it kept from those behind it
	wantAsked(t, j, "b", "runAdmitted")
	wantAsked(t, j, "c", "")
	wantHolders(t, j, "c", "k/2: a b, 0 ahead")
	add(t, j, "b", ended()) // its turn had come
	wantAsked(t, j, "c", "runAdmitted")
	if err := j.Remove(t.Context(), "wide", "b"); err != nil {
		t.Fatal(err)
	}
	if !enter(t, j, "d", slot("k", 2, engine.Queue)) {
		t.Error("removed runs have freed a place twice")
	}
	if _, err := j.Holders(t.Context(), "b"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("holders for a run that is gone: %v, want ErrNotFound", err)
	}
}

// runsThatEndAtOnce hold a place for no time, or wait for theirs as others do.
func runsThatEndAtOnce(t *testing.T, j Journal) {
	short := func(id string) (bool, []engine.Event) {
		events := []engine.Event{begun(id), ended()}
		queued, err := j.Begin(t.Context(), journal.Beginning{Events: events, Slots: []engine.Slot{slot("k", 1, engine.Queue)}})
		if err != nil {
			t.Fatal(err)
		}
		return queued, read(t, j, id, 0)
	}
	if queued, events := short("r1"); queued || len(events) != 2 {
		t.Errorf("queued %v, events %+v", queued, events)
	}
	if enter(t, j, "r2", slot("k", 1, engine.Queue)) {
		t.Error("the place is not free")
	}
	queued, events := short("r3")
	if run := line(t, j, "r3"); !queued || len(events) != 1 || !run.Ended.IsZero() || run.Status != "" {
		t.Errorf("queued %v, events %+v, run %+v", queued, events, run)
	}
	add(t, j, "r2", ended())
	wantAsked(t, j, "r3", "runAdmitted")
}

// slotsOutliveEverythingElse: parking, pausing and what is asked free no place.
func slotsOutliveEverythingElse(t *testing.T, j Journal) {
	enter(t, j, "a", slot("k", 1, engine.Queue))
	enter(t, j, "b", slot("k", 1, engine.Queue))
	for _, s := range []journal.Standing{{Parked: true, Wake: start}, {Parked: true, Approval: true}, {Paused: true}, {}} {
		if err := j.Append(t.Context(), "a", []engine.Event{done("x")}, s); err != nil {
			t.Fatal(err)
		}
		if err := j.Claim(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		wantAsked(t, j, "b", "")
	}
	if err := j.Append(t.Context(), "b", []engine.Event{{Time: start, Kind: engine.PauseRequested}}, journal.Standing{Queued: true, Parked: true, Paused: true}); err != nil {
		t.Fatal(err)
	}
	if s := line(t, j, "b").Standing; s != (journal.Standing{Queued: true, Parked: true, Paused: true}) {
		t.Errorf("standing %+v", s)
	}
	add(t, j, "a", ended())
	wantAsked(t, j, "b", "runAdmitted")
	adopted := []string{}
	for run, err := range j.Adopt(t.Context()) {
		if err != nil || !run.Standing.Queued {
			t.Errorf("%+v, %v", run, err)
		}
		adopted = append(adopted, run.ID)
	}
	if !slices.Equal(adopted, []string{"b"}) {
		t.Errorf("adopted %q, want the run that waits", adopted)
	}
}
