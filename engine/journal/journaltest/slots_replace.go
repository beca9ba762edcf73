package journaltest

import (
	"testing"

	"github.com/twinbook/twinbook/engine"
)

func replaceMakesRoom(t *testing.T, j Journal) {
	enter(t, j, "r1", slot("k", 2, engine.Queue))
	enter(t, j, "r2", slot("k", 2, engine.Queue))
	enter(t, j, "r3", slot("k", 2, engine.Queue))
	if !enter(t, j, "new", slot("k", 2, engine.Replace)) {
		t.Error("it begins beside the others")
	}
	for _, id := range []string{"r1", "r2", "r3"} {
		wantAsked(t, j, id, "cancelRequested replaced by run new")
		if run := line(t, j, id); run.Wish != engine.CancelRequested {
			t.Errorf("run %+v", run)
		}
	}
	wantHolders(t, j, "r3", "")
	wantHolders(t, j, "new", "k/2: r1 r2, 0 ahead")
	if !enter(t, j, "newer", slot("k", 2, engine.Replace)) {
		t.Error("it begins beside the others")
	}
	wantAsked(t, j, "r1", "cancelRequested replaced by run new") // and not again
	wantAsked(t, j, "new", "cancelRequested replaced by run newer")
	add(t, j, "r1", ended())
	wantAsked(t, j, "new", "cancelRequested replaced by run newer") // it is out of the line
	wantAsked(t, j, "newer", "runAdmitted")
	add(t, j, "r2", ended())
	if enter(t, j, "last", slot("k", 2, engine.Replace)) {
		t.Error("waits although a place is free")
	}
	wantAsked(t, j, "newer", "runAdmitted")
	for _, id := range []string{"r3", "new"} { // what they were asked
		add(t, j, id, ended())
		wantAsked(t, j, id, "")
	}
	wantHolders(t, j, "last", "")
}

// replaceClearsTheLine: the first of those who wait has kept a place from others that was free for them.
func replaceClearsTheLine(t *testing.T, j Journal) {
	enter(t, j, "r1", slot("k", 2, engine.Queue))
	if !enter(t, j, "alone", slot("k", 1, engine.Queue)) || !enter(t, j, "behind", slot("k", 2, engine.Queue)) {
		t.Error("not in the order of asking")
	}
	if enter(t, j, "new", slot("k", 2, engine.Replace)) {
		t.Error("waits although a place is free and nobody waits any more")
	}
	wantAsked(t, j, "alone", "cancelRequested replaced by run new")
	wantAsked(t, j, "behind", "cancelRequested replaced by run new")
	add(t, j, "r1", ended())
	wantAsked(t, j, "alone", "cancelRequested replaced by run new")
}

// aLaterSlotReplaces: when the turn of a run comes, it makes room in the next slot.
func aLaterSlotReplaces(t *testing.T, j Journal) {
	enter(t, j, "a", slot("1", 1, engine.Queue))
	enter(t, j, "b", slot("2", 1, engine.Queue))
	enter(t, j, "r", slot("1", 1, engine.Queue), slot("2", 1, engine.Replace))
	wantAsked(t, j, "b", "")
	add(t, j, "a", ended())
	wantAsked(t, j, "b", "cancelRequested replaced by run r")
	wantHolders(t, j, "r", "2/1: b, 0 ahead")
	add(t, j, "b", ended())
	wantAsked(t, j, "r", "runAdmitted")
}
