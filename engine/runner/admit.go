package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// An Admission is what a run needs beside its program to begin. All of it is kept in the commit that begins the run.
type Admission struct {
	Marks []journal.Mark // that no run is begun twice for the same
	Fire  *journal.Fire  // of a run that a schedule begins
	Slots []engine.Slot  // it takes them before that of its program's `concurrency`
}

// StartAs is Start of a run that has to be admitted. Where another run holds a slot that it needs, it is there all the same,
// but queued: it begins when its turn has come, also in another process, and can be cancelled and paused before. A
// *journal.TakenError: one of the marks is set. A *journal.FullError: a slot is taken, and the run is not to wait for it.
// Then nothing was done.
func (r *Runner) StartAs(ctx context.Context, p *engine.Program, start engine.RunStart, a Admission) (*Handle, error) {
	began := eventTime(r.config.Clock.Now())
	start, err := complete(p, start, began)
	if err != nil {
		return nil, err
	}
	return r.start(ctx, p, a, engine.Event{Seq: 1, Time: began, Kind: engine.RunStarted, Start: &start})
}

// start begins a run with its first events, which are numbered: RunStarted and what is Kept. What follows from them at
// once is kept in the same commit, unless the run is queued.
func (r *Runner) start(ctx context.Context, p *engine.Program, a Admission, events ...engine.Event) (*Handle, error) {
	slots, err := slotsOf(p, a, events[0])
	if err != nil {
		return nil, err
	}
	l := newLoop(r, ctx, events[0].Start.ID)
	l.info, l.born, l.plan = *events[0].Start, events[0].Time, engine.NewRun(p)
	if err := r.enter(l, exists); err != nil {
		return nil, err
	}
	w := l.sort(l.plan.Next(events...), nil)
	b := journal.Beginning{
		Events: l.batch(events, w), Sources: sources(p), Standing: l.standingOf(w),
		Marks: a.Marks, Fire: a.Fire, Slots: slots,
	}
	queued, err := r.config.Journal.Begin(ctx, b)
	if err != nil {
		err = notBegun(err)
		r.drop(l, ending{err: err})
		return nil, err
	}
	if queued {
		w = l.queue(p, b.Events[:len(events)])
	} else {
		l.kept(b.Events, b.Standing, true)
	}
	r.remember(p, b)
	h := r.launch(l, func(ctx context.Context) (*engine.Outcome, error) {
		l.observe(Update{Time: events[0].Time, Start: &l.info, Queued: queued})
		return l.carryOut(ctx, w), nil
	})
	h.queued, h.begun = queued, &events[0]
	return h, nil
}

func exists(run string) error { return fmt.Errorf("run %s: %w", run, journal.ErrExists) }

// slotsOf are the slots that a run takes, in order.
func slotsOf(p *engine.Program, a Admission, started engine.Event) ([]engine.Slot, error) {
	own, err := p.Slot(*started.Start, started.Time)
	if err != nil || own == nil {
		return a.Slots, err
	}
	return append(a.Slots[:len(a.Slots):len(a.Slots)], *own), nil
}

// notBegun says why there is no run: as the journal does where it has answered, and not failed.
func notBegun(err error) error {
	var retried *journal.RetriedError
	var taken *journal.TakenError
	var full *journal.FullError
	if errors.As(err, &retried) || errors.As(err, &taken) || errors.As(err, &full) {
		return err
	}
	return fmt.Errorf("the run could not be written to the journal, so nothing was done: %w", err)
}

// queue takes back what was planned for a run that turned out to have to wait. Its first events are in the journal.
func (l *loop) queue(p *engine.Program, events []engine.Event) work {
	l.info, l.plan = *events[0].Start, engine.NewRun(p)
	l.timers, l.unset = map[engine.Address]*timer{}, nil
	l.kept(events, journal.Standing{Queued: true, Parked: true}, true)
	return l.sort(l.plan.Next(events...), nil)
}
