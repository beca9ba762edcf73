package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/internal/clock/clockrule"
)

func TestClockRule(t *testing.T) { clockrule.Check(t, ".") }

func TestEventsOfASequence(t *testing.T) {
	got := runVirtual(t, program(do("a", read), do("b", once), do("c", repeatable)), nil)
	want := lines(
		"runStarted",
		"stepStarted a#1", "stepDone a#1",
		"stepStarted b#1", "stepDone b#1",
		"stepStarted c#1", "stepDone c#1",
		"runEnded succeeded")
	if s := story(got.events); got.err != nil || s != want {
		t.Errorf("err %v, events:\n%s\nwant:\n%s", got.err, s, want)
	}
	for i, e := range got.events {
		if e.Seq != int64(i)+1 {
			t.Errorf("event %d has number %d", i+1, e.Seq)
		}
	}
}

func TestThreeDaysPassAtOnce(t *testing.T) {
	began := time.Now()
	got := runVirtual(t, program(sleep("nap", "72h"), do("a", read)), nil)
	if got.outcome.Status != engine.Succeeded {
		t.Fatalf("outcome %+v, %v", got.outcome, got.err)
	}
	last := got.events[len(got.events)-1]
	if passed := last.Time.Sub(start); passed != 72*time.Hour {
		t.Errorf("the run took %v of virtual time, want 72h", passed)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("72h took %v", took)
	}
}

func TestRealTime(t *testing.T) {
	before := runtime.NumGoroutine()
	c := clock.RealSpeed(100)
	j := journal.NewMemory()
	r := New(Config{Clock: c, Journal: j, Do: world{}.do})
	h, err := r.Start(t.Context(), program(sleep("nap", "500ms"), each("all", 20, 5, do("a", once), do("b", read))), engine.RunStart{})
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := h.Wait(t.Context())
	if err != nil || outcome.Status != engine.Succeeded {
		t.Fatalf("outcome %+v, %v", outcome, err)
	}
	events := eventsOf(t, j, h.ID())
	if nap := events[1]; nap.Kind != engine.TimerFired || nap.Time.Sub(events[0].Time) < 500*time.Millisecond {
		t.Errorf("event 2 is %v %v after the start, want timerFired after 500ms", nap.Kind, nap.Time.Sub(events[0].Time))
	}
	noGoroutinesAbove(t, before)
}

