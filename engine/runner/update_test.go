package runner

import (
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// TestUpdatesSayWhatRunTheyAreAbout has a run that was parked, and one that another process began: who listens has not
// heard of their beginnings, or may have forgotten them.
func TestUpdatesSayWhatRunTheyAreAbout(t *testing.T) {
	p := program(do("a", read), sleep("nap", "72h"), do("b", once))
	check := func(u Update) {
		if u.Info == nil || u.Info.ID != "r1" || u.Run != "r1" || !u.Asked.Equal(start) || !u.Began.Equal(start) {
			t.Errorf("%s is about %+v, asked for at %v, begun at %v", show(u), u.Info, u.Asked, u.Began)
		}
	}
	y := inYard(t, p, nil, func(y *yard) {
		y.told = check
		y.ends(y.begin(p), engine.Succeeded)
	})
	if len(y.updates) != 9 {
		t.Errorf("people were told:\n%s", lines(y.updates...))
	}
	got := resumed(t, start.Add(time.Hour), p, nil, engine.Event{Time: start, Kind: engine.StepDone, At: "a#1"})
	if len(got.updates) < 5 {
		t.Errorf("only %d updates of the run that goes on", len(got.updates))
	}
	for _, u := range got.updates {
		check(u)
	}
}
