package engine

import (
	"testing"
	"time"
)

// TestALoopWithoutAWorldEnds has loops that would go on for minutes without anything happening in
// the world. Their timeout, and a cancel, must come through.
func TestALoopWithoutAWorldEnds(t *testing.T) {
	loops := map[string]string{
		"repeat": `
  - repeat: { while: true, steps: [ { set: { n: "${{ vars.n + 1 }}" } } ] }`,
		"every: 0s": `
  - repeat: { while: true, every: "${{ inputs.none }}", steps: [ { log: again } ] }`,
		"two loops": `
  - forEach:
      in: inputs.many
      as: outer
      steps: [ { forEach: { in: inputs.many, as: inner, steps: [ { if: false, log: x } ] } } ]`,
	}
	many := make([]any, 20_000)
	for name, steps := range loops {
		program := mustProgram(t, `
version: 1
workflow: busy
timeout: 5s
inputs: { many: { type: array }, none: { type: duration, default: 0s } }
vars: { n: 0 }
steps:`+steps)
		for _, cancel := range []bool{false, true} {
			end := playAlone(NewRun(program), many, cancel)
			want := Failed
			if cancel {
				want = Cancelled
			}
			if end == nil || end.Status != want {
				t.Errorf("%s: cancel %v: the run ended %+v, want %s", name, cancel, end, want)
			}
		}
	}
}

// playAlone fires the timers of a run in their order, at most twenty, and perhaps cancels it in
// the middle.
func playAlone(run *Run, many []any, cancel bool) *Outcome {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d := run.Next(Event{Kind: RunStarted, Time: now, Start: &RunStart{ID: "r", Inputs: map[string]any{"many": many, "none": "0s"}}})
	for turns := 0; d.End == nil && turns < 20; turns++ {
		first := Command{}
		for _, c := range run.Outstanding() {
			if first.At == "" || c.Due.Before(first.Due) {
				first = c
			}
		}
		now = first.Due
		if turns == 5 {
			now = now.Add(time.Hour)
			first = run.pending["!timeout"].command // it is due now, and so is the turn
		}
		e := Event{Kind: TimerFired, Time: now, At: first.At}
		if cancel && turns == 3 {
			e = Event{Kind: CancelRequested, Time: now}
		}
		d = run.Next(e)
	}
	return d.End
}
