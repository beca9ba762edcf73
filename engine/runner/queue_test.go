package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// locked makes runs of a program share places.
func locked(p *engine.Program, limit int, whenFull engine.WhenFull) *engine.Program {
	p.Workflow.Concurrency = &engine.Concurrency{Key: literal("lock"), Limit: limit, WhenFull: whenFull}
	return p
}

// startAs begins a run in the yard.
func (y *yard) startAs(p *engine.Program, run string, a Admission) *Handle {
	y.t.Helper()
	h, err := y.StartAs(y.ctx, p, engine.RunStart{ID: run}, a)
	if err != nil {
		y.t.Fatal(err)
	}
	y.pass(0)
	return h
}

func (y *yard) standing(run string) journal.Standing {
	y.t.Helper()
	line, err := y.journal.Run(y.ctx, run)
	if err != nil {
		y.t.Fatal(err)
	}
	return line.Standing
}

// rests fails the test if a run is not parked, waiting for its turn.
func (y *yard) rests(run string) {
	y.t.Helper()
	if s := y.standing(run); s != (journal.Standing{Parked: true, Queued: true}) {
		y.t.Errorf("run %s: standing %+v", run, s)
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.active[run] != nil || y.lotWith(run) == nil {
		y.t.Errorf("run %s is in memory", run)
	}
}

func TestQueuedRunsBeginInTurn(t *testing.T) {
	p := locked(program(do("a", once), sleep("nap", "1h"), do("b", once)), 1, engine.Queue)
	y := inYard(t, p, nil, func(y *yard) {
		var handles []*Handle
		for _, run := range []string{"r1", "r2", "r3"} {
			h := y.startAs(p, run, Admission{})
			if h.Queued() != (run != "r1") {
				t.Errorf("run %s: queued %t", run, h.Queued())
			}
			handles = append(handles, h)
			y.pass(time.Minute)
		}
		y.rests("r2")
		y.rests("r3")
		for _, h := range handles {
			y.ends(h, engine.Succeeded)
		}
	})
	for i, run := range []string{"r1", "r2", "r3"} {
		events := eventsOf(t, y.journal, run)
		want := lines("runStarted", "stepStarted a#1", "stepDone a#1", "timerFired nap#1", "stepStarted b#1", "stepDone b#1", "runEnded succeeded")
		if i > 0 {
			want = strings.Replace(want, "runStarted\n", "runStarted\nrunAdmitted\n", 1)
		}
		if s := story(events); s != want {
			t.Errorf("run %s:\n%s\nwant:\n%s", run, s, want)
		}
		if events[0].Start.Queued != (i > 0) || events[len(events)-1].Time.Sub(start) != time.Duration(i+1)*time.Hour {
			t.Errorf("run %s ended after %v, queued %t", run, events[len(events)-1].Time.Sub(start), events[0].Start.Queued)
		}
	}
	told := lines("queued", "runAdmitted ", "admitted  ", "stepStarted a ", "stepEnded a succeeded", "stepStarted nap ", "stepWaits nap ")
	if s := lines(y.of("r2")...); !strings.HasPrefix(s, told) {
		t.Errorf("people were told of r2:\n%s\nwant first:\n%s", s, told)
	}
}

func TestARunThatDoesNotWait(t *testing.T) {
	p := locked(program(sleep("nap", "1h")), 1, engine.Reject)
	inYard(t, p, nil, func(y *yard) {
		h := y.startAs(p, "r1", Admission{})
		var full *journal.FullError
		if _, err := y.Start(y.ctx, p, engine.RunStart{ID: "r2"}); !errors.As(err, &full) || full.Key != "lock" || !slices.Equal(full.Holders, []string{"r1"}) {
			t.Errorf("error %v", err)
		}
		if _, err := y.journal.Run(y.ctx, "r2"); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("the journal has %v", err)
		}
		y.ends(h, engine.Succeeded)
		y.ends(y.startAs(p, "r2", Admission{}), engine.Succeeded)
	})
}

