package runner

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// TestDrainLetsEffectsEnd has an effect, a read, a timer and a watch under way when the runner is drained.
func TestDrainLetsEffectsEnd(t *testing.T) {
	p := program(parallel("p",
		[]*engine.Step{do("effect", once, timeout("30s")), do("after", once, timeout("30s"))},
		[]*engine.Step{do("look", read)},
		[]*engine.Step{sleep("nap", "2s")},
		[]*engine.Step{do("wait", await)},
	), do("last", once))
	times := map[string]int{}
	w := world{}
	for id, d := range map[string]time.Duration{"effect": 10 * time.Second, "look": time.Hour, "after": time.Second} {
		w[id] = func(ctx context.Context, c engine.Command) (any, error) {
			times[id]++
			return nil, clock.Sleep(ctx, ctx.Value(clockKey{}).(clock.Clock), d)
		}
	}
	var handle *Handle
	y := inYard(t, p, w, func(y *yard) {
		var err error
		if handle, err = y.Start(y.ctx, p, engine.RunStart{ID: "r1"}); err != nil {
			t.Fatal(err)
		}
		y.pass(time.Second)
		if err := y.Drain(y.ctx); err != nil {
			t.Errorf("drain: %v", err)
		}
		if passed := y.clock.Now().Sub(start); passed != 10*time.Second {
			t.Errorf("it took until %v, want 10s", passed)
		}
		if _, err := handle.Wait(y.ctx); !errors.Is(err, ErrStopped) || !errors.Is(err, ErrDraining) {
			t.Errorf("who waits is told %v", err)
		}
		for what, begin := range map[string]func() error{
			"Start":   func() error { _, err := y.Start(y.ctx, p, engine.RunStart{ID: "r2"}); return err },
			"Resume":  func() error { _, err := y.Resume(y.ctx, "r1"); return err },
			"TakeUp":  func() error { _, err := y.TakeUp(y.ctx, "r1"); return err },
			"Recover": func() error { _, err := y.Recover(y.ctx); return err },
		} {
			if err := begin(); !errors.Is(err, ErrDraining) {
				t.Errorf("%s after Drain: %v", what, err)
			}
		}
		if err := y.Drain(y.ctx); err != nil {
			t.Errorf("the second drain: %v", err)
		}
	})
	want := lines("runStarted", "stepStarted p/b0/effect#1", "stepStarted p/b1/look#1", "stepStarted p/b3/wait#1", "timerFired p/b2/nap#1", "stepDone p/b0/effect#1")
	if s := story(eventsOf(t, y.journal, "r1")); s != want {
		t.Errorf("events:\n%s\nwant:\n%s", s, want)
	}
	outcome := goOnLater(t, y.journal, p, w)
	if outcome.Status != engine.Succeeded {
		t.Errorf("an hour later: %+v %v", outcome, outcome.Error)
	}
	if times["effect"] != 1 || times["look"] != 2 || times["after"] != 1 {
		t.Errorf("done %v", times)
	}
}

// goOnLater brings run r1 to its end in another process, an hour later.
func goOnLater(t *testing.T, j journal.Journal, p *engine.Program, w world) (outcome engine.Outcome) {
	t.Helper()
	virtual(t, start.Add(time.Hour), func(ctx context.Context, c *clock.Loop) {
		b := newBells()
		r := New(Config{Clock: c, Journal: j, Do: w.do, Watch: b.watch, Program: always(p), Park: true})
		handles, err := r.Recover(ctx)
		if err != nil || len(handles) != 1 {
			t.Fatalf("%d runs taken up, %v", len(handles), err)
		}
		clock.Sleep(ctx, c, time.Minute)
		b.ring("p/b3/wait#1")
		if outcome, err = handles[0].Wait(ctx); err != nil {
			t.Error(err)
		}
		empty(t, r)
	})
	return outcome
}

