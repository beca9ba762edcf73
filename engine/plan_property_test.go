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
			rec, err := playRandom(program, rand.New(rand.NewPCG(uint64(seed), uint64(play)+2)))
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
}

func playRandom(p *Program, r *rand.Rand) (*recording, error) {
	run := NewRun(p)
	d := &driver{r: r, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), stopped: map[Address]bool{}, done: map[Address]bool{}, last: map[Address]*Error{}, finished: map[Address]bool{}}
	rec := &recording{}
	batch := []Event{{Kind: RunStarted, Start: &RunStart{ID: "r", Inputs: map[string]any{}}}}
	cancelAt := r.IntN(60)
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
		rec.commands = append(rec.commands, decision.Commands)
		if err := d.take(decision.Commands); err != nil {
			return nil, err
		}
		d.listen(decision.Notes)
		if decision.End != nil {
			rec.end = decision.End
			if len(d.actions) > 0 || len(d.timers) > 0 || len(run.pending) > 0 {
				return nil, fmt.Errorf("the run ended %s with %v %v %v still under way", rec.end.Status, d.actions, d.timers, run.pending)
			}
			return rec, d.allFinished(p)
		}
		if len(rec.batches) == cancelAt {
			batch = []Event{{Kind: CancelRequested, Reason: "cancelled by the test"}}
			continue
		}
		if batch = d.next(); batch == nil {
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

// next is one to three things that happen at the same time.
func (d *driver) next() []Event {
	var batch []Event
	d.answered = nil
	for range 1 + d.r.IntN(3) {
		if len(d.actions) > 0 && (len(d.timers) == 0 || d.r.IntN(3) > 0) {
			i := d.r.IntN(len(d.actions))
			c := d.actions[i]
			d.actions = slices.Delete(d.actions, i, i+1)
			d.answered = append(d.answered, c.At)
			batch = append(batch, d.answer(c))
			continue
		}
		if len(d.timers) > 0 && len(batch) == 0 {
			slices.SortStableFunc(d.timers, func(a, b Command) int { return a.Due.Compare(b.Due) })
			c := d.timers[0]
			d.timers = d.timers[1:]
			if c.Due.After(d.now) {
				d.now = c.Due
			}
			return []Event{{Kind: TimerFired, At: c.At}}
		}
	}
	return batch
}

// answer is decided by the address, so that it does not depend on when it comes.
func (d *driver) answer(c Command) Event {
	e := Event{Kind: StepDone, At: c.At}
	h := fnv.New32a()
	fmt.Fprintf(h, "%s %d", c.At, d.r.IntN(2))
	n := h.Sum32() % 20
	switch {
	case d.stopped[c.At] && n%2 == 0:
		e.Error = &Error{Kind: KindCancelled, Message: "stopped", MaybeDone: c.Delivery == Once}
	case n < 12:
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
		log = append(log, batch...)
	}
	want := slices.Concat(rec.commands...)
	for cut := 0; cut <= len(log); cut += 1 + len(log)/200 { // every event, but of the longest runs
		resumed := NewRun(p)
		first := resumed.Next(log[:cut]...)
		commands, end := first.Commands, first.End
		for _, e := range log[cut:] {
			decision := resumed.Next(e)
			commands = append(commands, decision.Commands...)
			if decision.End != nil {
				end = decision.End
			}
		}
		if err := sameCommands(commands, want); err != nil {
			return fmt.Errorf("cut after event %d: %w", cut, err)
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

// randomProgram writes a workflow with every way to put steps together.
func randomProgram(r *rand.Rand) string {
	g := &generator{r: r}
	g.line(0, "version: 1")
	g.line(0, "workflow: random")
	g.line(0, "vars: { n: 0 }")
	if r.IntN(3) == 0 {
		g.line(0, "timeout: %ds", 1+r.IntN(60))
	} else {
		g.line(0, "timeout: 10h")
	}
	g.line(0, "steps:")
	g.steps(1, 0)
	g.around(0, 0)
	g.line(0, "outputs: { n: \"${{ vars.n }}\" }")
	return g.b.String()
}

type generator struct {
	r      *rand.Rand
	b      strings.Builder
	id     int
	shared int // > 0 inside something concurrent, where variables outside must not be set
}

func (g *generator) line(indent int, format string, args ...any) {
	fmt.Fprintf(&g.b, strings.Repeat("  ", indent)+format+"\n", args...)
}

func (g *generator) steps(indent, depth int) {
	for range 1 + g.r.IntN(3) {
		g.step(indent, depth)
	}
}

func (g *generator) around(indent, depth int) {
	if g.r.IntN(3) == 0 {
		if g.r.IntN(2) == 0 {
			g.line(indent, "catch:")
			g.steps(indent+1, depth+2)
		} else {
			g.line(indent, "catch:")
			g.line(indent+1, "on: [offline, timeout, rejected]")
			g.line(indent+1, "steps:")
			g.steps(indent+2, depth+2)
		}
	}
	if g.r.IntN(3) == 0 {
		g.line(indent, "finally:")
		g.steps(indent+1, depth+2)
	}
}

// step writes one step; indent is that of its list.
func (g *generator) step(indent, depth int) {
	g.id++
	g.line(indent, "- id: s%d", g.id)
	in := indent + 1
	if g.r.IntN(6) == 0 {
		g.line(in, "if: vars.n >= %d", g.r.IntN(3))
	}
	if g.r.IntN(8) == 0 {
		g.line(in, "continueOnError: true")
	}
	kind := g.r.IntN(16)
	if depth > 3 {
		kind = g.r.IntN(9)
	}
	g.common(in, kind)
	switch kind {
	case 0, 1:
		g.line(in, "act: { n: \"${{ vars.n }}\" }")
	case 2:
		g.line(in, "ask: { n: %d }", g.id)
	case 3:
		g.line(in, "read: {}")
	case 4:
		g.line(in, "%s: {}", []string{"watch", "hear"}[g.r.IntN(2)])
	case 5:
		g.line(in, "sleep: %ds", 1+g.r.IntN(20))
	case 6:
		if g.shared > 0 {
			g.line(in, "log: in s%d", g.id)
		} else {
			g.line(in, "set: { n: \"${{ vars.n + 1 }}\" }")
		}
	case 7:
		g.line(in, "assert: vars.n < %d", g.r.IntN(6))
	case 8:
		if g.r.IntN(4) > 0 {
			g.line(in, "read: { n: 1 }")
		} else {
			g.line(in, "%s: enough", []string{"fail", "stop"}[g.r.IntN(2)])
		}
	default:
		g.flow(in, depth, kind)
	}
}

func (g *generator) common(in, kind int) {
	if kind != 6 && kind != 7 && kind != 8 && g.r.IntN(4) == 0 {
		g.line(in, "timeout: %ds", 1+g.r.IntN(40))
	}
	if (kind < 5 || kind > 8) && g.r.IntN(4) == 0 {
		on := []string{"", ", on: [offline, timeout, interrupted]", ", on: [unavailable]"}[g.r.IntN(3)]
		g.line(in, "retry: { attempts: %d, delay: %ds%s }", 1+g.r.IntN(4), 1+g.r.IntN(9), on)
	}
}

func (g *generator) flow(in, depth, kind int) {
	switch kind {
	case 9, 10, 11:
		g.line(in, "steps:")
		g.steps(in+1, depth+1)
		g.around(in, depth)
	case 12:
		g.shared++
		g.line(in, "parallel:")
		if g.r.IntN(2) == 0 {
			g.line(in+1, "failFast: false")
		}
		for b := range 1 + g.r.IntN(3) {
			g.line(in+1, "b%d:", b)
			g.steps(in+2, depth+2)
		}
		g.shared--
	case 13, 14:
		g.shared++
		g.line(in, "forEach:")
		g.line(in+1, "in: [1, 2, 3, 4]")
		g.line(in+1, "concurrency: %d", 1+g.r.IntN(3))
		if g.r.IntN(2) == 0 {
			g.line(in+1, "failFast: false")
		}
		g.line(in+1, "as: item%d", g.id)
		g.line(in+1, "steps:")
		g.steps(in+2, depth+2)
		g.shared--
	default:
		g.line(in, "repeat:")
		g.line(in+1, "until: index >= %d", g.r.IntN(3))
		g.line(in+1, "max: %d", 1+g.r.IntN(3))
		if g.r.IntN(2) == 0 {
			g.line(in+1, "every: 5s")
		}
		g.line(in+1, "steps:")
		g.steps(in+2, depth+2)
	}
}
