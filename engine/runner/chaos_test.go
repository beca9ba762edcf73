package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// wilder makes a random program of one in which steps end each other: by failFast, timeouts, fail and stop.
func wilder(p *engine.Program, seed uint64) *engine.Program {
	chance := rand.New(rand.NewPCG(seed, 2))
	var visit func([]*engine.Step)
	visit = func(steps []*engine.Step) {
		for _, s := range steps {
			switch {
			case s.Parallel != nil:
				s.Parallel.FailFast = chance.IntN(2) == 0
				for _, b := range s.Parallel.Branches {
					visit(b.Value)
				}
			case s.ForEach != nil:
				s.ForEach.FailFast = chance.IntN(2) == 0
				visit(s.ForEach.Steps)
			case s.Do != nil && s.Do.Type != engine.Sleep:
				switch chance.IntN(12) {
				case 0:
					*s = *do(s.ID, engine.Fail, text(literal("enough")))
				case 1:
					*s = *do(s.ID, engine.Stop, text(literal("enough")))
				case 2, 3, 4:
					s.Do.Type, s.Action = once, once.Name
				}
			}
			visit(s.Steps)
			if s.Finally != nil {
				visit(s.Finally.Steps)
			}
			if chance.IntN(5) == 0 {
				timeout(fmt.Sprint(chance.IntN(4000), "ms"))(s)
			}
			if s.Do == nil && chance.IntN(4) == 0 {
				retry(2)(s)
				s.Retry.OnGiven, s.Retry.On = true, []engine.ErrorKind{engine.KindTimeout, engine.KindRejected}
			}
		}
	}
	visit(p.Workflow.Steps)
	if chance.IntN(4) == 0 {
		p.Workflow.Timeout = literal("5s")
	}
	return p
}

// TestWhateverHappensARunEnds runs wild programs, cancels some and kills some, and holds each journal
// against the planner: asked with all events at once it comes to the same end.
func TestWhateverHappensARunEnds(t *testing.T) {
	ends := map[engine.Status]int{}
	for seed := range uint64(300) {
		p := wilder(randomProgram(seed), seed)
		chance := rand.New(rand.NewPCG(seed, 3))
		j := journal.NewMemory()
		begin := func(ctx context.Context, r *Runner) (*Handle, error) {
			return r.Start(ctx, p, engine.RunStart{ID: "r1"})
		}
		at := start
		for life := 0; ; life++ {
			h := wildRun(t, at, j, seed, chance, life, begin)
			events := eventsOf(t, j, "r1")
			last := events[len(events)-1]
			if last.Kind == engine.RunEnded {
				checkEnd(t, seed, p, events, h)
				ends[last.End.Status]++
				break
			}
			if life > 3 {
				t.Fatalf("seed %d: no end in\n%s", seed, story(events))
			}
			at = last.Time.Add(time.Duration(chance.IntN(2000)) * time.Millisecond)
			begin = func(ctx context.Context, r *Runner) (*Handle, error) { return r.Resume(ctx, p, "r1") }
		}
	}
	for _, s := range []engine.Status{engine.Succeeded, engine.Failed, engine.Cancelled} {
		if ends[s] < 10 {
			t.Errorf("%d runs ended %s: the programs are too tame", ends[s], s)
		}
	}
}

// wildRun drives a run once; in its first lives it may be killed or cancelled at some time.
func wildRun(t *testing.T, at time.Time, j journal.Journal, seed uint64, chance *rand.Rand, life int, begin func(context.Context, *Runner) (*Handle, error)) *Handle {
	t.Helper()
	var h *Handle
	virtual(t, at, func(ctx context.Context, c *clock.Loop) {
		inner, stop := c.WithCancel(ctx)
		defer stop()
		var err error
		if h, err = begin(inner, New(Config{Clock: c, Journal: j, Do: busyWorld(c, seed)})); err != nil {
			t.Fatal(err)
		}
		when := time.Duration(chance.IntN(8000)) * time.Millisecond
		switch {
		case life < 3 && chance.IntN(2) == 0:
			c.After(when, stop)
		case chance.IntN(2) == 0:
			c.After(when, func() { h.Cancel("enough") })
		}
		h.Wait(ctx)
	})
	return h
}

func checkEnd(t *testing.T, seed uint64, p *engine.Program, events []engine.Event, h *Handle) {
	t.Helper()
	last := events[len(events)-1]
	got, _ := json.Marshal(last.End)
	plan := engine.NewRun(p)
	want, _ := json.Marshal(plan.Next(slices.Clone(events)...).End)
	if string(got) != string(want) {
		t.Errorf("seed %d: ended with\n%s\nbut from the whole journal with\n%s", seed, got, want)
	}
	if left := plan.Outstanding(); len(left) > 0 || len(h.loop.jobs) > 0 || len(h.loop.timers) > 0 {
		t.Errorf("seed %d: the planner waits for %v, the loop for %v and %v after the end\n%s", seed, left, h.loop.jobs, h.loop.timers, story(events))
	}
	for _, e := range events {
		if e.Kind == engine.StepStarted && answer(events, e.At) == nil {
			t.Errorf("seed %d: %s began and has no answer\n%s", seed, e.At, story(events))
		}
	}
}
