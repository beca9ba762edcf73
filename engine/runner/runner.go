// Package runner makes the commands of runs happen on this machine.
//
// Each run has a loop, a party of its own under the clock. It takes what has happened, has the
// journal keep it, asks the planner what follows, and starts that: attempts of steps, each a party
// too, and timers. What a run means is decided in package engine alone; the runner only carries out.
//
// The promises: an effect of delivery Once begins after its intent is in the journal. Whatever a
// step does (panic, ignore its context, answer too much) ends as the failure of that step. A run
// whose journal cannot be written does nothing further. A run that was stopped at any point goes on
// from its journal with Resume.
//
// It is no scheduler and keeps no list of runs: see packages schedule and journal.
package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// Config is what a Runner needs; all but Observe must be set.
type Config struct {
	Clock   clock.Clock
	Journal journal.Journal

	// Do carries out one attempt of a step and returns its outputs as JSON, which may come beside an
	// error. It returns soon after ctx ends. waiting tells people what a waiting step sees. Failures are
	// *engine.Error, or say what they are by the methods ErrorKind() string, MaybeDone() bool and
	// RetryAfter() time.Duration. Do is called from many parties at once.
	Do func(ctx context.Context, run engine.RunStart, c engine.Command, waiting func(what string)) (any, error)

	// Observe is told what happens in a run, in order. The run's loop waits for it.
	Observe func(Update)
}

// A Runner carries out runs.
type Runner struct {
	config Config

	mu     sync.Mutex // guards what follows
	active map[string]bool
}

// New makes a Runner.
func New(c Config) *Runner {
	if c.Observe == nil {
		c.Observe = func(Update) {}
	}
	return &Runner{config: c, active: map[string]bool{}}
}

// ErrStopped is in the error of a run that was stopped without an ending; Resume goes on with it.
var ErrStopped = errors.New("the run was stopped before its end")

// Start begins a run of p. What start leaves empty is filled in: the id, and what the program knows
// of itself. On virtual time give the id, since the jitter of retries follows from it. The error is about inputs that do not fit, or a journal that cannot be written; then
// nothing was done. When ctx ends, the run stops where it is, as if the process had died.
func (r *Runner) Start(ctx context.Context, p *engine.Program, start engine.RunStart) (*Handle, error) {
	began := eventTime(r.config.Clock.Now())
	start, err := complete(p, start, began)
	if err != nil {
		return nil, err
	}
	started := engine.Event{Seq: 1, Time: began, Kind: engine.RunStarted, Start: &start}
	if err := r.config.Journal.Begin(ctx, journal.Beginning{Events: []engine.Event{started}, Sources: sources(p)}); err != nil {
		return nil, fmt.Errorf("the run could not be written to the journal, so nothing was done: %w", err)
	}
	plan := engine.NewRun(p)
	return r.launch(ctx, newLoop(&r.config, plan, start), func(l *loop) engine.Decision {
		l.observe(Update{Time: began, Start: &start})
		return plan.Next(started)
	})
}

// complete fills in what start leaves empty, and makes its values what the journal gives back.
func complete(p *engine.Program, start engine.RunStart, now time.Time) (engine.RunStart, error) {
	value, _, err := settle(start.Inputs)
	if err != nil {
		return start, fmt.Errorf("inputs: %w", err)
	}
	inputs, _ := value.(map[string]any)
	if start.Inputs, err = p.CheckInputs(inputs); err != nil {
		return start, err
	}
	if start.Trigger, _, err = settle(start.Trigger); err != nil {
		return start, fmt.Errorf("trigger: %w", err)
	}
	if start.ID == "" {
		start.ID = journal.NewID(now)
	}
	if start.Workflow == "" {
		start.Workflow = p.Workflow.Name
	}
	start.File, start.Hash = p.File, p.Hash
	return start, nil
}

// launch gives a run its loop, unless it has one. begin is the loop's first act.
func (r *Runner) launch(ctx context.Context, l *loop, begin func(*loop) engine.Decision) (*Handle, error) {
	id := l.info.ID
	if !r.enter(id) {
		return nil, fmt.Errorf("run %s is under way already", id)
	}
	h := newHandle(l)
	r.config.Clock.Go(ctx, "run "+id, func(ctx context.Context) {
		end := l.run(ctx, begin)
		r.exit(id)
		h.done.Resolve(end)
	})
	return h, nil
}

func (r *Runner) enter(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active[id] {
		return false
	}
	r.active[id] = true
	return true
}

func (r *Runner) exit(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.active, id)
}

// eventTime is a time as it comes back from the journal: without the reading of the monotonic
// clock, so that a resumed run compares the same times.
func eventTime(t time.Time) time.Time { return t.Round(0).UTC() }

// sources are the files of a program as the journal keeps them: its own, then those it calls.
func sources(p *engine.Program) []journal.Source {
	var all []journal.Source
	for _, each := range p.Programs() {
		all = append(all, journal.Source{File: each.File, Text: each.Source})
	}
	return all
}
