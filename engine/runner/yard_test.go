package runner

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// bells answer attempts of await when the test rings.
type bells struct {
	mu    sync.Mutex // guards what follows
	hung  map[engine.Address]*bell
	begun int
}

type bell struct {
	waiting func(string)
	answer  func(any, error)
	stopped error
	deaf    bool // it does not answer when told to stop
}

func newBells() *bells { return &bells{hung: map[engine.Address]*bell{}} }

func (b *bells) watch(_ engine.RunStart, c engine.Command, waiting func(string), answer func(any, error)) func(error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	it := &bell{waiting: waiting, answer: answer}
	b.hung[c.At] = it
	b.begun++
	return func(cause error) {
		b.mu.Lock()
		it.stopped = cause
		b.mu.Unlock()
		if !it.deaf {
			answer(nil, fmt.Errorf("x is still 3: %w", cause))
		}
	}
}

func (b *bells) ring(at engine.Address) { b.of(at).answer(map[string]any{"value": "rung"}, nil) }

// stopped is why a watch was told to end.
func (b *bells) stopped(at engine.Address) error {
	it := b.of(at)
	b.mu.Lock()
	defer b.mu.Unlock()
	return it.stopped
}

func (b *bells) of(at engine.Address) *bell {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hung[at]
}

// spied is a journal that tells what is asked of it.
type spied struct {
	journal.Journal
	appended func(events []engine.Event, s journal.Standing)
	read     func(run string)
	appends  int
	reads    int
}

func spy() *spied {
	return &spied{Journal: journal.NewMemory(), appended: func([]engine.Event, journal.Standing) {}, read: func(string) {}}
}

func (j *spied) Append(ctx context.Context, run string, events []engine.Event, s journal.Standing) error {
	j.appends++
	err := j.Journal.Append(ctx, run, events, s)
	j.appended(events, s)
	return err
}

func (j *spied) Events(ctx context.Context, run string, after int64) ([]engine.Event, error) {
	j.reads++
	j.read(run)
	return j.Journal.Events(ctx, run, after)
}

// A yard is a runner on virtual time whose runs are parked, with what stands around it.
type yard struct {
	*Runner
	t       *testing.T
	ctx     context.Context
	clock   *clock.Loop
	journal *spied
	bells   *bells
	updates []string
	runs    []string // of updates
	told    func(Update)
}

// inYard runs f with a yard for runs of p, and sees to it that nothing is left in it.
func inYard(t *testing.T, p *engine.Program, w world, f func(y *yard)) *yard {
	t.Helper()
	y := &yard{t: t, journal: spy(), bells: newBells(), told: func(Update) {}}
	virtual(t, start, func(ctx context.Context, c *clock.Loop) {
		y.ctx, y.clock = ctx, c
		y.Runner = New(Config{
			Clock: c, Journal: y.journal, Do: w.do, Watch: y.bells.watch, Program: always(p), Park: true,
			Observe: func(u Update) { y.updates, y.runs = append(y.updates, show(u)), append(y.runs, u.Run); y.told(u) },
		})
		f(y)
		empty(t, y.Runner)
	})
	return y
}

// of are the updates of a run.
func (y *yard) of(run string) (all []string) {
	for i, u := range y.updates {
		if y.runs[i] == run {
			all = append(all, u)
		}
	}
	return all
}

// begin starts the run and waits until it is parked.
func (y *yard) begin(p *engine.Program) *Handle {
	y.t.Helper()
	h, err := y.Start(y.ctx, p, engine.RunStart{ID: "r1"})
	if err != nil {
		y.t.Fatal(err)
	}
	y.pass(0)
	y.isParked()
	return h
}

// pass lets time pass; none lets all do what they can do now.
func (y *yard) pass(d time.Duration) {
	for range 20 {
		clock.Sleep(y.ctx, y.clock, 0)
	}
	clock.Sleep(y.ctx, y.clock, d)
}

func (y *yard) isParked() {
	y.t.Helper()
	y.mu.Lock()
	defer y.mu.Unlock()
	if len(y.active) > 0 || y.lotWith("r1") == nil {
		y.t.Fatalf("%d runs in memory, and r1 is not parked", len(y.active))
	}
}

// ends waits for the end of the run.
func (y *yard) ends(h *Handle, want engine.Status) engine.Outcome {
	y.t.Helper()
	outcome, err := h.Wait(y.ctx)
	if err != nil || outcome.Status != want {
		y.t.Fatalf("outcome %+v %v, %v, want %s", outcome, outcome.Error, err, want)
	}
	return outcome
}
