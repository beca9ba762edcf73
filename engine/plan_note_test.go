package engine

import (
	"math/rand/v2"
	"testing"
)

// TestNotesSayWhereTheyStand plays random programs, and holds the step that each note names as the one around it
// against the tree: it has begun and not ended.
func TestNotesSayWhereTheyStand(t *testing.T) {
	inside := 0
	for seed := range 80 {
		source := randomProgram(rand.New(rand.NewPCG(uint64(seed), 1)))
		program, problems := Compile("random.yaml", []byte(source), Options{Types: planTypes()})
		if len(problems) > 0 {
			t.Fatalf("seed %d: %v", seed, problems)
		}
		rec, err := playRandom(program, newDriver(rand.New(rand.NewPCG(uint64(seed), 2))))
		if err != nil {
			t.Fatal(err)
		}
		around := stepsAround(program.Workflow)
		open, run := map[Address]*Step{"": nil}, NewRun(program)
		for _, batch := range rec.batches {
			for _, n := range run.Next(batch...).Notes {
				if n.Step == nil {
					continue
				}
				if step, ok := open[n.In]; !ok || step != around[n.Step] {
					t.Errorf("seed %d: %s at %s: the step around it is not %q, which is open: %v\n%s", seed, n.Kind, n.At, n.In, ok, source)
				}
				if n.In != "" {
					inside++
				}
				switch n.Kind {
				case NoteStepStarted:
					open[n.At] = n.Step
				case NoteStepEnded:
					delete(open, n.At)
				}
				if tried := !n.Tried.IsZero(); tried != (n.Attempt > 0 && n.Kind != NoteStepStarted) || tried && n.Tried.After(n.Time) {
					t.Errorf("seed %d: %s at %s of attempt %d, at %v: it began at %v", seed, n.Kind, n.At, n.Attempt, n.Time, n.Tried)
				}
			}
		}
	}
	if inside < 500 {
		t.Errorf("only %d notes are about steps inside others: the programs are not random enough", inside)
	}
}

// stepsAround says of each step of a workflow in which other it stands; nil: in none.
func stepsAround(w *Workflow) map[*Step]*Step {
	around := map[*Step]*Step{}
	var walk func(in *Step, list []*Step)
	walk = func(in *Step, list []*Step) {
		for _, s := range list {
			around[s] = in
			for _, inner := range append(s.lists(), s.body()) {
				walk(s, inner)
			}
		}
	}
	walk(nil, w.Steps)
	walk(nil, w.Catch.steps())
	walk(nil, w.Finally.steps())
	return around
}
