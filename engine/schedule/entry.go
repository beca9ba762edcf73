package schedule

import (
	"context"
	"errors"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
)

// An entry is a schedule in the Book, and how far it is.
type entry struct {
	Schedule
	done   time.Time // all times up to this one are dealt with
	paused bool
	gone   bool // from the list, while something was under way

	alarm    alarm
	firing   bool      // the Starter has been asked
	owed     *turn     // a time that has come and could not be begun yet
	failures int       // to begin it, in a row
	again    time.Time // when to try it again

	fills []*fill // backfills, in the order of asking
}

// attend does what a schedule has to do, or sets its alarm for it.
func (b *Book) attend(e *entry) {
	b.alarms.unset(&e.alarm)
	if e.firing || e.paused || e.gone {
		return
	}
	if e.owed != nil {
		if e.again.After(b.now) {
			b.alarms.set(&e.alarm, e.again)
			return
		}
		b.fire(e, *e.owed)
		return
	}
	t := e.turn(e.done, b.now, b.config.Grace)
	if !t.left.last.IsZero() {
		b.leaveOut(e, t.left)
	}
	switch {
	case t.Nominal.IsZero():
	case t.missed || !t.Due.After(b.now):
		b.fire(e, t)
	default:
		b.alarms.set(&e.alarm, t.Due)
	}
}

// leaveOut notes that no runs are begun for missed times.
func (b *Book) leaveOut(e *entry, l leftOut) {
	id := e.ID
	b.config.Log.Warn("missed times of a schedule are left out", "schedule", id, "first", l.first, "last", l.last, "because", l.why)
	e.done = l.last
	b.call("schedule "+id, func(ctx context.Context) func() { return b.deal(ctx, id, l.last) })
}

// deal has the store know that all times up to one are dealt with. Where that fails they are missed times after a
// restart, and no worse.
func (b *Book) deal(ctx context.Context, id string, until time.Time) (then func()) {
	err := b.config.Store.Dealt(ctx, id, until.UTC())
	return func() {
		if err != nil && !b.closing {
			b.config.Log.Warn("the journal could not keep how far a schedule is", "schedule", id, "error", err)
		}
	}
}

// fire asks the Starter for a run.
func (b *Book) fire(e *entry, t turn) {
	e.firing = true
	s := e.Schedule
	b.call("schedule "+s.ID, func(ctx context.Context) func() {
		err := b.config.Starter.Fire(ctx, s, t.Nominal, false)
		began := b.config.Clock.Now()
		dealt := func() {}
		if isFull(err) {
			dealt = b.deal(ctx, s.ID, t.Nominal)
		}
		return func() {
			dealt()
			b.fired(e, t, began, err)
		}
	})
}

// fired takes the Starter's answer.
func (b *Book) fired(e *entry, t turn, began time.Time, err error) {
	e.firing = false
	if err != nil && b.closing {
		return
	}
	b.config.Observe(Fired{Schedule: e.ID, Nominal: t.Nominal, Due: t.Due, Began: began, Missed: t.missed, Err: err})
	switch {
	case err == nil, isTaken(err), isFull(err):
		e.owed, e.failures = nil, 0
		e.done = latest(e.done, t.Nominal)
		if isFull(err) {
			b.config.Log.Info("a schedule's time is left out", "schedule", e.ID, "time", t.Nominal, "because", err)
		}
	default:
		e.owed = &t
		e.failures++
		wait := backoff(e.failures, time.Second, time.Minute)
		e.again = b.now.Add(wait)
		b.config.Log.Error("a schedule's run could not be begun, and will be tried again", "schedule", e.ID, "time", t.Nominal, "in", wait, "error", err)
	}
	b.attend(e)
}

func isTaken(err error) bool {
	var taken *journal.TakenError
	return errors.As(err, &taken)
}

func isFull(err error) bool {
	var full *journal.FullError
	return errors.As(err, &full)
}
