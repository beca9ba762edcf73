package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// Resume goes on with a run from its journal, with the program it was started with, made from the
// sources that the journal keeps. Attempts that were under way are made again, but for effects that must not happen
// twice: those end as interrupted. Timers wait for what is left. What was observed before is not observed again. A run
// that has ended is not touched; its Handle knows the outcome. An error that is journal.ErrDriven: another
// process that lives drives the run.
func (r *Runner) Resume(ctx context.Context, run string) (*Handle, error) {
	l := newLoop(r, ctx, run)
	if err := r.enter(l, underWay); err != nil {
		return nil, err
	}
	past, err := r.claim(ctx, run)
	if err != nil || past.ended != nil {
		end := ending{err: err}
		if err == nil {
			end.outcome = *past.ended
		}
		r.drop(l, end)
		return &Handle{runner: r, id: run, under: ctx, done: l.done}, err
	}
	h := r.launch(l, func(ctx context.Context) (*engine.Outcome, error) { return l.goOn(ctx, past, true) })
	h.queued = past.plan.Queued()
	return h, nil
}

// A drivenError is journal.ErrDriven with the one who drives the run.
type drivenError struct{ run, driver string }

func (e *drivenError) Error() string {
	return "run " + e.run + ": " + e.driver + " drives it, and lives"
}
func (e *drivenError) Unwrap() error { return journal.ErrDriven }

// TakeUp is Resume for one of very many runs: what only waits for a time is not read before that has come, and the others
// are rebuilt after TakeUp has returned, some at a time. A run that cannot go on says so to its Handle and by an Update.
func (r *Runner) TakeUp(ctx context.Context, run string) (*Handle, error) {
	h := &Handle{runner: r, id: run, under: ctx}
	if r.draining.Load() {
		return nil, fmt.Errorf("run %s: %w", run, ErrDraining)
	}
	if err := r.own(ctx, run); errors.Is(err, journal.ErrEnded) {
		r.forgive(run)
		return h, nil
	} else if err != nil {
		return nil, err
	}
	line, err := r.config.Journal.Run(ctx, run)
	if err != nil {
		return nil, unreadable(run, err)
	}
	if !r.moveIn(ctx, line) {
		return nil, underWay(run)
	}
	h.queued = line.Standing.Queued
	return h, nil
}

func underWay(run string) error { return fmt.Errorf("run %s is under way here already", run) }

// claim makes this process the one that drives a run, and reads the run.
func (r *Runner) claim(ctx context.Context, run string) (history, error) {
	if err := r.own(ctx, run); err != nil && !errors.Is(err, journal.ErrEnded) {
		return history{}, err
	}
	return r.read(ctx, run)
}

// own makes this process the one that drives a run. journal.ErrDriven, journal.ErrEnded.
func (r *Runner) own(ctx context.Context, run string) error {
	err := r.config.Journal.Claim(ctx, run)
	switch {
	case errors.Is(err, journal.ErrDriven):
		line, unread := r.config.Journal.Run(ctx, run)
		if unread == nil && line.Driver != "" {
			err = &drivenError{run, line.Driver}
		}
		return err
	case err != nil && !errors.Is(err, journal.ErrEnded):
		return fmt.Errorf("run %s could not be taken up, so nothing was done: %w", run, err)
	}
	return err
}
