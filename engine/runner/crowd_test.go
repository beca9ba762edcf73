package runner

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// A crowd is runs that share places and wait for what people tell them, driven by one process after the other: each
// ends in the middle of something.
type crowd struct {
	*testing.T
	chance   *rand.Rand
	programs []*engine.Program
	size     int // how many runs there are to be
	asked    int // for how many
	cuts     int
	drains   int
}

func newCrowd(t *testing.T, seed uint64, size int) *crowd {
	c := &crowd{T: t, chance: rand.New(rand.NewPCG(seed, 8)), size: size}
	for name, lock := range map[string]*engine.Concurrency{
		"alone":  {Limit: 1, WhenFull: engine.Queue},
		"pairs":  {Limit: 2, WhenFull: engine.Queue},
		"latest": {Limit: 1, WhenFull: engine.Replace},
		"free":   nil,
	} {
		p := program(
			do("a", once),
			do("wait", engine.WaitForSignal, text(literal("go")), timeout("2h")),
			sleep("nap", "2s"),
			do("ok", engine.Approve, text(literal("Go on?")), timeout("2h"), func(s *engine.Step) { s.ContinueOnError = true }),
			do("b", once))
		p.Workflow.Finally = &engine.Finally{Steps: []*engine.Step{do("tidy", once)}}
		p.Workflow.Name, p.Source, p.Workflow.Concurrency = name, []byte(name), lock
		if lock != nil {
			lock.Key = literal(name)
		}
		c.programs = append(c.programs, p)
	}
	slices.SortFunc(c.programs, func(a, b *engine.Program) int { return cmp.Compare(a.Workflow.Name, b.Workflow.Name) })
	return c
}

func (c *crowd) program(sources []journal.Source) (*engine.Program, error) {
	i := slices.IndexFunc(c.programs, func(p *engine.Program) bool { return string(p.Source) == string(sources[0].Text) })
	return c.programs[i], nil
}

// cutting is a journal that calls a function after some commits.
type cutting struct {
	journal.Journal
	cut func()

	mu   sync.Mutex // guards left
	left int
}

func (j *cutting) count() {
	j.mu.Lock()
	j.left--
	over := j.left == 0
	j.mu.Unlock()
	if over {
		j.cut()
	}
}

func (j *cutting) Begin(ctx context.Context, b journal.Beginning) (bool, error) {
	defer j.count()
	return j.Journal.Begin(ctx, b)
}

func (j *cutting) Append(ctx context.Context, run string, events []engine.Event, s journal.Standing) error {
	defer j.count()
	return j.Journal.Append(ctx, run, events, s)
}

// live is a process: it goes on with what is there, begins runs and tells them things until its end. True: all runs have
// ended.
func (c *crowd) live(ctx context.Context, clk clock.Clock, j journal.Journal) (over bool) {
	process, kill := clk.WithCancel(ctx)
	defer kill()
	until, end := clk.WithCancel(process)
	defer end()
	cut := &cutting{Journal: j, left: 1 + c.chance.IntN(25), cut: kill}
	drain := c.chance.IntN(3) == 0
	if drain {
		cut.cut = end
	}
	r := New(Config{Clock: clk, Journal: cut, Do: slow(clk), Program: c.program, Park: c.chance.IntN(4) > 0})
	if _, err := r.Recover(process); err != nil && process.Err() == nil {
		c.Error(err)
	}
	for !over && clock.Sleep(until, clk, 300*time.Millisecond) == nil {
		if c.asked < c.size {
			start := engine.RunStart{ID: fmt.Sprintf("r%03d", c.asked)}
			r.Start(process, c.programs[c.chance.IntN(len(c.programs))], start) // perhaps it has no room, or the process dies
			c.asked++
		}
		over = c.tell(j, clk.Now()) && c.asked == c.size
	}
	c.cuts++
	if drain && process.Err() == nil {
		c.drains++
		if err := r.Drain(process); err != nil {
			c.Error(err)
		}
	}
	kill()
	left := r.left()
	for tries := 0; left > 0 && tries < 1000; tries++ { // on a machine's clock that runs faster, parties may be late
		clock.Sleep(ctx, clk, 2*grace)
		left = r.left()
	}
	if left > 0 {
		c.Errorf("%d runs and lots are left in memory", left)
	}
	return over
}

// left is how many runs and lots are in memory.
func (r *Runner) left() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.active) + len(r.lots)
}

