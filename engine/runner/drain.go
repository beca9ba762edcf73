package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// ErrDraining is in the error of whoever wants a run to begin or to go on after Drain, and, with ErrStopped, of the runs
// that were here.
var ErrDraining = errors.New("this process is about to end, so nothing further begins in it")

// Drain ends the runner in good order. Nothing further begins, no run and no step; effects under way end, and how they
// ended is kept; then the runs leave memory. Nothing follows from that answer here: whoever goes on with a run from its
// journal plans, so that there is no intent of what nobody began. Reads and watches are ended, and are done again then.
//
// It returns when no run is here any more, or, with an error, when ctx ends: then the rest goes on until the contexts of
// the runs end. Called again, it waits for the same.
func (r *Runner) Drain(ctx context.Context) error {
	r.mu.Lock()
	if r.drained == nil {
		r.drained = clock.NewPromise[struct{}](r.config.Clock)
		r.draining.Store(true)
		for _, run := range slices.Sorted(maps.Keys(r.active)) {
			r.active[run].inbox.put(func() (engine.Event, bool) { return engine.Event{}, false })
		}
		for _, t := range r.lots {
			t.nudge()
		}
		clear(r.letters)
		r.lookEmpty()
	}
	done := r.drained
	r.mu.Unlock()
	if _, err := done.Await(ctx); err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if n := len(r.active); n != 1 {
			return fmt.Errorf("%d runs still have something under way", n)
		}
		return errors.New("1 run still has something under way")
	}
	return nil
}

// lookEmpty tells who drains the runner when no run is left. mu is held.
func (r *Runner) lookEmpty() {
	if r.drained != nil && len(r.active)+len(r.lots)+r.closing == 0 {
		r.drained.Resolve(struct{}{})
	}
}

func drained(run string) error { return fmt.Errorf("run %s: %w: %w", run, ErrStopped, ErrDraining) }

// drain keeps what has happened, and what happens until no effect is under way; nothing follows from it. Its error is
// that the run was stopped, or why it had to be before.
func (l *loop) drain(ctx context.Context, events []engine.Event) error {
	open := l.effectsUnderWay()
	for {
		if ctx.Err() != nil {
			events = slices.DeleteFunc(events, cutOff)
		}
		for _, e := range events {
			delete(open, e.At)
		}
		if err := l.keepUnplanned(ctx, events); err != nil {
			return err
		}
		if ctx.Err() != nil {
			for _, at := range slices.Sorted(maps.Keys(open)) {
				l.cutOff = append(l.cutOff, open[at])
			}
			return context.Cause(ctx)
		}
		if len(l.effectsUnderWay()) == 0 {
			return drained(l.id)
		}
		events, _ = l.hear(ctx)
	}
}

// cutOff says whether an attempt has only told that it was ended.
func cutOff(e engine.Event) bool {
	return e.Kind == engine.StepDone && e.Error != nil && e.Error.Kind == engine.KindCancelled
}

// keepUnplanned keeps what happened while nobody plans, also when ctx has just ended.
func (l *loop) keepUnplanned(ctx context.Context, events []engine.Event) error {
	if len(events) == 0 && !l.loose {
		return nil
	}
	if err := l.append(context.WithoutCancel(ctx), events, l.unplanned(events)); err != nil {
		return err
	}
	l.observeRequests(events)
	return nil
}

// unplanned is what the run is about after events from which nothing has followed yet.
func (l *loop) unplanned(events []engine.Event) journal.Standing {
	s := l.told
	for _, e := range events {
		s.Parked, s.Alert, s.Wake = false, false, time.Time{}
		switch e.Kind {
		case engine.PauseRequested:
			s.Paused = !l.cancelled
		case engine.ResumeRequested, engine.CancelRequested:
			s.Paused = false
		case engine.RunAdmitted:
			s.Queued = false
		}
	}
	return s
}

// effectsUnderWay are those that would not be known of without their answers.
func (l *loop) effectsUnderWay() map[engine.Address]engine.Command {
	all := map[engine.Address]engine.Command{}
	for at, j := range l.jobs {
		if j.command.Delivery != engine.Read {
			all[at] = j.command
		}
	}
	return all
}