// TestDrainOfWaitingRuns: they are left at once, and nobody stays behind.
func TestDrainOfWaitingRuns(t *testing.T) {
	before := runtime.NumGoroutine()
	j, b := journal.NewMemory(), newBells()
	r := New(Config{Clock: clock.Real(), Journal: j, Do: world{}.do, Watch: b.watch, Program: always(program()), Park: true})
	var handles []*Handle
	for i, p := range []*engine.Program{program(sleep("nap", "1h")), program(do("wait", await)), program(sleep("nap", "1s"), do("a", once))} {
		h, err := r.Start(t.Context(), p, engine.RunStart{ID: fmt.Sprint("r", i)})
		if err != nil {
			t.Fatal(err)
		}
		handles = append(handles, h)
	}
	if err := r.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	for _, h := range handles {
		if _, err := h.Wait(t.Context()); !errors.Is(err, ErrDraining) {
			t.Errorf("run %s: %v", h.ID(), err)
		}
		if s := story(eventsOf(t, j, h.ID())); strings.Contains(s, "timerFired") || strings.Contains(s, "runEnded") {
			t.Errorf("run %s went on:\n%s", h.ID(), s)
		}
	}
	empty(t, r)
	noGoroutinesAbove(t, before)
}

func TestDrainGivesUp(t *testing.T) {
	p := program(do("a", once), do("b", once))
	w := world{"a": func(ctx context.Context, _ engine.Command) (any, error) { return nil, hold(ctx) }}
	inYard(t, p, w, func(y *yard) {
		var last Update
		y.told = func(u Update) { last = u }
		runs, stop := y.clock.WithCancel(y.ctx)
		h, err := y.Start(runs, p, engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := y.clock.WithTimeout(y.ctx, 30*time.Second)
		defer cancel()
		if err := y.Drain(ctx); err == nil || err.Error() != "1 run still has something under way" {
			t.Errorf("drain: %v", err)
		}
		stop()
		if _, err := h.Wait(y.ctx); !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
		if err := y.Drain(y.ctx); err != nil {
			t.Errorf("the second drain: %v", err)
		}
		if !errors.Is(last.Err, ErrStopped) || len(last.CutOff) != 1 || last.CutOff[0].At != "a#1" {
			t.Errorf("the last update is %+v", last)
		}
		if s := story(eventsOf(t, y.journal, "r1")); s != lines("runStarted", "stepStarted a#1") {
			t.Errorf("events:\n%s", s)
		}
	})
}

// TestWhatIsAskedWhileDrainingIsKept: the run hears of it when it goes on.
func TestWhatIsAskedWhileDrainingIsKept(t *testing.T) {
	p := program(do("a", once), do("b", once))
	w := world{"a": func(ctx context.Context, _ engine.Command) (any, error) {
		return nil, clock.Sleep(ctx, ctx.Value(clockKey{}).(clock.Clock), time.Minute)
	}}
	y := inYard(t, p, w, func(y *yard) {
		h, err := y.Start(y.ctx, p, engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		y.clock.After(time.Second, func() { h.Pause("lunch") })
		if err := y.Drain(y.ctx); err != nil {
			t.Error(err)
		}
		line, err := y.journal.Run(y.ctx, "r1")
		if want := (journal.Standing{Paused: true}); err != nil || line.Standing != want {
			t.Errorf("standing %+v, %v, want %+v", line.Standing, err, want)
		}
	})
	if s := story(eventsOf(t, y.journal, "r1")); s != lines("runStarted", "stepStarted a#1", "pauseRequested", "stepDone a#1") {
		t.Errorf("events:\n%s", s)
	}
}

// TestDrainedRunsEndAsIfNothingHadHappened drains random runs at random times, again and again: what they do stays the
// same, and nothing is interrupted.
func TestDrainedRunsEndAsIfNothingHadHappened(t *testing.T) {
	bothWays(t, drainedRunsEndAsIfNothingHadHappened)
}

func drainedRunsEndAsIfNothingHadHappened(t *testing.T, park bool) {
	drains := 0
	for seed := range uint64(40) {
		p := onceInstead(randomProgram(seed), seed)
		config := Config{Journal: journal.NewMemory(), Program: always(p), Park: park}
		begin := func(ctx context.Context, r *Runner) (*Handle, error) {
			return r.Start(ctx, p, engine.RunStart{ID: "r1"})
		}
		whole, _ := drive(t, start, config, seed, begin)
		chance := rand.New(rand.NewPCG(seed, 6))
		config.Journal = journal.NewMemory()
		for at, life := start, 1; ; life, drains = life+1, drains+1 {
			drainAfter(t, at, time.Duration(chance.IntN(1000*life))*time.Millisecond, config, seed, begin)
			events := eventsOf(t, config.Journal, "r1")
			last := events[len(events)-1]
			if last.Kind == engine.RunEnded {
				if got, want := facts(events), facts(whole); got != want {
					t.Fatalf("seed %d: \n%s\nwant\n%s", seed, got, want)
				}
				break
			}
			at = last.Time.Add(time.Duration(chance.IntN(30)) * time.Second)
			begin = func(ctx context.Context, r *Runner) (*Handle, error) { return r.Resume(ctx, "r1") }
		}
	}
	if drains < 40 {
		t.Errorf("%d drains: the programs are too short", drains)
	}
}

// onceInstead makes steps of a program such that must not happen twice.
func onceInstead(p *engine.Program, seed uint64) *engine.Program {
	chance := rand.New(rand.NewPCG(seed, 7))
	var visit func([]*engine.Step)
	visit = func(steps []*engine.Step) {
		for _, s := range steps {
			if s.Do != nil && s.Do.Type == read && chance.IntN(2) == 0 {
				*s = *do(s.ID, once, timeout("20s"), func(n *engine.Step) { n.ContinueOnError = s.ContinueOnError })
			}
			if s.Parallel != nil {
				for _, b := range s.Parallel.Branches {
					visit(b.Value)
				}
			}
			if s.ForEach != nil {
				visit(s.ForEach.Steps)
			}
			visit(s.Steps)
		}
	}
	visit(p.Workflow.Steps)
	return p
}

// drainAfter lets a process live for a while and then end in good order.
func drainAfter(t *testing.T, at time.Time, d time.Duration, config Config, seed uint64, begin func(context.Context, *Runner) (*Handle, error)) {
	t.Helper()
	virtual(t, at, func(ctx context.Context, c *clock.Loop) {
		config.Clock, config.Do, config.Watch = c, busyWorld(c, seed), busyWatch(c, seed)
		r := New(config)
		if _, err := begin(ctx, r); err != nil {
			t.Fatal(err)
		}
		clock.Sleep(ctx, c, d)
		if err := r.Drain(ctx); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		empty(t, r)
	})
}

// TestDrainUnderLoad has many runs do what must not happen twice on a disk, while processes end in good order one after
// the other: each effect happens once, and nothing is interrupted.
func TestDrainUnderLoad(t *testing.T) {
	const runs, lives = 60, 4
	p := program(do("a", once), do("b", once), do("c", once), do("d", once), do("e", once))
	file := filepath.Join(t.TempDir(), "journal.db")
	var mu sync.Mutex
	done := map[string]int{}
	draining := make(chan struct{})
	effect := func(ctx context.Context, run engine.RunStart, c engine.Command, _ func(string)) (any, error) {
		mu.Lock()
		done[run.ID+" "+string(c.At)]++
		late := draining
		mu.Unlock()
		if c.At == "c#1" && len(run.ID)%2 == 1 { // some are under way whenever that is
			<-late
		}
		time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
		return nil, nil
	}
	left := 0
	for life := range lives {
		j := openSQLite(t, file)
		r := New(Config{Clock: clock.Real(), Journal: j, Do: effect, Program: always(p), Park: true})
		handles, err := r.Recover(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		left += len(handles)
		for i := range runs {
			h, err := r.Start(t.Context(), p, engine.RunStart{ID: fmt.Sprint("r", life, "-", i)})
			if err != nil {
				t.Fatal(err)
			}
			handles = append(handles, h)
		}
		close(draining)
		if life == lives-1 {
			for _, h := range handles {
				if outcome, err := h.Wait(t.Context()); err != nil || outcome.Status != engine.Succeeded {
					t.Errorf("run %s: %+v %v, %v", h.ID(), outcome, outcome.Error, err)
				}
			}
		}
		if err := r.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		mu.Lock()
		draining = make(chan struct{})
		mu.Unlock()
		empty(t, r)
		closeSQLite(t, j)
	}
	if left < runs {
		t.Errorf("%d runs were left under way: the load is too small", left)
	}
	if len(done) != runs*lives*5 {
		t.Errorf("%d effects, want %d", len(done), runs*lives*5)
	}
	for what, n := range done {
		if n != 1 {
			t.Errorf("%s happened %d times", what, n)
		}
	}
}
