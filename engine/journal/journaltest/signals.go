package journaltest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

func approvalsAreFound(t *testing.T, j Journal) {
	for _, id := range []string{"a", "b", "c"} {
		begin(t, j, id)
	}
	asks := journal.Standing{Parked: true, Approval: true, Wake: start.Add(time.Hour)}
	for _, id := range []string{"a", "c"} {
		if err := j.Append(t.Context(), id, nil, asks); err != nil {
			t.Fatal(err)
		}
	}
	if got := line(t, j, "a").Standing; got != asks {
		t.Errorf("standing %+v, want %+v", got, asks)
	}
	want(t, j, journal.Filter{Approval: true}, "c a")
	want(t, j, journal.Filter{Approval: true, Limit: 1}, "c")
	want(t, j, journal.Filter{Approval: true, After: "c", Workflow: "reboot"}, "a")
	want(t, j, journal.Filter{Approval: true, Queued: true}, "")
	add(t, j, "c", done("approve"))
	want(t, j, journal.Filter{Approval: true}, "a")
	if err := j.Append(t.Context(), "a", []engine.Event{ended()}, asks); err != nil {
		t.Fatal(err)
	}
	want(t, j, journal.Filter{Approval: true}, "")
}

func runsAreCounted(t *testing.T, j Journal) {
	counted := func(want journal.Counts) {
		t.Helper()
		got, err := j.Counts(t.Context())
		orphans, err2 := j.Orphans(t.Context())
		if err != nil || err2 != nil || got != want || orphans != want.Orphans {
			t.Errorf("counts %+v, %d orphans, %v, %v, want %+v", got, orphans, err, err2, want)
		}
	}
	counted(journal.Counts{})
	enter(t, j, "a", slot("k", 1, engine.Queue))
	enter(t, j, "b", slot("k", 1, engine.Queue))
	begin(t, j, "c")
	if err := j.Append(t.Context(), "c", nil, journal.Standing{Approval: true, Parked: true}); err != nil {
		t.Fatal(err)
	}
	begin(t, j, "over")
	add(t, j, "over", ended())
	counted(journal.Counts{Unfinished: 3, Queued: 1, Parked: 2, Approval: 1})
	for _, id := range []string{"a", "b", "c"} {
		add(t, j, id, ended())
	}
	counted(journal.Counts{})
}

func signalsAreHeard(t *testing.T, j Journal) {
	begin(t, j, "r1")
	var ear listener
	defer j.Listen(ear.hear)()
	sent := []journal.Request{
		{Run: "r1", Kind: engine.SignalReceived, Signal: &engine.Signal{Name: "go", Payload: map[string]any{"n": 1.5, "none": nil}}, By: "me", Time: start},
		{Run: "r1", Kind: engine.SignalReceived, At: "ask[2]/ok#1", Signal: &engine.Signal{Approved: true, Roles: []string{"admin"}}, Reason: "fine", Time: start},
		{Run: "r1", Kind: engine.PauseRequested, Time: start},
	}
	for _, r := range sent {
		if err := j.Ask(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all are heard", func() bool { return len(ear.of("r1")) == len(sent) })
	wishes, err := j.Wishes(t.Context(), "r1")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range sent {
		want.ID = wishes[i].ID
		if !reflect.DeepEqual(wishes[i], want) || !reflect.DeepEqual(ear.of("r1")[i], want) {
			t.Errorf("kept %+v, heard %+v, want %+v", wishes[i], ear.of("r1")[i], want)
		}
	}
	no := sent[1]
	no.Signal, no.By = &engine.Signal{Roles: []string{"admin"}}, "anna"
	var before *journal.AnsweredError
	if err := j.Ask(t.Context(), no); !errors.As(err, &before) || before.At != no.At || !before.Signal.Approved {
		t.Errorf("a no beside the yes: %v, want an AnsweredError about the yes", err)
	}
	e := engine.Event{Time: start, Kind: engine.SignalReceived, Request: wishes[0].ID, By: "me", Signal: wishes[0].Signal}
	add(t, j, "r1", e)
	wantAsked(t, j, "r1", "signalReceived fine; pauseRequested")
	if got := read(t, j, "r1", 1); len(got) != 1 || !reflect.DeepEqual(wire(t, got[0])["signal"], wire(t, e)["signal"]) || got[0].Signal == nil {
		t.Errorf("event %+v", got)
	}
}