// noGoroutinesAbove waits until no more run than before.
func noGoroutinesAbove(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// busy is a program in which much goes on at the same time.
func busy() *engine.Program {
	return program(
		parallel("both",
			[]*engine.Step{each("left", 6, 3, do("a", read, retry(3)), sleep("nap", "1s"), do("b", once))},
			[]*engine.Step{sleep("wait", "2s"), do("c", repeatable, timeout("3s")), do("d", read)},
		),
		do("last", once),
	)
}

func TestVirtualTimeRepeats(t *testing.T) {
	seen := map[string]int{}
	for range 50 {
		j := journal.NewMemory()
		var updates []string
		virtual(t, start, func(ctx context.Context, c *clock.Loop) {
			r := New(Config{Clock: c, Journal: j, Do: busyWorld(c, 7), Observe: func(u Update) { updates = append(updates, show(u)) }})
			h, err := r.Start(ctx, busy(), engine.RunStart{ID: "r1"})
			if err != nil {
				t.Fatal(err)
			}
			h.Wait(ctx)
		})
		var times []string
		for _, e := range eventsOf(t, j, "r1") {
			times = append(times, e.Time.String())
		}
		seen[story(eventsOf(t, j, "r1"))+lines(times...)+lines(updates...)]++
	}
	if len(seen) != 1 {
		t.Errorf("50 runs took %d courses", len(seen))
	}
}

// show is an update in short.
func show(u Update) string {
	switch {
	case u.Start != nil && u.Queued:
		return "queued"
	case u.Start != nil:
		return "start"
	case u.Note != nil:
		return fmt.Sprintf("%s %s %s", u.Note.Kind, u.Note.At, u.Note.Status)
	case u.Progress != nil:
		return fmt.Sprintf("progress %s %s", u.Progress.At, u.Progress.Text)
	case u.Request != nil:
		return string(u.Request.Kind) + " " + u.Request.Reason
	case u.End != nil:
		return "end " + string(u.End.Status)
	}
	return fmt.Sprintf("stopped %v", u.Err)
}

func TestManyInParallel(t *testing.T) {
	const n = 1000
	for name, c := range map[string]*engine.StepType{"once": once, "read": read} {
		t.Run(name, func(t *testing.T) {
			var met atomic.Int32
			all := make(chan struct{})
			w := world{"a": func(ctx context.Context, c engine.Command) (any, error) {
				if met.Add(1) == n {
					close(all)
				}
				select {
				case <-all:
				case <-ctx.Done():
				}
				return nil, nil
			}}
			j := journal.NewMemory()
			r := New(Config{Clock: clock.Real(), Journal: j, Do: w.do})
			h, err := r.Start(t.Context(), program(each("many", n, n, do("a", c))), engine.RunStart{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			outcome, err := h.Wait(ctx)
			if err != nil || outcome.Status != engine.Succeeded {
				t.Fatalf("outcome %+v, %v; %d of %d met", outcome, err, met.Load(), n)
			}
			if got := len(eventsOf(t, j, h.ID())); got != 2+2*n {
				t.Errorf("%d events, want %d", got, 2+2*n)
			}
		})
	}
}

func TestUpdatesComeInOrderToASlowObserver(t *testing.T) {
	var got []string
	w := world{}
	r := New(Config{Clock: clock.Real(), Journal: journal.NewMemory(), Do: w.do, Observe: func(u Update) {
		time.Sleep(time.Millisecond) // slow, so that much happens meanwhile
		got = append(got, show(u))
	}})
	h, err := r.Start(t.Context(), program(parallel("p", []*engine.Step{do("a", read)}, []*engine.Step{do("b", once)}), do("c", read)), engine.RunStart{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	rank := map[string]int{}
	for i, line := range got {
		rank[line] = i
	}
	for _, pair := range [][2]string{
		{"start", "stepStarted p "}, {"stepStarted p/b0/a ", "stepEnded p/b0/a succeeded"}, {"stepStarted p/b1/b ", "stepEnded p/b1/b succeeded"},
		{"stepEnded p/b0/a succeeded", "stepEnded p succeeded"}, {"stepEnded p succeeded", "stepStarted c "}, {"stepEnded c succeeded", "end succeeded"},
	} {
		before, ok1 := rank[pair[0]]
		after, ok2 := rank[pair[1]]
		if !ok1 || !ok2 || before > after {
			t.Errorf("%q does not come before %q in\n%s", pair[0], pair[1], strings.Join(got, "\n"))
		}
	}
}

func TestWaitingIsObserved(t *testing.T) {
	j := journal.NewMemory()
	var got []string
	virtual(t, start, func(ctx context.Context, c *clock.Loop) {
		r := New(Config{
			Clock: c, Journal: j,
			Observe: func(u Update) { got = append(got, show(u)) },
			Do: func(ctx context.Context, _ engine.RunStart, _ engine.Command, waiting func(string)) (any, error) {
				waiting("one")
				clock.Sleep(ctx, c, time.Second)
				for i := range 100_000 { // nobody can be told that fast
					waiting(fmt.Sprint(i))
				}
				return nil, nil
			},
		})
		h, err := r.Start(ctx, program(do("a", read)), engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		h.Wait(ctx)
	})
	want := lines("start", "stepStarted a ", "progress a#1 one", "progress a#1 99999", "stepEnded a succeeded", "end succeeded")
	if s := lines(got...); s != want {
		t.Errorf("updates:\n%s\nwant:\n%s", s, want)
	}
}

func TestInputsAreWhatTheJournalGivesBack(t *testing.T) {
	j := journal.NewMemory()
	p := program()
	for name, typ := range map[string]engine.InputType{"at": engine.InputTime, "bad": engine.InputString, "n": engine.InputInteger} {
		p.Workflow.Inputs = append(p.Workflow.Inputs, engine.Named[*engine.Input]{Name: name, Value: &engine.Input{Type: typ, Required: true}})
	}
	r := New(Config{Clock: clock.Real(), Journal: j, Do: world{}.do})
	inputs := map[string]any{"at": start, "bad": "a\xffb", "n": 3}
	h, err := r.Start(t.Context(), p, engine.RunStart{Inputs: inputs, Hub: "desk"})
	if err != nil {
		t.Fatal(err)
	}
	h.Wait(t.Context())
	s := eventsOf(t, j, h.ID())[0].Start
	if s.Inputs["at"] != "2026-03-01T02:30:00.000Z" || s.Inputs["bad"] != "a\ufffdb" || s.Inputs["n"] != 3.0 {
		t.Errorf("inputs %v", s.Inputs)
	}
	if s.Workflow != "test" || s.File != "test.yaml" || s.Hash != "abc" || s.Hub != "desk" || s.ID == "" {
		t.Errorf("start %+v", s)
	}
	sources, err := j.Sources(t.Context(), h.ID())
	if err != nil || len(sources) != 1 || string(sources[0].Text) != "test" {
		t.Errorf("sources %q, %v", sources, err)
	}
}

func TestInputsThatDoNotFitStartNothing(t *testing.T) {
	j := journal.NewMemory()
	r := New(Config{Clock: clock.Real(), Journal: j, Do: world{}.do})
	for _, inputs := range []map[string]any{{"unknown": 1}, {"bad": func() {}}} {
		if _, err := r.Start(t.Context(), program(), engine.RunStart{Inputs: inputs}); err == nil {
			t.Errorf("started with %v", inputs)
		}
	}
	if runs, err := j.Runs(t.Context(), journal.Filter{}); err != nil || len(runs) != 0 {
		t.Errorf("runs %+v, %v, want none", runs, err)
	}
}

func TestARunIsNotStartedTwice(t *testing.T) { bothWays(t, aRunIsNotStartedTwice) }

func aRunIsNotStartedTwice(t *testing.T, park bool) {
	p := program(sleep("nap", "1h"))
	r := New(Config{Clock: clock.Real(), Journal: journal.NewMemory(), Do: world{}.do, Program: always(p), Park: park})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	h, err := r.Start(ctx, p, engine.RunStart{ID: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Start(ctx, program(), engine.RunStart{ID: "r1"}); !errors.Is(err, journal.ErrExists) {
		t.Errorf("second start: %v, want ErrExists", err)
	}
	if _, err := r.Resume(ctx, "r1"); err == nil {
		t.Error("a run that is under way was resumed beside itself")
	}
	stop()
	if _, err := h.Wait(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("wait: %v, want ErrStopped", err)
	}
}
