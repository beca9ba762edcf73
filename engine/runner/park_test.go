package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

func TestASleepingRunLeavesMemory(t *testing.T) {
	p := program(do("a", read), sleep("nap", "72h"), do("b", once))
	y := inYard(t, p, nil, func(y *yard) {
		h := y.begin(p)
		line, err := y.journal.Run(y.ctx, "r1")
		want := journal.Standing{Parked: true, Wake: start.Add(72 * time.Hour)}
		if err != nil || line.Standing != want {
			t.Errorf("standing %+v, %v, want %+v", line.Standing, err, want)
		}
		y.ends(h, engine.Succeeded)
		if passed := y.clock.Now().Sub(start); passed != 72*time.Hour {
			t.Errorf("it took %v", passed)
		}
	})
	want := lines("runStarted", "stepStarted a#1", "stepDone a#1", "timerFired nap#1", "stepStarted b#1", "stepDone b#1", "runEnded succeeded")
	if s := story(eventsOf(t, y.journal, "r1")); s != want {
		t.Errorf("events:\n%s\nwant:\n%s", s, want)
	}
	told := lines("start", "stepStarted a ", "stepEnded a succeeded", "stepStarted nap ", "stepWaits nap ",
		"stepEnded nap succeeded", "stepStarted b ", "stepEnded b succeeded", "end succeeded")
	if s := lines(y.updates...); s != told {
		t.Errorf("people were told:\n%s\nwant:\n%s", s, told)
	}
	if y.journal.reads != 2 { // one is the test's own
		t.Errorf("the run was read %d times, want once", y.journal.reads-1)
	}
}

func TestAnAnswerWakesAParkedRun(t *testing.T) {
	p := program(do("a", await, timeout("5m")), do("b", read))
	y := inYard(t, p, nil, func(y *yard) {
		h := y.begin(p)
		line, _ := y.journal.Run(y.ctx, "r1")
		if want := (journal.Standing{Parked: true, Alert: true, Wake: start.Add(5 * time.Minute)}); line.Standing != want {
			t.Errorf("standing %+v, want %+v", line.Standing, want)
		}
		y.bells.of("a#1").waiting("x is still 3")
		y.pass(time.Minute)
		y.isParked()
		sights, _ := y.journal.Sights(y.ctx, "r1")
		if len(sights) != 1 || sights[0] != (journal.Sight{At: "a#1", Text: "x is still 3", Since: start}) {
			t.Errorf("sights %+v", sights)
		}
		y.bells.ring("a#1")
		y.ends(h, engine.Succeeded)
		if passed := y.clock.Now().Sub(start); passed != time.Minute {
			t.Errorf("it took %v", passed)
		}
	})
	events := eventsOf(t, y.journal, "r1")
	if s := story(events); s != lines("runStarted", "stepStarted a#1", "stepDone a#1", "stepStarted b#1", "stepDone b#1", "runEnded succeeded") {
		t.Errorf("events:\n%s", s)
	}
	if value := fmt.Sprint(events[2].Value); value != "map[value:rung]" {
		t.Errorf("the wait gave %s", value)
	}
	want := lines("start", "stepStarted a ", "progress a#1 x is still 3", "stepEnded a succeeded", "stepStarted b ", "stepEnded b succeeded", "end succeeded")
	if s := lines(y.updates...); s != want {
		t.Errorf("people were told:\n%s\nwant:\n%s", s, want)
	}
}

func TestADeadlineOfAParkedAttempt(t *testing.T) {
	for name, c := range map[string]struct {
		deaf   bool          // the watch does not answer when told to end
		answer bool          // it answers while the run is rebuilt
		want   engine.Status // of the run
	}{
		"EndsIt":                      {want: engine.Failed},
		"ComesBeforeALateAnswer":      {deaf: true, want: engine.Succeeded},
		"IsOverWhileTheAnswerIsThere": {answer: true, want: engine.Succeeded},
	} {
		t.Run(name, func(t *testing.T) {
			p := program(do("a", await, timeout("5m")))
			inYard(t, p, nil, func(y *yard) {
				h := y.begin(p)
				y.bells.of("a#1").deaf = c.deaf
				y.journal.read = func(string) {
					if c.answer {
						y.bells.ring("a#1")
					}
				}
				y.pass(6 * time.Minute)
				if c.deaf {
					if y.bells.stopped("a#1") != context.DeadlineExceeded {
						t.Errorf("told to stop with %v", y.bells.stopped("a#1"))
					}
					y.bells.ring("a#1")
				}
				outcome := y.ends(h, c.want)
				if e := outcome.Error; e != nil && (e.Kind != engine.KindTimeout || e.Message != "did not finish within 5m: x is still 3") {
					t.Errorf("error %v", e)
				}
				if done := answer(eventsOf(t, y.journal, "r1"), "a#1"); !c.deaf && done.Time.Sub(start) != 5*time.Minute {
					t.Errorf("it was answered after %v", done.Time.Sub(start))
				}
			})
		})
	}
}

