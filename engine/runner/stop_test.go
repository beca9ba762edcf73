package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// tapped is a journal that calls a function around each append. The number counts events of the run.
type tapped struct {
	journal.Journal
	before, after func(n int) error
	n             int
}

func tap(j journal.Journal) *tapped {
	nothing := func(int) error { return nil }
	return &tapped{Journal: j, before: nothing, after: nothing, n: 1}
}

func (j *tapped) Append(ctx context.Context, run string, events []engine.Event, s journal.Standing) error {
	return j.around(len(events), func() error { return j.Journal.Append(ctx, run, events, s) })
}

func (j *tapped) AppendLater(run string, events []engine.Event, s journal.Standing) error {
	return j.around(len(events), func() error { return j.Journal.AppendLater(run, events, s) })
}

func (j *tapped) around(events int, keep func() error) error {
	if err := j.before(j.n + events); err != nil {
		return err
	}
	if err := keep(); err != nil {
		return err
	}
	j.n += events
	return j.after(j.n)
}

// guarded is a program with work of every kind and a finally around it.
func guarded() *engine.Program {
	p := program(
		do("first", once),
		parallel("both",
			[]*engine.Step{each("left", 4, 2, do("a", read, retry(3)), sleep("nap", "1s"), do("b", once))},
			[]*engine.Step{sleep("wait", "2s"), do("c", repeatable)}),
		&engine.Step{ID: "block", Action: "steps", Steps: []*engine.Step{do("d", once)}, Finally: &engine.Finally{Steps: []*engine.Step{do("tidy", once)}}},
	)
	p.Workflow.Finally = &engine.Finally{Steps: []*engine.Step{do("end", once)}}
	return p
}

// slow takes a second for everything.
func slow(c clock.Clock) func(context.Context, engine.RunStart, engine.Command, func(string)) (any, error) {
	return func(ctx context.Context, _ engine.RunStart, cmd engine.Command, _ func(string)) (any, error) {
		return map[string]any{"value": string(cmd.At)}, clock.Sleep(ctx, c, time.Second)
	}
}

func TestCancelAtEveryEvent(t *testing.T) {
	total := 0
	for at := 1; at == 1 || at < total; at++ {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			j := journal.NewMemory()
			var outcome engine.Outcome
			virtual(t, start, func(ctx context.Context, c *clock.Loop) {
				tapped := tap(j)
				var h *Handle
				tapped.after = func(n int) error {
					if n >= at && at > 1 {
						h.Cancel("we changed our mind")
						h.Cancel("twice")
					}
					return nil
				}
				r := New(Config{Clock: c, Journal: tapped, Do: slow(c)})
				var err error
				if h, err = r.Start(ctx, guarded(), engine.RunStart{ID: "r1"}); err != nil {
					t.Fatal(err)
				}
				if outcome, err = h.Wait(ctx); err != nil {
					t.Fatal(err)
				}
			})
			events := eventsOf(t, j, "r1")
			s := story(events)
			if at == 1 {
				total = len(events)
				if outcome.Status != engine.Succeeded {
					t.Fatalf("outcome %+v without a cancel", outcome)
				}
				return
			}
			if strings.Count(s, "cancelRequested") > 1 {
				t.Errorf("two requests in\n%s", s)
			}
			if !strings.Contains(s, "stepDone finally/end#1\n") || !strings.HasSuffix(s, "\nrunEnded "+string(outcome.Status)) {
				t.Errorf("finally did not run, or the end is missing:\n%s", s)
			}
			if strings.Contains(s, "stepStarted block/d") && !strings.Contains(s, "stepDone block/finally/tidy#1") {
				t.Errorf("the block's finally did not run:\n%s", s)
			}
			if before, _, ok := strings.Cut(s, "cancelRequested"); ok && !strings.Contains(before, "finally/end") {
				if outcome.Status != engine.Cancelled || !strings.Contains(outcome.Error.Message, "we changed our mind") {
					t.Errorf("outcome %+v %+v\n%s", outcome, outcome.Error, s)
				}
			}
		})
	}
}

