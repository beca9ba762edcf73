package runner

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// leftBehind is a journal of a process that has died, with runs of a program in it.
func leftBehind(t *testing.T, p *engine.Program, runs map[string]journal.Standing, order []string, events ...engine.Event) *spied {
	t.Helper()
	j := spy()
	for _, id := range order {
		b := beginning(engine.Event{Time: start, Kind: engine.RunStarted, Start: &engine.RunStart{ID: id}}, sources(p))
		b.Events = append(b.Events, events...)
		b.Standing = runs[id]
		if _, err := j.Begin(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

func TestRecover(t *testing.T) {
	p := program(parallel("p", []*engine.Step{do("wait", await)}, []*engine.Step{sleep("nap", "1h")}), do("a", once))
	began := engine.Event{Time: start, Kind: engine.StepStarted, At: "p/b0/wait#1"}
	done := engine.Event{Time: start, Kind: engine.StepDone, At: "p/b0/wait#1", Value: map[string]any{"value": 1.0}}
	wake := start.Add(time.Hour)
	asleep, alert := journal.Standing{Parked: true, Wake: wake}, journal.Standing{Parked: true, Wake: wake, Alert: true}
	order := []string{"asleep", "busy", "alert", "wanted", "ended"}
	j := leftBehind(t, p, map[string]journal.Standing{"asleep": asleep, "alert": alert, "wanted": asleep}, order, began)
	for _, id := range []string{"asleep", "wanted"} {
		if err := j.Journal.Append(t.Context(), id, []engine.Event{done}, asleep); err != nil {
			t.Fatal(err)
		}
	}
	end := engine.Event{Time: start, Kind: engine.RunEnded, End: &engine.Outcome{Status: engine.Succeeded}}
	if err := j.Journal.Append(t.Context(), "ended", []engine.Event{end}, journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	if err := j.Ask(t.Context(), journal.Request{Run: "wanted", Kind: engine.CancelRequested, Reason: "no more"}); err != nil {
		t.Fatal(err)
	}
	b, compiled := newBells(), 0
	var read, told []string
	j.read = func(run string) { read = append(read, run) }
	virtual(t, start.Add(time.Minute), func(ctx context.Context, c *clock.Loop) {
		r := New(Config{
			Clock: c, Journal: j, Do: world{}.do, Watch: b.watch, Park: true,
			Program: func([]journal.Source) (*engine.Program, error) { compiled++; return p, nil },
			Observe: func(u Update) {
				if u.Start != nil {
					told = append(told, fmt.Sprint(u.Run, " ", u.Resumed))
				}
			},
		})
		handles, err := r.Recover(ctx)
		if err != nil || len(handles) != 4 {
			t.Fatalf("%d handles, %v, want 4", len(handles), err)
		}
		y := &yard{Runner: r, t: t, ctx: ctx, clock: c, journal: j, bells: b}
		y.pass(time.Second)
		if s := fmt.Sprint(read); s != "[busy alert wanted]" {
			t.Errorf("read %s; what only waits for a time is not read", s)
		}
		again, err := r.Recover(ctx)
		if err != nil || len(again) != 0 {
			t.Errorf("recovered %d runs again, %v", len(again), err)
		}
		if _, err := r.Resume(ctx, "asleep"); err == nil || !strings.Contains(err.Error(), "under way here already") {
			t.Errorf("resumed what is here: %v", err)
		}
		y.pass(0)
		b.ring("p/b0/wait#1") // of alert, the last one to begin
		for i, h := range handles {
			if h.ID() == "busy" {
				h.Cancel("enough")
			}
			outcome, err := h.Wait(ctx)
			want := map[string]engine.Status{"asleep": engine.Succeeded, "alert": engine.Succeeded, "busy": engine.Cancelled, "wanted": engine.Cancelled}[h.ID()]
			if err != nil || outcome.Status != want {
				t.Errorf("handle %d, %s: %+v %v, %v, want %s", i, h.ID(), outcome, outcome.Error, err, want)
			}
		}
		empty(t, r)
	})
	if s := fmt.Sprint(told); s != "[busy true alert true wanted true asleep true]" {
		t.Errorf("people were told of %s", s)
	}
	if compiled != 1 {
		t.Errorf("the program was made %d times, want once", compiled)
	}
}

// TestRecoverIsNoStorm takes up more runs than are rebuilt at the same time.
func TestRecoverIsNoStorm(t *testing.T) {
	const n = 10 * mostWoken
	p := program(do("a", once))
	var order []string
	for i := range n {
		order = append(order, fmt.Sprint("r", i))
	}
	j := &crowded{Journal: leftBehind(t, p, nil, order).Journal}
	r := New(Config{Clock: clock.Real(), Journal: j, Do: world{}.do, Program: always(p), Park: true})
	handles, err := r.Recover(t.Context())
	if err != nil || len(handles) != n {
		t.Fatalf("%d handles, %v", len(handles), err)
	}
	eventually(t, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.active)+len(r.lots) == 0 })
	if j.most > mostWoken || j.most < 2 {
		t.Errorf("%d runs were read at the same time, want at most %d", j.most, mostWoken)
	}
	for _, h := range handles {
		if outcome, err := h.Wait(t.Context()); err != nil || outcome.Status != engine.Succeeded {
			t.Fatalf("outcome %+v, %v", outcome, err)
		}
	}
}

// crowded is a journal that counts who reads at the same time.
type crowded struct {
	journal.Journal
	now  atomic.Int32
	mu   sync.Mutex // guards most
	most int32
}

func (j *crowded) Events(ctx context.Context, run string, after int64) ([]engine.Event, error) {
	n := j.now.Add(1)
	defer j.now.Add(-1)
	j.mu.Lock()
	j.most = max(j.most, n)
	j.mu.Unlock()
	time.Sleep(time.Millisecond)
	return j.Journal.Events(ctx, run, after)
}

// broken is a journal that refuses.
type broken struct {
	journal.Journal
	claim, append, events, adopt error
	driver                       string
}

func (j *broken) Claim(ctx context.Context, run string) error {
	return errors.Join(j.claim, j.Journal.Claim(ctx, run))
}

func (j *broken) Append(ctx context.Context, run string, events []engine.Event, s journal.Standing) error {
	if j.append != nil {
		return fmt.Errorf("run %s: %w", run, j.append)
	}
	return j.Journal.Append(ctx, run, events, s)
}

func (j *broken) Events(ctx context.Context, run string, after int64) ([]engine.Event, error) {
	events, err := j.Journal.Events(ctx, run, after)
	return events, errors.Join(j.events, err)
}

func (j *broken) Adopt(ctx context.Context) iter.Seq2[journal.Run, error] {
	return func(yield func(journal.Run, error) bool) {
		for line, err := range j.Journal.Adopt(ctx) {
			if !yield(line, err) {
				return
			}
		}
		if j.adopt != nil {
			yield(journal.Run{}, j.adopt)
		}
	}
}

func (j *broken) Run(ctx context.Context, run string) (journal.Run, error) {
	line, err := j.Journal.Run(ctx, run)
	line.Driver = j.driver
	return line, err
}

func TestARunThatAnotherProcessDrives(t *testing.T) {
	p := program(sleep("nap", "1h"))
	j := &broken{Journal: leftBehind(t, p, nil, []string{"r1"}), claim: journal.ErrDriven, driver: "process 4711 on desk"}
	r := New(Config{Clock: clock.Real(), Journal: j, Do: world{}.do, Program: always(p), Park: true})
	_, err := r.Resume(t.Context(), "r1")
	if want := "run r1: process 4711 on desk drives it, and lives"; !errors.Is(err, journal.ErrDriven) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	empty(t, r)
}

func TestALostRunDoesNothingFurther(t *testing.T) {
	p := program(do("a", await), do("b", once))
	j := &broken{Journal: journal.NewMemory()}
	b := newBells()
	virtual(t, start, func(ctx context.Context, c *clock.Loop) {
		var last Update
		called := false
		w := world{"b": func(context.Context, engine.Command) (any, error) { called = true; return nil, nil }}
		r := New(Config{Clock: c, Journal: j, Do: w.do, Watch: b.watch, Program: always(p), Park: true, Observe: func(u Update) { last = u }})
		h, err := r.Start(ctx, p, engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		clock.Sleep(ctx, c, time.Minute)
		j.append = journal.ErrLost
		b.ring("a#1")
		for range 2 { // the second time it is remembered
			_, err = h.Wait(ctx)
			if !errors.Is(err, journal.ErrLost) || !strings.Contains(err.Error(), "nothing further was done here, since another process may have taken it over") {
				t.Errorf("error %v", err)
			}
			clock.Sleep(ctx, c, time.Minute)
			empty(t, r)
			h = &Handle{runner: r, id: "r1", under: ctx}
		}
		if called || last.Err == nil {
			t.Errorf("the step was called: %v; the last update is %s", called, show(last))
		}
		j.append = nil
		if h, err = r.Resume(ctx, "r1"); err != nil {
			t.Fatal(err)
		}
		clock.Sleep(ctx, c, time.Minute)
		b.ring("a#1")
		if outcome, err := h.Wait(ctx); err != nil || outcome.Status != engine.Succeeded {
			t.Errorf("taken up again: %+v, %v", outcome, err)
		}
	})
}

func TestRecoverSaysWhatTheJournalSays(t *testing.T) {
	full := errors.New("the disk is full")
	p := program(sleep("nap", "1h"))
	j := &broken{Journal: leftBehind(t, p, nil, []string{"r1"}), adopt: full}
	virtual(t, start, func(ctx context.Context, c *clock.Loop) {
		r := New(Config{Clock: c, Journal: j, Do: world{}.do, Program: always(p)})
		handles, err := r.Recover(ctx)
		if !errors.Is(err, full) || len(handles) != 1 {
			t.Fatalf("%d handles, %v, want the one before the error", len(handles), err)
		}
		if outcome, err := handles[0].Wait(ctx); err != nil || outcome.Status != engine.Succeeded {
			t.Errorf("outcome %+v, %v", outcome, err)
		}
	})
}

func TestAParkedRunThatCannotBeRead(t *testing.T) {
	corrupt := errors.New("page 7 is corrupt")
	p := program(do("a", await, timeout("1h")))
	j := &broken{Journal: journal.NewMemory()}
	b := newBells()
	virtual(t, start, func(ctx context.Context, c *clock.Loop) {
		r := New(Config{Clock: c, Journal: j, Do: world{}.do, Watch: b.watch, Program: always(p), Park: true})
		h, err := r.Start(ctx, p, engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		clock.Sleep(ctx, c, time.Minute)
		j.events = corrupt
		if _, err := h.Wait(ctx); !errors.Is(err, corrupt) || !strings.Contains(err.Error(), "run r1: the journal could not be read, so nothing was done") {
			t.Errorf("error %v", err)
		}
		if passed := c.Now().Sub(start); passed != time.Hour || b.stopped("a#1") == nil {
			t.Errorf("after %v, and the watch was stopped with %v", passed, b.stopped("a#1"))
		}
		empty(t, r)
	})
}

func TestTakeUp(t *testing.T) {
	p := program(sleep("nap", "1h"), do("a", once))
	asleep := journal.Standing{Parked: true, Wake: start.Add(time.Hour)}
	j := leftBehind(t, p, map[string]journal.Standing{"asleep": asleep}, []string{"asleep", "ended"})
	end := engine.Event{Time: start, Kind: engine.RunEnded, End: &engine.Outcome{Status: engine.Failed}}
	if err := j.Journal.Append(t.Context(), "ended", []engine.Event{end}, journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	virtual(t, start.Add(time.Minute), func(ctx context.Context, c *clock.Loop) {
		told := 0
		r := New(Config{
			Clock: c, Journal: j, Do: world{}.do, Program: always(p), Park: true,
			Observe: func(u Update) {
				if u.Start != nil && u.Resumed {
					told++
				}
			},
		})
		h, err := r.TakeUp(ctx, "asleep")
		if err != nil {
			t.Fatal(err)
		}
		clock.Sleep(ctx, c, time.Minute)
		if j.reads != 0 || told != 0 {
			t.Errorf("read %d times and told %d times of a run that sleeps", j.reads, told)
		}
		if _, err := r.TakeUp(ctx, "asleep"); err == nil || !strings.Contains(err.Error(), "under way here already") {
			t.Errorf("taken up what is here: %v", err)
		}
		if outcome, err := h.Wait(ctx); err != nil || outcome.Status != engine.Succeeded || c.Now() != asleep.Wake || told != 1 {
			t.Errorf("%+v, %v at %v, told %d times", outcome, err, c.Now(), told)
		}
		h, err = r.TakeUp(ctx, "ended")
		if err != nil {
			t.Fatal(err)
		}
		if outcome, err := h.Wait(ctx); err != nil || outcome.Status != engine.Failed {
			t.Errorf("what had ended: %+v, %v", outcome, err)
		}
		if _, err := r.TakeUp(ctx, "nobody"); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("taken up nobody: %v", err)
		}
		empty(t, r)
	})
}