// TestAnAnswerWhileTheRunIsBeingParkedOrRebuilt has two watches answer at the worst times.
func TestAnAnswerWhileTheRunIsBeingParkedOrRebuilt(t *testing.T) {
	p := program(parallel("p", []*engine.Step{do("b", await)}, []*engine.Step{do("c", await)}))
	for name, c := range map[string]struct {
		parking, rebuilding []engine.Address
		rebuilt             int
	}{
		"OneEach":              {[]engine.Address{"p/b0/b#1"}, []engine.Address{"p/b1/c#1"}, 1},
		"BothWhileParking":     {[]engine.Address{"p/b0/b#1", "p/b1/c#1"}, nil, 0},
		"OneLaterAndOneInTime": {nil, []engine.Address{"p/b1/c#1"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			y := inYard(t, p, nil, func(y *yard) {
				y.told = func(u Update) {
					if u.Note != nil && u.Note.At == "p/b1/c" { // the watches have begun, and the run is about to be parked
						for _, at := range c.parking {
							y.bells.ring(at)
						}
						c.parking = nil
					}
				}
				y.journal.read = func(string) {
					for _, at := range c.rebuilding {
						y.bells.ring(at)
					}
				}
				h, err := y.Start(y.ctx, p, engine.RunStart{ID: "r1"})
				if err != nil {
					t.Fatal(err)
				}
				y.pass(time.Second)
				if c.rebuilt > 0 {
					y.isParked()
					if name == "OneEach" {
						y.ask("r1", engine.Event{Kind: engine.ResumeRequested})
					} else {
						y.bells.ring("p/b0/b#1")
					}
				}
				y.ends(h, engine.Succeeded)
			})
			if y.bells.begun != 2 || y.journal.reads != c.rebuilt {
				t.Errorf("%d watches began, and it was rebuilt %d times, want 2 and %d", y.bells.begun, y.journal.reads, c.rebuilt)
			}
		})
	}
}

