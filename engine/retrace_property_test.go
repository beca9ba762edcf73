package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestAnyRunRetried plays random programs, and retries those runs that did not succeed in a world in which
// all works: nothing that must not happen twice does, unless there was a doubt about it.
func TestAnyRunRetried(t *testing.T) {
	retried, doubtful := 0, 0
	for seed := range 200 {
		source := randomProgram(rand.New(rand.NewPCG(uint64(seed), 1)))
		program := mustProgram(t, source)
		for play := range 3 {
			d := newDriver(rand.New(rand.NewPCG(uint64(seed), uint64(play)+2)))
			rec, err := playRandom(program, d)
			if err != nil {
				t.Fatal(err)
			}
			if rec.end.Status == Succeeded {
				continue
			}
			retried++
			doubts, err := retryRecorded(program, d, rec)
			if err != nil {
				t.Fatalf("seed %d, play %d: %v\n%s", seed, play, err, source)
			}
			if len(doubts) > 0 {
				doubtful++
			}
		}
	}
	if retried < 200 || doubtful < 20 {
		t.Errorf("%d runs were retried, %d with doubts: that is too few", retried, doubtful)
	}
}

// log is what the journal keeps of a recording.
func (rec *recording) log() []Event {
	events := slices.Concat(rec.batches...)
	return append(events, Event{Time: events[len(events)-1].Time, Kind: RunEnded, End: rec.end})
}

// retryRecorded retries a recorded run, and again what came of that, until it succeeds.
func retryRecorded(p *Program, before *driver, rec *recording) ([]Doubt, error) {
	past := rec.log()
	started := Event{Seq: 1, Time: before.now, Kind: RunStarted, Start: &RunStart{ID: "again", Inputs: map[string]any{}}}
	kept, doubts, err := Retrace(p, started, past, nil)
	hopeless := errors.As(err, new(*HopelessError))
	if err != nil && !hopeless {
		return nil, err
	}
	keptAgain, doubtsAgain, _ := Retrace(p, started, past, nil)
	if !reflect.DeepEqual(kept, keptAgain) || !reflect.DeepEqual(doubts, doubtsAgain) {
		return nil, fmt.Errorf("it comes out differently the second time")
	}
	var again []string
	for _, doubt := range doubts {
		again = append(again, string(doubt.At))
	}
	waived, none, err := Retrace(p, started, past, again)
	if hopeless = errors.As(err, new(*HopelessError)); err != nil && !hopeless || len(none) > 0 || !reflect.DeepEqual(kept, waived) {
		return nil, fmt.Errorf("with --again %s: %v, doubts %v", again, err, none)
	}
	d := newDriver(before.r)
	d.now, d.calm, d.good = before.now, true, true
	d.first = append([]Event{started}, kept...)
	next, err := playRandom(p, d)
	if err != nil {
		return nil, fmt.Errorf("the retry: %w", err)
	}
	if hopeless && next.end.Status != Failed {
		return nil, fmt.Errorf("nothing was left to do in a retry that %s", printOutcome(next.end))
	}
	if err := onceOnly(rec, next, doubts); err != nil {
		return nil, err
	}
	if err := startsWhatIsLeft(p, next); err != nil {
		return nil, err
	}
	if err := next.replay(p, before.r); err != nil {
		return nil, err
	}
	return doubts, redoRecorded(p, before, rec, kept)
}

// redoRecorded retries a recorded run with something of what would be kept named: that is done again, and all for
// which there is then a doubt; nothing else that must not happen twice is.
func redoRecorded(p *Program, before *driver, rec *recording, kept []Event) error {
	happened := rec.happened()
	kept = slices.DeleteFunc(slices.Clone(kept), func(e Event) bool { return !happened[e.At.owner().instance()] })
	if len(kept) == 0 || before.r.IntN(2) == 0 {
		return nil
	}
	past := rec.log()
	started := Event{Seq: 1, Time: before.now, Kind: RunStarted, Start: &RunStart{ID: "again", Inputs: map[string]any{}}}
	again := []string{string(kept[before.r.IntN(len(kept))].At.owner().instance())}
	_, doubts, err := Retrace(p, started, past, again)
	waived := append(doubts, Doubt{At: Address(again[0])})
	for _, doubt := range doubts {
		again = append(again, string(doubt.At))
	}
	if err == nil {
		kept, doubts, err = Retrace(p, started, past, again)
	}
	if err != nil && !errors.As(err, new(*HopelessError)) || len(doubts) > 0 {
		return fmt.Errorf("with --again %s of what is kept: %v, doubts %v", again, err, doubts)
	}
	d := newDriver(before.r)
	d.now, d.calm, d.good = before.now, true, true
	d.first = append([]Event{started}, kept...)
	next, err := playRandom(p, d)
	if err != nil {
		return fmt.Errorf("with --again %s of what is kept: %w", again, err)
	}
	if err := onceOnly(rec, next, waived); err != nil {
		return fmt.Errorf("with --again %s of what is kept: %w", again, err)
	}
	return next.replay(p, before.r)
}

// onceOnly holds that what may have happened in one run is not done in the next, unless it is doubtful. A
// catch and a finally belong to each run, and what the file itself has done again (retry of a block) is
// what the file says.
func onceOnly(rec, next *recording, doubts []Doubt) error {
	happened := rec.happened()
	for _, doubt := range doubts {
		if !happened[doubt.At] {
			return fmt.Errorf("there is a doubt, and it did not happen: %s", doubt)
		}
		delete(happened, doubt.At)
	}
	for _, batch := range next.commands {
		for _, c := range batch {
			at := c.At.owner()
			bySelf := at.instance() != at || inOwn(at)
			if c.Kind == CommandDo && c.Delivery == Once && happened[at.instance()] && !bySelf && !stoppedIn(batch, c.At) {
				return fmt.Errorf("%s is done again, and may have happened", c.At)
			}
		}
	}
	return nil
}