func TestCancelEndsAStep(t *testing.T) {
	var got ran
	j := journal.NewMemory()
	virtual(t, start, func(ctx context.Context, c *clock.Loop) {
		r := New(Config{Clock: c, Journal: j, Do: world{"a": func(ctx context.Context, _ engine.Command) (any, error) { return nil, hold(ctx) }}.do})
		h, err := r.Start(ctx, program(do("a", once)), engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		c.After(time.Minute, func() { h.Cancel("ctrl-c") })
		got.outcome, got.err = h.Wait(ctx)
		if passed := c.Now().Sub(start); passed != time.Minute {
			t.Errorf("it ended after %v, want at once", passed)
		}
	})
	if e := got.outcome.Error; got.err != nil || got.outcome.Status != engine.Cancelled || e.Message != "ctrl-c" || !e.MaybeDone {
		t.Errorf("outcome %+v %+v, %v", got.outcome, e, got.err)
	}
}

func TestWhatIsStoppedInTheSameDecisionNeverBegins(t *testing.T) {
	began := false
	got := runVirtual(t, program(parallel("p",
		[]*engine.Step{do("a", once)},
		[]*engine.Step{do("bad", engine.Fail, text(literal("no")))},
	)), world{"a": func(context.Context, engine.Command) (any, error) { began = true; return nil, nil }})
	if began || strings.Contains(story(got.events), "stepStarted") {
		t.Errorf("it began:\n%s", story(got.events))
	}
	if got.outcome.Status != engine.Failed || got.outcome.Error.Message != "no" {
		t.Errorf("outcome %+v %+v", got.outcome, got.outcome.Error)
	}
}

func TestStopLeavesNobodyBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	c := clock.Real()
	j := journal.NewMemory()
	var last Update
	waiting := make(chan string, 100)
	r := New(Config{Clock: c, Journal: j, Observe: func(u Update) { last = u }, Do: func(ctx context.Context, _ engine.RunStart, c engine.Command, _ func(string)) (any, error) {
		waiting <- string(c.At)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	ctx, stop := context.WithCancel(t.Context())
	h, err := r.Start(ctx, program(parallel("p", []*engine.Step{each("all", 50, 50, do("a", once, timeout("1h")))}, []*engine.Step{sleep("nap", "1h")})), engine.RunStart{})
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		<-waiting
	}
	stop()
	if _, err := h.Wait(t.Context()); !errors.Is(err, ErrStopped) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want ErrStopped and the context's", err)
	}
	if last.Err == nil {
		t.Errorf("the last update is %s", show(last))
	}
	if s := story(eventsOf(t, j, h.ID())); strings.Contains(s, "stepDone") || strings.Contains(s, "runEnded") {
		t.Errorf("a stopped run wrote on:\n%s", s)
	}
	noGoroutinesAbove(t, before)
}

func TestAJournalThatFailsEndsTheRun(t *testing.T) {
	full := errors.New("disk full")
	for at := 2; at < 30; at++ {
		j := tap(journal.NewMemory())
		broken, begun := false, 0
		j.before = func(n int) error {
			if n >= at {
				broken = true
				return full
			}
			return nil
		}
		virtual(t, start, func(ctx context.Context, c *clock.Loop) {
			do := slow(c)
			r := New(Config{Clock: c, Journal: j, Do: func(ctx context.Context, run engine.RunStart, c engine.Command, w func(string)) (any, error) {
				if broken {
					begun++
				}
				return do(ctx, run, c, w)
			}})
			h, err := r.Start(ctx, guarded(), engine.RunStart{ID: "r1"})
			if err != nil {
				t.Fatal(err)
			}
			_, err = h.Wait(ctx)
			if !errors.Is(err, full) || !strings.Contains(err.Error(), "the journal could not be written, so nothing further was done") {
				t.Errorf("%d: error %v", at, err)
			}
		})
		if begun > 0 {
			t.Errorf("%d: %d steps began after the journal failed", at, begun)
		}
	}
}

func TestAJournalThatCannotBegin(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r := New(Config{Clock: clock.Real(), Journal: journal.NewMemory(), Do: world{}.do})
	if _, err := r.Start(ctx, program(), engine.RunStart{}); err == nil || !strings.Contains(err.Error(), "so nothing was done") {
		t.Errorf("error %v", err)
	}
}