func TestARunThatReplaces(t *testing.T) {
	p := locked(program(sleep("nap", "1h")), 1, engine.Replace)
	p.Workflow.Finally = &engine.Finally{Steps: []*engine.Step{do("tidy", once), sleep("rest", "1m")}}
	y := inYard(t, p, nil, func(y *yard) {
		first, second := y.startAs(p, "r1", Admission{}), y.startAs(p, "r2", Admission{})
		third := y.startAs(p, "r3", Admission{})
		if o := y.ends(second, engine.Cancelled); y.clock.Now() != start || !strings.Contains(o.Error.Message, "replaced by run r3") {
			t.Errorf("r2 ended at %v: %v", y.clock.Now().Sub(start), o.Error)
		}
		if o := y.ends(first, engine.Cancelled); y.clock.Now().Sub(start) != time.Minute || !strings.Contains(o.Error.Message, "replaced by run r2") {
			t.Errorf("r1 ended at %v: %v", y.clock.Now().Sub(start), o.Error)
		}
		y.ends(third, engine.Succeeded)
	})
	if s := story(eventsOf(t, y.journal, "r2")); s != lines("runStarted", "cancelRequested", "runEnded cancelled") {
		t.Errorf("r2:\n%s", s)
	}
	if s := story(eventsOf(t, y.journal, "r1")); !strings.Contains(s, "stepDone finally/tidy#1") {
		t.Errorf("r1:\n%s", s)
	}
}

func TestWhatIsAskedOfAQueuedRun(t *testing.T) {
	p := locked(program(sleep("nap", "1h"), do("a", once)), 1, engine.Queue)
	p.Workflow.Finally = &engine.Finally{Steps: []*engine.Step{do("tidy", once)}}
	y := inYard(t, p, nil, func(y *yard) {
		first := y.startAs(p, "r1", Admission{})
		paused, cancelled, last := y.startAs(p, "r2", Admission{}), y.startAs(p, "r3", Admission{}), y.startAs(p, "r4", Admission{})
		cancelled.Cancel("no more")
		if o := y.ends(cancelled, engine.Cancelled); o.Error.Message != "no more" || y.clock.Now() != start {
			t.Errorf("r3 ended at %v: %v", y.clock.Now().Sub(start), o.Error)
		}
		paused.Pause("lunch")
		y.pass(0)
		if s := y.standing("r2"); s != (journal.Standing{Parked: true, Queued: true, Paused: true}) {
			t.Errorf("r2 stands %+v", s)
		}
		y.ends(first, engine.Succeeded)
		y.pass(time.Minute)
		if s := y.standing("r2"); s != (journal.Standing{Parked: true, Paused: true}) {
			t.Errorf("after its turn has come r2 stands %+v", s)
		}
		y.rests("r4")
		paused.Resume()
		y.ends(paused, engine.Succeeded)
		y.ends(last, engine.Succeeded)
	})
	if s := story(eventsOf(t, y.journal, "r3")); s != lines("runStarted", "cancelRequested", "runEnded cancelled") {
		t.Errorf("r3:\n%s", s)
	}
	want := lines("runStarted", "pauseRequested", "runAdmitted", "resumeRequested", "timerFired nap#1")
	if s := story(eventsOf(t, y.journal, "r2")); !strings.HasPrefix(s, want) {
		t.Errorf("r2:\n%s", s)
	}
}

func TestARunIsNotBegunTwiceForTheSame(t *testing.T) {
	p := program(do("a", once))
	inYard(t, p, nil, func(y *yard) {
		a := Admission{Marks: []journal.Mark{{Scope: "api", Name: "key-1"}}}
		h := y.startAs(p, "r1", a)
		var taken *journal.TakenError
		if _, err := y.StartAs(y.ctx, p, engine.RunStart{ID: "r2"}, a); !errors.As(err, &taken) || taken.Mark.Run != "r1" {
			t.Errorf("error %v", err)
		}
		y.ends(h, engine.Succeeded)
	})
}

// TestSlotsOfSchedulesComeFirst has two schedules with overlaps of their own share a workflow's lock.
func TestSlotsOfSchedulesComeFirst(t *testing.T) {
	p := locked(program(sleep("nap", "1h")), 1, engine.Queue)
	inYard(t, p, nil, func(y *yard) {
		slot := func(name string) Admission {
			return Admission{Slots: []engine.Slot{{Key: "schedule " + name, Limit: 1, WhenFull: engine.Reject}}}
		}
		first, second := y.startAs(p, "r1", slot("a")), y.startAs(p, "r2", slot("b"))
		var full *journal.FullError
		if _, err := y.StartAs(y.ctx, p, engine.RunStart{ID: "r3"}, slot("b")); !errors.As(err, &full) || full.Key != "schedule b" {
			t.Errorf("error %v", err)
		}
		y.rests("r2")
		y.ends(first, engine.Succeeded)
		y.ends(second, engine.Succeeded)
	})
}

