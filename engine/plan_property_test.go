package engine

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAnyRunCutAnywhere plays random programs with random outcomes, then feeds every recorded run
// again: cut after each event, and with the events of each batch in another order.
func TestAnyRunCutAnywhere(t *testing.T) {
	programs := 400
	if testing.Short() {
		programs = 50
	}
	ends := map[Status]int{}
	for seed := range programs {
		source := randomProgram(rand.New(rand.NewPCG(uint64(seed), 1)))
		program, problems := Compile("random.yaml", []byte(source), Options{Types: planTypes()})
		if len(problems) > 0 {
			t.Fatalf("seed %d: %v\n%s", seed, problems, source)
		}
		for play := range 3 {
			rec, err := playRandom(program, newDriver(rand.New(rand.NewPCG(uint64(seed), uint64(play)+2))))
			if err != nil {
				t.Fatalf("seed %d, play %d: %v\n%s", seed, play, err, source)
			}
			ends[rec.end.Status]++
			if err := rec.replay(program, rand.New(rand.NewPCG(uint64(seed), 99))); err != nil {
				t.Fatalf("seed %d, play %d: %v\n%s", seed, play, err, source)
			}
		}
	}
	for _, status := range []Status{Succeeded, Failed, Cancelled} {
		if ends[status] < programs/20 {
			t.Errorf("only %d of %d runs ended %s: the programs are not random enough", ends[status], 3*programs, status)
		}
	}
}

// A recording is what a driver saw of one run.
type recording struct {
	batches  [][]Event
	commands [][]Command // after each batch
	asks     [][]Ask     // after each batch
	end      *Outcome
}

// driver is a world that answers at random, and watches that the planner keeps its promises.
type driver struct {
	r        *rand.Rand
	now      time.Time
	seq      int64
	actions  []Command
	timers   []Command
	stopped  map[Address]bool
	answered []Address // in the latest batch: a stop may cross its answer
	done     map[Address]bool
	last     map[Address]*Error // how the latest attempt of a step ended; nil: well
	begun    []Note             // steps with a finally
	finished map[Address]bool   // whose finally began
	paused   bool
	pauses   int     // one batch in so many comes with a pause or its end; 0: none
	calm     bool    // answers follow from the address, and no timeout is over
	good     bool    // nothing fails
	first    []Event // what the run begins with; nil: its start alone
	queued   bool    // the run is, at first
}

func newDriver(r *rand.Rand) *driver {
	return &driver{
		r: r, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), pauses: 4 + r.IntN(20), queued: r.IntN(4) == 0,
		stopped: map[Address]bool{}, done: map[Address]bool{}, last: map[Address]*Error{}, finished: map[Address]bool{},
	}
}

func playRandom(p *Program, d *driver) (*recording, error) {
	run := NewRun(p)
	rec := &recording{}
	batch := d.first
	if batch == nil {
		batch = []Event{{Kind: RunStarted, Start: &RunStart{ID: "r", Inputs: map[string]any{}}}}
	}
	batch[0].Start.Queued = d.queued
	cancelAt := d.r.IntN(60)
	if d.calm {
		cancelAt = 0
	}
	for range 3000 {
		for i := range batch {
			d.seq++
			batch[i].Time, batch[i].Seq = d.now, d.seq
			if batch[i].Kind == StepDone {
				d.last[batch[i].At.Step()] = batch[i].Error
			}
		}
		decision := run.Next(batch...)
		rec.batches = append(rec.batches, batch)
		rec.commands, rec.asks = append(rec.commands, decision.Commands), append(rec.asks, run.Asks())
		if err := d.take(decision.Commands); err != nil {
			return nil, err
		}
		d.listen(decision.Notes)
		if decision.End != nil {
			rec.end = decision.End
			if len(d.actions) > 0 || len(d.timers) > 0 || len(run.pending) > 0 {
				return nil, fmt.Errorf("the run ended %s with %v %v %v still under way", rec.end.Status, d.actions, d.timers, run.pending)
			}
			if rec.end.Status == Cancelled && run.Started().IsZero() {
				return rec, nil // it has not begun
			}
			return rec, d.allFinished(p)
		}
		if len(rec.batches) == cancelAt {
			batch = []Event{{Kind: CancelRequested, Reason: "cancelled by the test"}}
			continue
		}
		batch = d.pause(d.happens(run))
		if batch == nil {
			return nil, fmt.Errorf("nothing is under way and the run has not ended")
		}
	}
	return nil, fmt.Errorf("the run does not end")
}

