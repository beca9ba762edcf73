package journaltest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

func slot(key string, limit int, full engine.WhenFull) engine.Slot {
	return engine.Slot{Key: key, Limit: limit, WhenFull: full}
}

// enter begins a run with slots, which succeeds, and says whether it waits.
func enter(t *testing.T, j journal.Journal, id string, slots ...engine.Slot) (queued bool) {
	t.Helper()
	b := beginning(begun(id))
	b.Slots = slots
	queued, err := j.Begin(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return queued
}

// asked are the kinds of what is asked of a run and not answered, in order, with their reasons.
func asked(t *testing.T, j journal.Journal, run string) string {
	t.Helper()
	wishes, err := j.Wishes(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	words := []string{}
	for _, w := range wishes {
		words = append(words, strings.TrimSpace(string(w.Kind)+" "+w.Reason))
	}
	return strings.Join(words, "; ")
}

func wantAsked(t *testing.T, j journal.Journal, run, want string) {
	t.Helper()
	if got := asked(t, j, run); got != want {
		t.Errorf("asked of %s: %q, want %q", run, got, want)
	}
}

// wantHolders holds what each run waits for against words such as "k/1: a b, 2 ahead".
func wantHolders(t *testing.T, j Journal, run, want string) {
	t.Helper()
	all, err := j.Holders(t.Context(), run)
	if err != nil || all == nil {
		t.Fatalf("holders of what %s waits for: %v, %v", run, all, err)
	}
	words := []string{}
	for _, h := range all {
		words = append(words, fmt.Sprintf("%s/%d: %s, %d ahead", h.Key, h.Limit, strings.Join(h.Runs, " "), h.Ahead))
	}
	if got := strings.Join(words, "; "); got != want {
		t.Errorf("%s waits for %q, want %q", run, got, want)
	}
}

func queuedRunWaits(t *testing.T, j Journal) {
	if enter(t, j, "r1", slot("k", 1, engine.Queue)) {
		t.Error("the first waits")
	}
	first := begun("r2")
	first.Start.By = "me"
	kept := engine.Event{Time: start, Kind: engine.StepDone, At: "a#1", Device: "dev-1", Kept: true}
	events := []engine.Event{first, kept, {Time: start, Kind: engine.StepStarted, At: "b#1", Device: "dev-2"}}
	queued, err := j.Begin(t.Context(), journal.Beginning{Events: events, Slots: []engine.Slot{slot("k", 1, engine.Queue)}, Standing: journal.Standing{Alert: true}})
	if err != nil || !queued {
		t.Fatalf("queued %v, %v", queued, err)
	}
	if first.Start.Queued || !events[0].Start.Queued || events[0].Seq != 1 || events[1].Seq != 2 || events[2].Seq != 0 {
		t.Errorf("the caller has %+v and %+v", first.Start, events)
	}
	got := read(t, j, "r2", 0)
	if len(got) != 2 || !got[0].Start.Queued || got[0].Start.By != "me" || !got[1].Kept || got[1].Seq != 2 {
		t.Errorf("kept %+v, want RunStarted, queued, and what was kept", got)
	}
	if run := line(t, j, "r2"); run.Standing != (journal.Standing{Queued: true, Parked: true}) || run.Device != "dev-1" || run.Driver == "" || run.Wish != "" {
		t.Errorf("run %+v", run)
	}
	if run := line(t, j, "r1"); run.Standing != (journal.Standing{}) || read(t, j, "r1", 0)[0].Start.Queued {
		t.Errorf("run %+v", run)
	}
	wantHolders(t, j, "r2", "k/1: r1, 0 ahead")
	wantHolders(t, j, "r1", "")
	want(t, j, journal.Filter{Queued: true}, "r2")
	want(t, j, journal.Filter{Queued: true, Device: "dev-1"}, "r2")
	want(t, j, journal.Filter{Queued: true, Device: "dev-3"}, "")
	want(t, j, journal.Filter{Queued: true, Statuses: []engine.Status{engine.Failed}}, "")
	if enter(t, j, "other", slot("k2", 1, engine.Queue)) || enter(t, j, "free") {
		t.Error("a run waits that takes another slot, or none")
	}
}

func turnsComeInOrder(t *testing.T, j Journal) {
	var ear listener
	defer j.Listen(ear.hear)()
	const n = 5
	for i := range n {
		if queued := enter(t, j, fmt.Sprint("r", i), slot("k", 2, engine.Queue)); queued != (i >= 2) {
			t.Errorf("run %d waits: %v", i, queued)
		}
	}
	wantHolders(t, j, "r4", "k/2: r0 r1, 2 ahead")
	for i := range n {
		id := fmt.Sprint("r", i)
		if i >= 2 {
			eventually(t, id+" hears that its turn has come", func() bool { return len(ear.of(id)) == 1 })
			r := ear.of(id)[0]
			if r.Kind != engine.RunAdmitted || !r.Time.Equal(ended().Time) || r.By != "" {
				t.Errorf("%s hears %+v", id, r)
			}
			wantAsked(t, j, id, "runAdmitted")
			if run := line(t, j, id); !run.Standing.Queued || run.Wish != "" {
				t.Errorf("before it begins: %+v", run)
			}
			wantHolders(t, j, id, "")
			add(t, j, id, engine.Event{Time: start, Kind: engine.RunAdmitted, Request: r.ID})
			wantAsked(t, j, id, "")
			if run := line(t, j, id); run.Standing.Queued {
				t.Errorf("it has begun: %+v", run)
			}
		}
		for k := i + 2; k < n; k++ {
			wantAsked(t, j, fmt.Sprint("r", k), "")
		}
		add(t, j, id, ended())
	}
	want(t, j, journal.Filter{Queued: true}, "")
	if enter(t, j, "again", slot("k", 2, engine.Queue)) || enter(t, j, "too", slot("k", 2, engine.Queue)) {
		t.Error("the places are not free again")
	}
}

func fullSlotRejects(t *testing.T, j Journal) {
	for i := range 12 {
		enter(t, j, fmt.Sprint("r", i), slot("k", 12, engine.Reject))
	}
	b := beginning(begun("late"))
	b.Slots = []engine.Slot{slot("free", 1, engine.Reject), slot("k", 12, engine.Reject)}
	b.Marks = []journal.Mark{{Scope: "api", Name: "x"}}
	_, err := j.Begin(t.Context(), b)
	var full *journal.FullError
	if !errors.As(err, &full) || full.Key != "k" || !slices.Equal(full.Holders, []string{"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9"}) {
		t.Errorf("error %v, want FullError with the first ten", err)
	}
	if _, err := j.Run(t.Context(), "late"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
	add(t, j, "r7", ended())
	if queued, err := j.Begin(t.Context(), b); queued || err != nil {
		t.Errorf("with a place free: %v, %v; it must have left neither its mark nor its other slot", queued, err)
	}
}

// limitsDiffer: each run has its own limit, and the first of the line comes first.
func limitsDiffer(t *testing.T, j Journal) {
	for _, c := range []struct {
		id     string
		limit  int
		queued bool
	}{{"a", 2, false}, {"b", 2, false}, {"c", 1, true}, {"d", 9, true}, {"e", 3, true}, {"f", 2, true}} {
		if got := enter(t, j, c.id, slot("k", c.limit, engine.Queue)); got != c.queued {
			t.Errorf("%s waits: %v", c.id, got)
		}
	}
	b := beginning(begun("no"))
	b.Slots = []engine.Slot{slot("k", 9, engine.Reject)}
	var full *journal.FullError
	if _, err := j.Begin(t.Context(), b); !errors.As(err, &full) {
		t.Errorf("before those who wait: %v", err)
	}
	add(t, j, "a", ended())
	wantAsked(t, j, "c", "")
	wantAsked(t, j, "d", "")
	add(t, j, "b", ended())
	wantAsked(t, j, "c", "runAdmitted")
	wantAsked(t, j, "d", "runAdmitted")
	wantAsked(t, j, "e", "runAdmitted")
	wantAsked(t, j, "f", "")
	wantHolders(t, j, "f", "k/2: c d e, 0 ahead")
}

func severalSlots(t *testing.T, j Journal) {
	s := func(key string) engine.Slot { return slot(key, 1, engine.Queue) }
	enter(t, j, "b", s("2"))
	enter(t, j, "c", s("3"))
	if !enter(t, j, "r", s("1"), s("2"), s("3"), s("4")) {
		t.Fatal("it begins")
	}
	wantHolders(t, j, "r", "2/1: b, 0 ahead")
	if !enter(t, j, "first", s("1")) { // it holds the one before
		t.Error("its first slot is free")
	}
	if enter(t, j, "fourth", s("4")) { // and not the one behind
		t.Error("its last slot is taken")
	}
	add(t, j, "b", ended())
	wantAsked(t, j, "r", "")
	wantHolders(t, j, "r", "3/1: c, 0 ahead")
	if !enter(t, j, "second", s("2")) {
		t.Error("it has not got its second slot")
	}
	add(t, j, "c", ended())
	wantHolders(t, j, "r", "4/1: fourth, 0 ahead")
	add(t, j, "fourth", ended())
	wantAsked(t, j, "r", "runAdmitted")
	wantHolders(t, j, "r", "")
	add(t, j, "r", ended())
	wantAsked(t, j, "first", "runAdmitted")
	wantAsked(t, j, "second", "runAdmitted")
	if enter(t, j, "x", s("3"), s("4")) {
		t.Error("not all of its slots are free")
	}
}

func laterSlotRejects(t *testing.T, j Journal) {
	enter(t, j, "a", slot("1", 1, engine.Queue))
	enter(t, j, "b", slot("2", 1, engine.Queue))
	if !enter(t, j, "r", slot("1", 1, engine.Queue), slot("2", 1, engine.Reject)) {
		t.Fatal("it begins")
	}
	add(t, j, "a", ended())
	wantAsked(t, j, "r", `cancelRequested all places of "2" are taken, by b`)
	enter(t, j, "next", slot("1", 1, engine.Queue))
	wantHolders(t, j, "next", "1/1: r, 0 ahead")
	add(t, j, "r", ended())
	wantAsked(t, j, "next", "runAdmitted")
}

// aRunHasAPlaceOnce: it does not wait for itself.
func aRunHasAPlaceOnce(t *testing.T, j Journal) {
	if enter(t, j, "a", slot("k", 5, engine.Queue), slot("k", 1, engine.Reject)) || !enter(t, j, "b", slot("k", 5, engine.Queue), slot("k", 1, engine.Reject)) {
		t.Error("the lower limit counts, and the first wish when it is full")
	}
	wantHolders(t, j, "b", "k/1: a, 0 ahead")
	add(t, j, "a", ended())
	wantAsked(t, j, "b", "runAdmitted")
	if !enter(t, j, "c", slot("k", 0, engine.Queue)) { // a limit is at least 1
		t.Error("it begins")
	}
	add(t, j, "b", ended())
	wantAsked(t, j, "c", "runAdmitted")
}
