package runner

import (
	"context"
	"fmt"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/clock"
)

// enter makes a loop that of its run, and hands it the requests that have come before. The error is what taken says of
// the run if it is here already.
func (r *Runner) enter(l *loop, taken func(run string) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.draining.Load():
		return fmt.Errorf("run %s: %w", l.id, ErrDraining)
	case r.active[l.id] != nil || r.lotWith(l.id) != nil:
		return taken(l.id)
	}
	r.seat(l)
	return nil
}

// seat puts a loop where its run is looked for. mu is held.
func (r *Runner) seat(l *loop) {
	if done := r.waiters[l.id]; done != nil {
		l.done = done
		delete(r.waiters, l.id)
	}
	for _, e := range r.letters[l.id] {
		l.inbox.put(l.request(e))
	}
	delete(r.letters, l.id)
	delete(r.failed, l.id)
	r.active[l.id] = l
}

// drop takes out a run that is not driven here, or no longer, and tells those who wait for it.
func (r *Runner) drop(l *loop, end ending) {
	r.mu.Lock()
	delete(r.active, l.id)
	r.lookEmpty()
	r.mu.Unlock()
	l.done.Resolve(end)
}

// blame remembers why a run is left without an end, for those who will ask, if its context does not say so.
func (r *Runner) blame(l *loop, err error) {
	if err == nil || l.under.Err() != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed[l.id] = err
}

// forgive forgets why a run was left: somebody has ended it since.
func (r *Runner) forgive(run string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.failed, run)
}

// lotWith is where a run is parked, or nil. mu is held.
func (r *Runner) lotWith(run string) *lot {
	for _, t := range r.lots {
		if t.parked[run] != nil {
			return t
		}
	}
	return nil
}

// lotOf is where the runs of a context are parked. mu is held.
func (r *Runner) lotOf(ctx context.Context) *lot {
	for _, t := range r.lots {
		if t.under == ctx {
			return t
		}
	}
	t := newLot(r, ctx)
	r.lots = append(r.lots, t)
	r.config.Clock.Go(ctx, "parked runs", t.run)
	return t
}

// ahead is what those wait for who wait for the end of a run that is here, or nil.
func (r *Runner) ahead(run string) *clock.Promise[ending] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.active[run]; l != nil {
		return l.done
	}
	if r.lotWith(run) == nil {
		return nil
	}
	done := r.waiters[run]
	if done == nil {
		done = clock.NewPromise[ending](r.config.Clock)
		r.waiters[run] = done
	}
	return done
}

// behind is how a run ended that is not here.
func (r *Runner) behind(ctx context.Context, h *Handle) ending {
	events, err := r.config.Journal.Events(ctx, h.id, 0)
	if err != nil {
		return ending{err: unreadable(h.id, err)}
	}
	if n := len(events); n > 0 && events[n-1].Kind == engine.RunEnded {
		return ending{outcome: *events[n-1].End}
	}
	r.mu.Lock()
	err = r.failed[h.id]
	r.mu.Unlock()
	switch {
	case err != nil:
		return ending{err: err}
	case h.under.Err() != nil:
		return ending{err: stopped(h.under, h.id)}
	case r.draining.Load():
		return ending{err: drained(h.id)}
	}
	return ending{err: fmt.Errorf("run %s: nobody drives it here any more", h.id)}
}