// tell has people tell runs what these wait for, sometimes. True: all have ended.
func (c *crowd) tell(j journal.Journal, now time.Time) bool {
	runs, err := j.Runs(c.Context(), journal.Filter{Unfinished: true})
	if err != nil {
		c.Error(err)
	}
	for _, run := range runs {
		events := eventsOf(c.T, j, run.ID)
		p, _ := c.program([]journal.Source{{Text: []byte(run.Workflow)}})
		plan := engine.NewRun(p)
		plan.Next(events...)
		for _, ask := range plan.Asks() {
			if c.chance.IntN(2) == 0 {
				s := &engine.Signal{Name: ask.Signal, Approved: c.chance.IntN(4) > 0, Roles: []string{"admin"}}
				q := journal.Request{Run: run.ID, Kind: engine.SignalReceived, At: ask.At, Signal: s, By: "ann", Time: now}
				if err := j.Ask(c.Context(), q); err != nil {
					c.Error(err)
				}
			}
		}
	}
	return len(runs) == 0
}

// check holds what the journal has of the runs against what was promised, and counts how they ended.
func (c *crowd) check(j journal.Journal) map[engine.Status]int {
	runs, err := j.Runs(c.Context(), journal.Filter{})
	if err != nil {
		c.Fatal(err)
	}
	slices.Reverse(runs)
	under := map[string][]place{}
	ends := map[engine.Status]int{}
	for _, run := range runs {
		p, _ := c.program([]journal.Source{{Text: []byte(run.Workflow)}})
		events := eventsOf(c.T, j, run.ID)
		checkEnd(c.T, 0, p, events)
		ends[run.Status]++
		held := place{run: run.ID, from: events[0].Time, to: run.Ended}
		if events[0].Start.Queued {
			held.from = time.Time{}
		}
		for _, e := range events {
			if e.Kind == engine.RunAdmitted {
				held.from = e.Time
			}
			if e.Error != nil && e.Error.Kind == engine.KindTimeout {
				c.Errorf("run %s: %v", run.ID, e.Error)
			}
		}
		if !held.from.IsZero() {
			under[run.Workflow] = append(under[run.Workflow], held)
		} else if len(events) != 3 {
			c.Errorf("run %s was never admitted:\n%s", run.ID, story(events))
		}
	}
	for name, limit := range map[string]int{"alone": 1, "pairs": 2, "latest": 1} {
		c.inTurn(name, under[name], limit)
	}
	if ends[""] > 0 {
		c.Errorf("%d runs ended as %v", len(runs), ends)
	}
	return ends
}

// A place is held by a run for some time.
type place struct {
	run      string
	from, to time.Time
}

// inTurn fails the test if more places were held at once than there are, or one was given out of turn. They are in the
// order in which they were asked for. Those that are given at once may be taken in any order.
func (c *crowd) inTurn(name string, places []place, limit int) {
	for i, p := range places {
		earlier, beside := 0, 0
		for at, other := range places {
			if at < i && !other.from.After(p.from) {
				earlier++
			}
			if at != i && !other.from.After(p.from) && other.to.After(p.from) {
				beside++
			}
		}
		if earlier <= i-limit || beside >= limit {
			c.Errorf("%s: run %s began at %v after %d of %d that came before it, beside %d others", name, p.run, p.from, earlier, i, beside)
		}
	}
}

func TestACrowdGetsThrough(t *testing.T) {
	cuts, drains, all := 0, 0, map[engine.Status]int{}
	for seed := range uint64(40) {
		c, j := newCrowd(t, seed, 16), journal.NewMemory()
		at := start
		for over := false; !over && !t.Failed(); at = at.Add(time.Duration(c.chance.IntN(3)) * time.Second) {
			virtual(t, at, func(ctx context.Context, clk *clock.Loop) {
				over = c.live(ctx, clk, j)
				at = clk.Now()
			})
		}
		for status, n := range c.check(j) {
			all[status] += n
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		cuts, drains = cuts+c.cuts, drains+c.drains
	}
	if cuts < 150 || drains < 30 || all[engine.Succeeded] < 50 || all[engine.Cancelled] < 20 {
		t.Errorf("%d processes, of which %d ended in good order, and runs that ended as %v: the crowd is too tame", cuts, drains, all)
	}
}

// TestACrowdGetsThroughADisk is for the race detector, too.
func TestACrowdGetsThroughADisk(t *testing.T) {
	c, file, clk := newCrowd(t, 1, 16), filepath.Join(t.TempDir(), "journal.db"), clock.RealSpeed(60)
	for over := false; !over && !t.Failed(); {
		j := openSQLite(t, file)
		over = c.live(t.Context(), clk, j)
		closeSQLite(t, j)
	}
	j := openSQLite(t, file)
	defer closeSQLite(t, j)
	c.check(j)
}
