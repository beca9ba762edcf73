package engine

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// pause puts a pause among what happens, or its end, which must come when nothing else does.
func (d *driver) pause(batch []Event) []Event {
	if batch != nil && (d.pauses == 0 || d.r.IntN(d.pauses) > 0) || batch == nil && !d.paused {
		return batch
	}
	e := Event{Kind: PauseRequested, By: "anna", Reason: "by the test"}
	if d.paused {
		e.Kind = ResumeRequested
	}
	d.paused = !d.paused
	return slices.Insert(batch, d.r.IntN(len(batch)+1), e)
}

// beginsNothing holds that nothing begins while a run is paused.
func beginsNothing(r *Run, d Decision) error {
	if !r.Paused() {
		return nil
	}
	for _, c := range d.Commands {
		if c.Kind == CommandDo {
			return fmt.Errorf("%s begins during a pause", c.At)
		}
	}
	for _, n := range d.Notes {
		if n.Kind == NoteStepStarted || n.Kind == NoteItemStarted {
			return fmt.Errorf("%s begins during a pause", n.At)
		}
	}
	return nil
}

// TestAPauseChangesTheTimeOnly plays random programs in which no timeout is in play without and with pauses:
// they end alike.
func TestAPauseChangesTheTimeOnly(t *testing.T) {
	held := 0
	for seed := range 150 {
		source := calmProgram(rand.New(rand.NewPCG(uint64(seed), 7)))
		program, problems := Compile("calm.yaml", []byte(source), Options{Types: planTypes()})
		if len(problems) > 0 {
			t.Fatalf("seed %d: %v\n%s", seed, problems, source)
		}
		var ends []*Outcome
		for _, pauses := range []int{0, 1, 3} {
			d := newDriver(rand.New(rand.NewPCG(uint64(seed), uint64(pauses))))
			d.calm, d.pauses = true, pauses
			rec, err := playRandom(program, d)
			if err != nil {
				t.Fatalf("seed %d, pauses %d: %v\n%s", seed, pauses, err, source)
			}
			if len(rec.batches) > 4 {
				held++
			}
			ends = append(ends, rec.end)
		}
		if !reflect.DeepEqual(ends[0], ends[1]) || !reflect.DeepEqual(ends[0], ends[2]) {
			t.Errorf("seed %d: without pauses %s\nwith pauses %s\n            %s\n%s", seed, printOutcome(ends[0]), printOutcome(ends[1]), printOutcome(ends[2]), source)
		}
	}
	if held < 150 {
		t.Errorf("only %d of 450 runs were long enough to be paused", held)
	}
}