func TestARetryWaitsForItsTurn(t *testing.T) {
	p := locked(program(do("kept", once), sleep("nap", "1h"), do("bad", once)), 1, engine.Queue)
	bad, kept := 0, 0
	w := world{
		"kept": func(context.Context, engine.Command) (any, error) { kept++; return nil, nil },
		"bad": func(context.Context, engine.Command) (any, error) {
			if bad++; bad == 1 {
				return nil, &engine.Error{Kind: engine.KindRejected, Message: "no"}
			}
			return nil, nil
		},
	}
	inYard(t, p, w, func(y *yard) {
		y.ends(y.startAs(p, "r1", Admission{}), engine.Failed)
		other := y.startAs(p, "r2", Admission{})
		h, err := y.Retry(y.ctx, "r1", nil, nil, "ann@desk")
		if err != nil || !h.Queued() {
			t.Fatalf("queued %t, %v", h.Queued(), err)
		}
		y.pass(0)
		y.rests(h.ID())
		y.ends(other, engine.Succeeded)
		y.ends(h, engine.Succeeded)
		events := eventsOf(t, y.journal, h.ID())
		want := lines("runStarted", "stepDone kept#1", "timerFired nap#1", "runAdmitted", "stepStarted bad#1", "stepDone bad#1", "runEnded succeeded")
		if s := story(events); s != want {
			t.Errorf("events:\n%s\nwant:\n%s", s, want)
		}
		if s := events[0].Start; s.By != "ann@desk" || s.RetryOf != "r1" {
			t.Errorf("start %+v", s)
		}
	})
	if kept != 2 {
		t.Errorf("what is kept was done %d times in two runs and a retry", kept)
	}
}

// TestAQueueOutlivesItsProcess: who holds a place or waits for one keeps it, until another process goes on.
func TestAQueueOutlivesItsProcess(t *testing.T) {
	bothWays(t, aQueueOutlivesItsProcess)
}

func aQueueOutlivesItsProcess(t *testing.T, park bool) {
	p := locked(program(sleep("nap", "1h"), do("a", once)), 1, engine.Queue)
	j := journal.NewMemory()
	config := Config{Journal: j, Do: world{}.do, Program: always(p), Park: park}
	virtual(t, start, func(ctx context.Context, c *clock.Loop) {
		inner, stop := c.WithCancel(ctx)
		config.Clock = c
		r := New(config)
		for i := range 3 {
			if _, err := r.Start(inner, p, engine.RunStart{ID: fmt.Sprint("r", i)}); err != nil {
				t.Fatal(err)
			}
		}
		clock.Sleep(ctx, c, time.Minute)
		stop()
		clock.Sleep(ctx, c, grace)
		empty(t, r)
	})
	virtual(t, start.Add(3*time.Hour), func(ctx context.Context, c *clock.Loop) {
		config.Clock = c
		r := New(config)
		handles, err := r.Recover(ctx)
		if err != nil || len(handles) != 3 {
			t.Fatalf("%d runs taken up, %v", len(handles), err)
		}
		queued := 0
		for _, h := range handles {
			if h.Queued() {
				queued++
			}
			if o, err := h.Wait(ctx); err != nil || o.Status != engine.Succeeded {
				t.Errorf("run %s: %+v, %v", h.ID(), o, err)
			}
		}
		if passed := c.Now().Sub(start).Round(time.Second); passed != 5*time.Hour || queued != 2 {
			t.Errorf("all ended after %v, %d were queued", passed, queued)
		}
		empty(t, r)
	})
	for i := range 3 {
		events := eventsOf(t, j, fmt.Sprint("r", i))
		if end := events[len(events)-1].Time.Sub(start).Round(time.Second); end != time.Duration(3+i)*time.Hour {
			t.Errorf("run %d ended after %v", i, end)
		}
	}
}
