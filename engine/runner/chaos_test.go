package runner

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// TestWhateverHappensARunEnds runs wild programs, cancels some and kills some, and holds each journal
// against the planner: asked with all events at once it comes to the same end.
func TestWhateverHappensARunEnds(t *testing.T) { bothWays(t, whateverHappensARunEnds) }

func whateverHappensARunEnds(t *testing.T, park bool) {
	ends := map[engine.Status]int{}
	for seed := range uint64(120) {
		p := wilder(randomProgram(seed), seed)
		chance := rand.New(rand.NewPCG(seed, 3))
		j := journal.NewMemory()
		begin := func(ctx context.Context, r *Runner) (*Handle, error) {
			return r.Start(ctx, p, engine.RunStart{ID: "r1"})
		}
		at := start
		for life := 0; ; life++ {
			wildRun(t, at, Config{Journal: j, Program: always(p), Park: park}, seed, chance, life, begin)
			events := eventsOf(t, j, "r1")
			last := events[len(events)-1]
			if last.Kind == engine.RunEnded {
				checkEnd(t, seed, p, events)
				ends[last.End.Status]++
				break
			}
			if life > 3 {
				t.Fatalf("seed %d: no end in\n%s", seed, story(events))
			}
			at = last.Time.Add(time.Duration(chance.IntN(2000)) * time.Millisecond)
			begin = func(ctx context.Context, r *Runner) (*Handle, error) { return r.Resume(ctx, "r1") }
		}
	}
	for _, s := range []engine.Status{engine.Succeeded, engine.Failed, engine.Cancelled} {
		if ends[s] < 10 {
			t.Errorf("%d runs ended %s: the programs are too tame", ends[s], s)
		}
	}
}

// wildRun drives a run once; in its first lives it may be killed or cancelled at some time.
func wildRun(t *testing.T, at time.Time, config Config, seed uint64, chance *rand.Rand, life int, begin func(context.Context, *Runner) (*Handle, error)) {
	t.Helper()
	virtual(t, at, func(ctx context.Context, c *clock.Loop) {
		inner, stop := c.WithCancel(ctx)
		defer stop()
		config.Clock, config.Do, config.Watch = c, busyWorld(c, seed), busyWatch(c, seed)
		r := New(config)
		h, err := begin(inner, r)
		if err != nil {
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
		clock.Sleep(ctx, c, grace)
		empty(t, r)
	})
}

func checkEnd(t *testing.T, seed uint64, p *engine.Program, events []engine.Event) {
	t.Helper()
	last := events[len(events)-1]
	got, _ := json.Marshal(last.End)
	plan := engine.NewRun(p)
	want, _ := json.Marshal(plan.Next(slices.Clone(events)...).End)
	if string(got) != string(want) {
		t.Errorf("seed %d: ended with\n%s\nbut from the whole journal with\n%s", seed, got, want)
	}
	if left := plan.Outstanding(); len(left) > 0 {
		t.Errorf("seed %d: the planner waits for %v after the end\n%s", seed, left, story(events))
	}
	for _, e := range events {
		if e.Kind == engine.StepStarted && answer(events, e.At) == nil {
			t.Errorf("seed %d: %s began and has no answer\n%s", seed, e.At, story(events))
		}
	}
}
