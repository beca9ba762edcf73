package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twinbook/twinbook/engine/journal"
)

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