// take carries out commands, as far as this world does.
func (d *driver) take(commands []Command) error {
	for _, c := range commands {
		switch c.Kind {
		case CommandDo:
			if d.done[c.At] {
				return fmt.Errorf("%s is started twice", c.At)
			}
			if err := d.mayRepeat(c); err != nil {
				return err
			}
			d.done[c.At] = true
			d.actions = append(d.actions, c)
		case CommandTimer:
			if d.done[c.At] {
				return fmt.Errorf("timer %s is started twice", c.At)
			}
			d.done[c.At] = true
			d.timers = append(d.timers, c)
		case CommandStop:
			running := slices.ContainsFunc(d.actions, func(a Command) bool { return a.At == c.At }) || slices.Contains(d.answered, c.At)
			if !running || d.stopped[c.At] {
				return fmt.Errorf("%s is stopped, and was not running", c.At)
			}
			d.stopped[c.At] = true
		case CommandStopTimer:
			i := slices.IndexFunc(d.timers, func(a Command) bool { return a.At == c.At })
			if i < 0 && slices.Contains(d.answered, c.At) {
				continue
			}
			if i < 0 {
				return fmt.Errorf("timer %s is stopped, and was not running", c.At)
			}
			d.timers = slices.Delete(d.timers, i, i+1)
		}
	}
	return nil
}

// mayRepeat holds another attempt of something done once against how the one before ended.
func (d *driver) mayRepeat(c Command) error {
	before, again := d.last[c.At.Step()]
	if c.Delivery != Once || !again {
		return nil
	}
	if before == nil {
		return fmt.Errorf("%s is done again, and had succeeded", c.At)
	}
	named := c.Step.Retry != nil && c.Step.Retry.OnGiven && slices.Contains(c.Step.Retry.On, before.Kind)
	if before.MaybeDone && !named {
		return fmt.Errorf("%s is done again although it may have happened (%s)", c.At, before.Kind)
	}
	return nil
}

// listen notes which steps have a finally, and which finally began.
func (d *driver) listen(notes []Note) {
	for _, n := range notes {
		if n.Kind == NoteStepStarted && n.Step.Finally != nil {
			d.begun = append(d.begun, n)
		}
		if i := strings.LastIndex(string(n.At), "finally/"); i >= 0 {
			d.finished[n.At[:i]] = true
		}
	}
}

// allFinished holds that whatever began and has a finally has come to it.
func (d *driver) allFinished(p *Program) error {
	if p.Workflow.Finally != nil && !d.finished[""] {
		return fmt.Errorf("the workflow's finally did not run")
	}
	for _, n := range d.begun {
		if !d.finished[n.At+"/"] {
			return fmt.Errorf("the finally of %s did not run", n.At)
		}
	}
	return nil
}

// next is one to three things that happen at the same time, or a timer.
func (d *driver) next() []Event {
	var batch []Event
	d.answered = nil
	for range 1 + d.r.IntN(3) {
		timer := d.nextTimer()
		if len(d.actions) > 0 && (timer < 0 || d.r.IntN(3) > 0) {
			i := d.r.IntN(len(d.actions))
			c := d.actions[i]
			d.actions = slices.Delete(d.actions, i, i+1)
			d.answered = append(d.answered, c.At)
			batch = append(batch, d.answer(c))
			continue
		}
		if timer >= 0 && len(batch) == 0 {
			c := d.timers[timer]
			d.timers = slices.Delete(d.timers, timer, timer+1)
			d.answered = append(d.answered, c.At)
			if c.Due.After(d.now) {
				d.now = c.Due
			}
			return []Event{{Kind: TimerFired, At: c.At}}
		}
	}
	return batch
}

