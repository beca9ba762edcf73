package schedule

import (
	"context"
	"errors"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
)

// A fill is a backfill under way. How far it is is not kept: what has been begun is known by its marks.
type fill struct {
	journal.Backfill
	after    time.Time // all its times up to this one are dealt with
	failures int       // in a row
	alarm    alarm
	busy     bool // a call is under way
	gone     bool // it has ended, or somebody has ended it
}

// fillIn takes over which backfills a schedule has.
func (b *Book) fillIn(e *entry, asked []journal.Backfill) {
	had := e.fills
	e.fills = nil
	for _, a := range asked {
		f := &fill{Backfill: a, after: a.From.Add(-1)}
		for _, old := range had {
			if old.ID == a.ID {
				f = old
			}
		}
		if f.gone {
			continue
		}
		f.alarm.ring = func() { b.fill(e) }
		e.fills = append(e.fills, f)
	}
	for _, old := range had {
		if len(e.fills) == 0 || old != e.fills[0] {
			b.alarms.unset(&old.alarm)
		}
	}
	b.fill(e)
}

// fill begins the next run of a schedule's first backfill. A schedule that is paused begins none.
func (b *Book) fill(e *entry) {
	if len(e.fills) == 0 || e.paused || e.gone {
		return
	}
	f := e.fills[0]
	if f.busy || f.alarm.place > 0 {
		return
	}
	f.busy = true
	t, ok := e.Next(f.after)
	if !ok || t.Nominal.After(f.To) || t.Nominal.After(b.now) {
		b.endFill(e, f)
		return
	}
	s := e.Schedule
	b.call("backfill "+s.ID, func(ctx context.Context) func() {
		err := b.config.Starter.Fire(ctx, s, t.Nominal, true)
		began := b.config.Clock.Now()
		return func() { b.filled(e, f, t, began, err) }
	})
}

// filled takes the Starter's answer for a backfill's time.
func (b *Book) filled(e *entry, f *fill, t Time, began time.Time, err error) {
	f.busy = false
	if err != nil && b.closing {
		return
	}
	switch {
	case isFull(err): // its runs before go on; nobody tells when they have ended
		f.failures++
		b.alarms.set(&f.alarm, b.now.Add(backoff(f.failures, 250*time.Millisecond, 5*time.Second)))
	case err == nil, isTaken(err):
		f.failures, f.after = 0, t.Nominal
		b.config.Observe(Fired{Schedule: e.ID, Nominal: t.Nominal, Due: t.Nominal, Began: began, Backfill: true, Err: err})
	default:
		f.failures++
		wait := backoff(f.failures, time.Second, time.Minute)
		b.alarms.set(&f.alarm, b.now.Add(wait))
		b.config.Observe(Fired{Schedule: e.ID, Nominal: t.Nominal, Due: t.Nominal, Began: began, Backfill: true, Err: err})
		b.config.Log.Error("a backfill's run could not be begun, and will be tried again", "schedule", e.ID, "time", t.Nominal, "in", wait, "error", err)
	}
	b.fill(e)
}

// endFill has the store forget a backfill that is done.
func (b *Book) endFill(e *entry, f *fill) {
	b.call("backfill "+e.ID, func(ctx context.Context) func() {
		err := b.config.Store.EndBackfill(ctx, f.ID)
		return func() { b.endedFill(e, f, err) }
	})
}

func (b *Book) endedFill(e *entry, f *fill, err error) {
	f.busy = false
	if err != nil && !errors.Is(err, journal.ErrNotFound) && !b.closing { // not found: another server was as fast
		f.failures++
		b.alarms.set(&f.alarm, b.now.Add(backoff(f.failures, time.Second, time.Minute)))
		return
	}
	f.gone = true
	if len(e.fills) > 0 && e.fills[0] == f {
		e.fills = e.fills[1:]
	}
	b.fill(e)
}
