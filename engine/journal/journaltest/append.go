package journaltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/engine/journal"
)

func appendNumbers(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	begin(t, j, "r2")
	first, second := []engine.Event{done("a"), done("b")}, []engine.Event{done("c")}
	for _, events := range [][]engine.Event{first, {}, second} {
		add(t, j, "r1", events...)
	}
	add(t, j, "r2", done("x"))
	if first[0].Seq != 2 || first[1].Seq != 3 || second[0].Seq != 4 {
		t.Errorf("numbers %d %d, %d in the caller's events, want 2 3, 4", first[0].Seq, first[1].Seq, second[0].Seq)
	}
	for after, want := range map[int64]string{0: "1: 2:a 3:b 4:c ", 2: "3:b 4:c ", 4: "", 9: "", -1: "1: 2:a 3:b 4:c "} {
		got := ""
		for _, e := range read(t, j, "r1", after) {
			got += fmt.Sprintf("%d:%s ", e.Seq, e.At)
		}
		if got != want {
			t.Errorf("events after %d: %q, want %q", after, got, want)
		}
	}
}

func appendKeepsEverything(t *testing.T, j journal.Journal) {
	failure := &engine.Error{
		Kind: engine.KindAssertion, Message: "ünïcode \u2028 <&>", Step: "a", Where: "f.yaml:1:2", Device: "dev-1", MaybeDone: true, RetryAfter: 1.5,
		Failed: []engine.CheckFailure{{Where: "f.yaml:3:4", Source: "a > b", Message: "m", Reason: "is false", Parts: []expr.Part{{Source: "a", Value: 1.0, Type: "number"}, {Source: "b", Missing: true}}}},
		Also:   []*engine.Error{{Kind: engine.KindTimeout, Message: "too"}},
	}
	first := begun("r1")
	first.Start.Inputs = map[string]any{"n": 1e300, "none": nil, "list": []any{}, "object": map[string]any{}}
	first.Start.Trigger = map[string]any{"schedule": "nightly"}
	events := []engine.Event{
		{Time: start, Kind: engine.StepStarted, At: "a[3]/b#1", Params: map[string]any{"method": "reboot", "payload": nil}},
		{Time: start.Add(1), Kind: engine.StepDone, At: "a[3]/b#1", Value: map[string]any{"status": 200.0, "deep": []any{map[string]any{"x": []any{nil, false, -0.1, "é\x00"}}}}},
		{Time: start.Add(2), Kind: engine.StepDone, At: "a[3]/b#2", Value: "beside", Error: failure},
		{Time: start.Add(3), Kind: engine.TimerFired, At: "!timeout"},
		{Time: start.Add(4), Kind: engine.CancelRequested, Reason: "ctrl-c"},
		{Time: start.Add(5), Kind: engine.RunEnded, End: &engine.Outcome{Status: engine.Cancelled, Error: failure, Tolerated: 2, Message: "m", Outputs: map[string]any{"o": nil}}},
	}
	want := append([]engine.Event{first}, events...)
	if _, err := j.Begin(t.Context(), beginning(first)); err != nil {
		t.Fatal(err)
	}
	add(t, j, "r1", events...)
	got := read(t, j, "r1", 0)
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i := range want {
		want[i].Seq = int64(i) + 1
		if !got[i].Time.Equal(want[i].Time) || got[i].Time.Location() != time.UTC {
			t.Errorf("time %v, want %v", got[i].Time, want[i].Time)
		}
		if g, w := wire(t, got[i]), wire(t, want[i]); !reflect.DeepEqual(g, w) {
			t.Errorf("event\n%v\nwant\n%v", g, w)
		}
	}
}

// wire is what goes over a wire: null and an empty list differ in it.
func wire(t *testing.T, e engine.Event) map[string]any {
	t.Helper()
	text, err := json.Marshal(e)
	var value map[string]any
	if err == nil {
		err = json.Unmarshal(text, &value)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func appendKeepsItsOwnCopy(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	events := []engine.Event{done("a")}
	add(t, j, "r1", events...)
	read(t, j, "r1", 0)[1].At = "changed"
	if got := read(t, j, "r1", 0); got[1].At != "a" {
		t.Errorf("a reader's list and the journal are the same: %q", got[1].At)
	}
}

func appendIsAllOrNothing(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	if err := j.Append(t.Context(), "r1", []engine.Event{done("a"), ended(), done("b")}, journal.Standing{}); err == nil {
		t.Error("an event was kept after RunEnded")
	}
	if got := read(t, j, "r1", 0); len(got) != 1 {
		t.Errorf("%d events after a refused append, want 1", len(got))
	}
	if run := line(t, j, "r1"); run.Status != "" {
		t.Errorf("the run has status %s after a refused append", run.Status)
	}
	again := []engine.Event{done("a")}
	add(t, j, "r1", again...)
	if got := read(t, j, "r1", 1); len(got) != 1 || got[0].Seq != 2 {
		t.Errorf("events %+v, want one with number 2", got)
	}
}

func nothingFollowsTheEnd(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	add(t, j, "r1", ended())
	if err := j.Append(t.Context(), "r1", []engine.Event{done("a")}, journal.Standing{}); !errors.Is(err, journal.ErrEnded) {
		t.Errorf("error %v, want ErrEnded", err)
	}
	if n := len(read(t, j, "r1", 0)); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
}

func endedContextKeepsNothing(t *testing.T, j journal.Journal) {
	begin(t, j, "r1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Append(ctx, "r1", []engine.Event{done("a")}, journal.Standing{}); err == nil {
		t.Error("appended although the context had ended")
	}
	if _, err := j.Begin(ctx, beginning(begun("r2"))); err == nil {
		t.Error("began although the context had ended")
	}
	if runs, err := j.Runs(t.Context(), journal.Filter{}); err != nil || len(runs) != 1 || len(read(t, j, "r1", 0)) != 1 {
		t.Errorf("runs %+v, %v", runs, err)
	}
}