// nextTimer is the place of the one that is due first, or -1.
func (d *driver) nextTimer() int {
	slices.SortStableFunc(d.timers, func(a, b Command) int { return a.Due.Compare(b.Due) })
	return slices.IndexFunc(d.timers, func(c Command) bool { return !d.calm || !strings.HasSuffix(string(c.At), "!timeout") })
}

// answer is decided by the address, so that it does not depend on when it comes.
func (d *driver) answer(c Command) Event {
	e := Event{Kind: StepDone, At: c.At}
	h := fnv.New32a()
	world := 0
	if !d.calm {
		world = d.r.IntN(2)
	}
	fmt.Fprintf(h, "%s %d", c.At, world)
	n := h.Sum32() % 20
	switch {
	case d.stopped[c.At] && n%2 == 0:
		e.Error = &Error{Kind: KindCancelled, Message: "stopped", MaybeDone: c.Delivery == Once}
	case n < 12 || d.good:
		e.Value = map[string]any{"value": float64(n), "status": float64(200)}
	default:
		kinds := slices.DeleteFunc(slices.Clone(ErrorKinds), func(k ErrorKind) bool { return k == KindCancelled })
		e.Error = &Error{Kind: kinds[h.Sum32()/32%uint32(len(kinds))], Message: "no", MaybeDone: n%4 == 0}
	}
	return e
}

// replay feeds the recorded events to new runs and holds their commands and end against the record.
func (rec *recording) replay(p *Program, r *rand.Rand) error {
	shuffled := NewRun(p)
	var log []Event
	for i, batch := range rec.batches {
		mixed := slices.Clone(batch)
		r.Shuffle(len(mixed), func(a, b int) { mixed[a], mixed[b] = mixed[b], mixed[a] })
		if err := sameCommands(shuffled.Next(mixed...).Commands, rec.commands[i]); err != nil {
			return fmt.Errorf("batch %d in another order: %w", i, err)
		}
		if asks := shuffled.Asks(); !reflect.DeepEqual(asks, rec.asks[i]) {
			return fmt.Errorf("batch %d in another order: it asks %v, asked %v", i, asks, rec.asks[i])
		}
		log = append(log, batch...)
	}
	want := slices.Concat(rec.commands...)
	first := 0
	if n := len(rec.batches[0]); n > 1 {
		first = n // the start of a retry is kept as one
	}
	for cut := first; cut <= len(log); cut += 1 + len(log)/200 { // every event, but of the longest runs
		resumed := NewRun(p)
		first := resumed.Next(log[:cut]...)
		commands, end := first.Commands, first.End
		for _, e := range log[cut:] {
			decision := resumed.Next(e)
			commands = append(commands, decision.Commands...)
			if err := beginsNothing(resumed, decision); err != nil {
				return fmt.Errorf("cut after event %d: %w", cut, err)
			}
			if decision.End != nil {
				end = decision.End
			}
		}
		if err := sameCommands(commands, want); err != nil {
			return fmt.Errorf("cut after event %d: %w", cut, err)
		}
		if asks := resumed.Asks(); !reflect.DeepEqual(asks, rec.asks[len(rec.asks)-1]) {
			return fmt.Errorf("cut after event %d: it asks %v at the end", cut, asks)
		}
		if !reflect.DeepEqual(end, rec.end) {
			return fmt.Errorf("cut after event %d: the end is %+v, was %+v", cut, end, rec.end)
		}
	}
	return nil
}

func sameCommands(got, want []Command) error {
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) {
			return fmt.Errorf("%d commands, were %d", len(got), len(want))
		}
		if a, b := got[i], want[i]; a.Kind != b.Kind || a.At != b.At || !a.Due.Equal(b.Due) || !a.Deadline.Equal(b.Deadline) || !reflect.DeepEqual(a.Params, b.Params) {
			return fmt.Errorf("command %d is %s %s, was %s %s", i, a.Kind, a.At, b.Kind, b.At)
		}
	}
	return nil
}