func TestAWatchThatAnswersAtOnce(t *testing.T) {
	p := program(do("a", await), do("b", await))
	inYard(t, p, nil, func(y *yard) {
		y.config.Watch = func(_ engine.RunStart, c engine.Command, waiting func(string), answer func(any, error)) func(error) {
			waiting("looking")
			answer(map[string]any{"value": string(c.At)}, nil)
			answer(nil, errors.New("twice"))
			return func(error) { t.Error("told to end after it had answered") }
		}
		h, err := y.Start(y.ctx, p, engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		y.ends(h, engine.Succeeded)
		if y.journal.reads > 0 {
			t.Error("the run was rebuilt")
		}
	})
}

func TestAWatchThatPanicsFailsTheRunOnly(t *testing.T) {
	p := program(do("a", await, timeout("1m")))
	for name, watch := range map[string]func(engine.RunStart, engine.Command, func(string), func(any, error)) func(error){
		"AtItsBeginning": func(engine.RunStart, engine.Command, func(string), func(any, error)) func(error) {
			panic("out of cheese")
		},
		"AtItsEnd": func(engine.RunStart, engine.Command, func(string), func(any, error)) func(error) {
			return func(error) { panic("out of cheese") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			inYard(t, p, nil, func(y *yard) {
				y.config.Watch = watch
				h, err := y.Start(y.ctx, p, engine.RunStart{ID: "r1"})
				if err != nil {
					t.Fatal(err)
				}
				if e := y.ends(h, engine.Failed).Error; e.Kind != engine.KindInternal || !strings.Contains(e.Message, "await at test.yaml:1:1 panicked at runner/park_test.go:") {
					t.Errorf("error %v", e)
				}
			})
		})
	}
}

func TestCancelOfAParkedRun(t *testing.T) {
	for _, wait := range []*engine.Step{do("wait", await), sleep("wait", "72h")} {
		t.Run(wait.Action, func(t *testing.T) {
			p := program(wait)
			p.Workflow.Finally = &engine.Finally{Steps: []*engine.Step{do("tidy", once)}}
			inYard(t, p, nil, func(y *yard) {
				h := y.begin(p)
				y.pass(time.Minute)
				h.Cancel("we changed our mind")
				h.Cancel("twice")
				y.pass(0)
				outcome := y.ends(h, engine.Cancelled)
				events := eventsOf(t, y.journal, "r1")
				if s := story(events); strings.Count(s, "cancelRequested") != 1 || !strings.Contains(s, "stepDone finally/tidy#1\nrunEnded cancelled") {
					t.Errorf("events:\n%s", s)
				}
				want := "we changed our mind"
				if wait.Action == "await" {
					want += ": x is still 3"
					if y.bells.stopped("wait#1") != context.Canceled {
						t.Errorf("told to stop with %v", y.bells.stopped("wait#1"))
					}
				}
				if outcome.Error.Message != want || y.clock.Now().Sub(start) != time.Minute {
					t.Errorf("error %q after %v, want %q", outcome.Error.Message, y.clock.Now().Sub(start), want)
				}
			})
		})
	}
}

// TestAWakeForNothing has a run woken that has nothing to do: it is parked again, and nothing is written.
func TestAWakeForNothing(t *testing.T) {
	p := program(do("a", await, timeout("1h")))
	inYard(t, p, nil, func(y *yard) {
		h := y.begin(p)
		before := y.journal.appends
		for range 3 {
			y.mu.Lock()
			y.lotWith("r1").wake("r1")
			y.lotWith("r1").wake("r1")
			y.mu.Unlock()
			y.pass(time.Minute)
			y.isParked()
		}
		if y.journal.reads != 3 || y.journal.appends != before {
			t.Errorf("the run was read %d times and written %d times, want 3 and 0", y.journal.reads, y.journal.appends-before)
		}
		y.bells.ring("a#1")
		y.ends(h, engine.Succeeded)
		if y.bells.begun != 1 {
			t.Errorf("%d watches began", y.bells.begun)
		}
	})
}

func TestARunWhoseTimeIsNearStaysInMemory(t *testing.T) {
	p := program(sleep("a", "900ms"), sleep("b", "900ms"), sleep("c", "1m"))
	y := inYard(t, p, nil, func(y *yard) {
		h, err := y.Start(y.ctx, p, engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		y.ends(h, engine.Succeeded)
	})
	if y.journal.reads != 1 {
		t.Errorf("the run was rebuilt %d times, want once", y.journal.reads)
	}
}

// TestALongRunIsNotRebuiltForEachAnswer has a run with a long journal wait for many things, one after another.
func TestALongRunIsNotRebuiltForEachAnswer(t *testing.T) {
	const n = 300
	p := program(each("all", n, n, do("a", await)))
	y := inYard(t, p, nil, func(y *yard) {
		h, err := y.Start(y.ctx, p, engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			y.pass(100 * time.Millisecond)
			y.bells.ring(engine.Address(fmt.Sprintf("all[%d]/a#1", i)))
			if i == n/2 {
				y.pass(time.Hour)
				y.isParked()
			}
		}
		y.ends(h, engine.Succeeded)
	})
	if y.journal.reads != 1 || y.bells.begun != n {
		t.Errorf("the run was rebuilt %d times, want once; %d watches began, want %d", y.journal.reads, y.bells.begun, n)
	}
}

func TestTheEndOfTheProcessLeavesNothingOfParkedRuns(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	b, j := newBells(), journal.NewMemory()
	var mu sync.Mutex
	var left []string
	r := New(Config{Clock: clock.Real(), Journal: j, Watch: b.watch, Park: true, Do: world{}.do, Observe: func(u Update) {
		mu.Lock()
		defer mu.Unlock()
		if u.Err != nil {
			left = append(left, u.Run)
		}
	}})
	var handles []*Handle
	for id, step := range map[string]*engine.Step{"r1": do("a", await, timeout("1h")), "r2": sleep("nap", "1h"), "r3": do("b", await)} {
		h, err := r.Start(ctx, program(step), engine.RunStart{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		handles = append(handles, h)
	}
	eventually(t, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.active) == 0 })
	noGoroutinesAbove(t, before+1) // the lot's
	waiting := make(chan error)
	go func() { _, err := handles[0].Wait(t.Context()); waiting <- err }()
	eventually(t, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.waiters) == 1 })
	stop()
	for _, err := range []error{<-waiting, waitFor(t, handles[0]), waitFor(t, handles[1]), waitFor(t, handles[2])} {
		if !errors.Is(err, ErrStopped) || !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want ErrStopped and the context's", err)
		}
	}
	noGoroutinesAbove(t, before)
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(left)
	if s := fmt.Sprint(left); s != "[r1 r2 r3]" || b.stopped("a#1") != context.Canceled || b.stopped("b#1") != context.Canceled {
		t.Errorf("told of %s; watches were stopped with %v and %v", s, b.stopped("a#1"), b.stopped("b#1"))
	}
	empty(t, r)
}

func waitFor(t *testing.T, h *Handle) error {
	_, err := h.Wait(t.Context())
	return err
}

// eventually waits until something is so.
func eventually(t *testing.T, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !so(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to that")
		}
	}
}
