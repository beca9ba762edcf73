package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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

// Recover goes on with all runs that no living process drives: first those that were under way, then those that
// waited. What only waits for a time is not read before that has come; the others are rebuilt after Recover has returned,
// some at a time. Runs that are here already are left alone. A run that cannot go on says so to its Handle and by an
// Update. The error is about the journal; the runs before it are taken up.
//
// It may be called again and again: for the runs of processes that have ended meanwhile, and for those of this one that
// were left because the journal could not be read or written. Where there are none, that costs next to nothing.
func (r *Runner) Recover(ctx context.Context) ([]*Handle, error) {
	handles := []*Handle{}
	if r.draining.Load() {
		return handles, ErrDraining
	}
	if none, err := r.noOrphans(ctx); err != nil {
		return handles, notTakenUp(err)
	} else if none {
		return r.TakeUpAgain(ctx), nil
	}
	for line, err := range r.config.Journal.Adopt(ctx) {
		if err != nil {
			return handles, notTakenUp(err)
		}
		if r.moveIn(ctx, line) {
			handles = append(handles, &Handle{runner: r, id: line.ID, under: ctx, queued: line.Standing.Queued})
		}
	}
	r.recovered.Store(true)
	return handles, nil
}

func notTakenUp(err error) error {
	return fmt.Errorf("the runs that nobody drives could not be taken up: %w", err)
}

// noOrphans says whether all unfinished runs are driven, as far as the journal can say so without giving all of them,
// and those that this process drives are here, or were.
func (r *Runner) noOrphans(ctx context.Context) (bool, error) {
	j, ok := r.config.Journal.(interface {
		Orphans(ctx context.Context) (int, error)
	})
	if !ok || !r.recovered.Load() {
		return false, nil
	}
	n, err := j.Orphans(ctx)
	return err == nil && n == 0, err
}

// TakeUpAgain goes on with runs of this process that were left because of the journal, as far as it works by now. Recover
// does that, too; this takes up no others.
func (r *Runner) TakeUpAgain(ctx context.Context) []*Handle {
	handles := []*Handle{}
	r.mu.Lock()
	var left []string
	for run, err := range r.failed {
		if trouble := (*journalError)(nil); errors.As(err, &trouble) {
			left = append(left, run)
		}
	}
	r.mu.Unlock()
	slices.Sort(left)
	for _, run := range left {
		switch h, err := r.TakeUp(ctx, run); {
		case err == nil:
			handles = append(handles, h)
		case errors.Is(err, journal.ErrDriven), errors.Is(err, journal.ErrNotFound): // it is no longer ours
			r.forgive(run)
		}
	}
	return handles
}

// moveIn gives a run from the journal its place. False: it is here already.
func (r *Runner) moveIn(ctx context.Context, line journal.Run) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active[line.ID] != nil || r.lotWith(line.ID) != nil || r.draining.Load() {
		return false
	}
	delete(r.failed, line.ID)
	t := r.lotOf(ctx)
	s := &stay{run: line.ID, due: dueAt(line.Standing.Wake), fresh: true}
	t.add(s, nil)
	if !r.config.Park || !line.Standing.Parked || line.Standing.Alert || len(r.letters[line.ID]) > 0 {
		t.wake(line.ID)
	}
	return true
}

// wake is the first act of a loop whose run was parked. Of a fresh one people have not heard here yet.
func (l *loop) wake(ctx context.Context, fresh bool) (*engine.Outcome, error) {
	past, err := l.read(ctx, l.id)
	if err != nil {
		return nil, err
	}
	if past.ended != nil {
		l.stopWatches()
		return past.ended, nil
	}
	l.unsettled = l.config.Clock.After(headStart, l.settled)
	return l.goOn(ctx, past, fresh)
}

// goOn is the first act of a loop whose run has a past.
func (l *loop) goOn(ctx context.Context, past history, fresh bool) (*engine.Outcome, error) {
	if l.draining.Load() {
		return nil, drained(l.id)
	}
	l.info, l.born, l.plan = past.info, past.line.Started, past.plan
	l.events, l.told = past.events, past.line.Standing
	for _, e := range past.requests {
		l.note(e)
	}
	if fresh {
		now := l.now()
		if now.After(l.asked) { // what came before it is heard now
			l.asked = now
		}
		l.observe(Update{Time: now, Start: &l.info, Resumed: true, Queued: l.plan.Queued()})
	}
	return l.follow(ctx, nil, l.pickUp(past))
}

// pickUp is what there is to do about commands that have no answer yet. What a watch still waits for is taken over.
func (l *loop) pickUp(past history) work {
	d := engine.Decision{End: past.end}
	inherited := map[engine.Address]*watch{}
	for _, w := range l.inherited {
		inherited[w.what.At] = w
	}
	for _, c := range l.plan.Outstanding() {
		sent, started := past.started[c.At]
		c = l.inTime(c, sent)
		switch w := inherited[c.At]; {
		case w != nil:
			l.takeOver(c, w)
		case c.Kind == engine.CommandDo && c.Delivery == engine.Once && started:
			l.answer(c.At, interrupted(c, sent, past.stopped[c.At]))
			continue
		default:
			d.Commands = append(d.Commands, c)
		}
		if past.stopped[c.At] {
			d.Commands = append(d.Commands, engine.Command{Kind: engine.CommandStop, At: c.At})
		}
	}
	l.inherited = nil
	return l.sort(d, past.started)
}

// inTime gives an attempt all its time from when it began, or, where it has not, from now: who planned it may have
// ended before that. The timeouts of what stands around it are timers of their own.
func (l *loop) inTime(c engine.Command, began time.Time) engine.Command {
	if c.Kind != engine.CommandDo || c.Limit == 0 {
		return c
	}
	if began.IsZero() {
		began = l.now()
	}
	c.Deadline = began.Add(c.Limit)
	return c
}