// stoppedIn says whether what a decision begins is stopped in it: that never begins.
func stoppedIn(decision []Command, at Address) bool {
	return slices.ContainsFunc(decision, func(c Command) bool { return c.Kind == CommandStop && c.At == at })
}

// happened are the steps of delivery once that may have had their effect.
func (rec *recording) happened() map[Address]bool {
	happened := map[Address]bool{}
	given := map[Address]Command{}
	for i, batch := range rec.batches {
		for _, e := range batch {
			if c := given[e.At]; e.Kind == StepDone && c.Delivery == Once && (e.Error == nil || e.Error.MaybeDone) {
				happened[e.At.owner().instance()] = true
			}
		}
		for _, c := range rec.commands[i] {
			if c.Kind == CommandDo {
				given[c.At] = c
			}
		}
	}
	return happened
}

// inOwn says whether a step is in a catch or finally, which each run has for itself: whether it comes to that step
// is known only when it is there.
func inOwn(at Address) bool {
	return strings.Contains(string(at), "catch/") || strings.Contains(string(at), "finally/")
}

// startsWhatIsLeft holds the first commands of a retry against what is outstanding, also if the kept
// events come one by one.
func startsWhatIsLeft(p *Program, next *recording) error {
	if n := len(next.batches[0]); n == 1 || next.batches[0][0].Start.Queued {
		return nil // nothing is kept, or nothing begins
	}
	run := NewRun(p)
	for _, e := range next.batches[0] {
		run.Next(e)
	}
	first := slices.DeleteFunc(slices.Clone(next.commands[0]), func(c Command) bool { return c.Kind == CommandStop })
	if err := sameCommands(run.Outstanding(), first); err != nil {
		return fmt.Errorf("what is outstanding after the kept events: %w", err)
	}
	return nil
}

// TestARetryEndsAsIfNothingHadFailed has programs whose end does not depend on outcomes or on how often
// something was tried.
func TestARetryEndsAsIfNothingHadFailed(t *testing.T) {
	retried := 0
	for seed := range 300 {
		source := plainProgram(rand.New(rand.NewPCG(uint64(seed), 3)))
		program := mustProgram(t, source)
		well := newDriver(rand.New(rand.NewPCG(uint64(seed), 4)))
		well.calm, well.good, well.pauses = true, true, 0
		want, err := playRandom(program, well)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, source)
		}
		d := newDriver(rand.New(rand.NewPCG(uint64(seed), 5)))
		for range 4 {
			rec, err := playRandom(program, d)
			if err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, source)
			}
			if rec.end.Status == Succeeded {
				break
			}
			retried++
			started := Event{Seq: 1, Time: d.now, Kind: RunStarted, Start: &RunStart{ID: "again", Inputs: map[string]any{}}}
			kept, doubts, err := Retrace(program, started, rec.log(), nil)
			hopeless := errors.As(err, new(*HopelessError))
			if err != nil && !hopeless {
				t.Fatalf("seed %d: %v\n%s", seed, err, source)
			}
			next := newDriver(d.r)
			next.now, next.calm, next.good = d.now, true, true
			next.first = append([]Event{started}, kept...)
			got, err := playRandom(program, next)
			if err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, source)
			}
			for _, doubt := range doubts {
				if !got.does(doubt.At) && !inOwn(doubt.At) {
					t.Errorf("seed %d: there is a doubt about %s, which is not done again\n%s", seed, doubt.At, source)
				}
			}
			if hopeless && got.end.Status != Failed {
				t.Errorf("seed %d: nothing was left to do in a retry that %s\n%s", seed, printOutcome(got.end), source)
			}
			if !reflect.DeepEqual(got.end, want.end) {
				t.Errorf("seed %d: the retry ended %s, without failures it was %s\n%s", seed, printOutcome(got.end), printOutcome(want.end), source)
			}
			d = newDriver(d.r) // and the retry of a retry that fails, too
			d.now, d.first = next.now, next.first
		}
	}
	if retried < 300 {
		t.Errorf("only %d runs were retried", retried)
	}
}

// does says whether a step was begun.
func (rec *recording) does(at Address) bool {
	return slices.ContainsFunc(slices.Concat(rec.commands...), func(c Command) bool {
		return c.Kind == CommandDo && c.At.owner().instance() == at
	})
}

// TestRetraceOfForeignEvents has events that do not fit the program, or are a part of what happened: they come
// to something, whatever it is.
func TestRetraceOfForeignEvents(t *testing.T) {
	for seed := range 100 {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		one, other := mustProgram(t, randomProgram(r)), mustProgram(t, randomProgram(r))
		rec, err := playRandom(one, newDriver(r))
		if err != nil {
			t.Fatal(err)
		}
		events := rec.log()
		last := len(events) - 1
		events[last].End = &Outcome{Status: Failed, Error: &Error{Kind: KindFailed}}
		started := Event{Seq: 1, Time: events[last].Time, Kind: RunStarted, Start: &RunStart{ID: "again", Inputs: map[string]any{}}}
		some := slices.DeleteFunc(slices.Clone(events), func(e Event) bool {
			return e.Kind != RunStarted && e.Kind != RunEnded && r.IntN(5) == 0
		})
		for _, past := range [][]Event{events, some} {
			for _, program := range []*Program{one, other} {
				kept, _, err := Retrace(program, started, past, nil)
				if err != nil && !errors.As(err, new(*HopelessError)) || len(kept) > len(past) {
					t.Errorf("seed %d: %d events kept, %v", seed, len(kept), err)
				}
				NewRun(program).Next(append([]Event{started}, kept...)...)
			}
		}
	}
}
