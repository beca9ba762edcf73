package schedule

import (
	"time"

	"github.com/twinbook/twinbook/engine"
)

// MaxMissed is how many missed times `missed: all` makes up for; older ones are left out.
const MaxMissed = 100

// A turn is what a schedule has to do next.
type turn struct {
	Time           // Nominal is zero: there is nothing to do, ever
	missed bool    // it is made up for
	left   leftOut // before it
}

// leftOut are times that no run is begun for. The zero value is none.
type leftOut struct {
	first, last time.Time // their nominal times
	why         string
}

// turn says what comes next when all times up to done have been dealt with. What was due before the horizon has been
// missed.
func (s *Schedule) turn(done, horizon time.Time) turn {
	missed, ok := s.missedUntil(done, horizon)
	if !ok {
		next, _ := s.Next(done)
		return turn{Time: next}
	}
	keep, why := 0, "missed: skip"
	switch s.Source.Missed {
	case engine.MissedLatest, "":
		keep, why = 1, "missed: latest"
	case engine.MissedAll:
		keep, why = MaxMissed, "missed: all makes up for the latest 100"
	}
	if keep == 0 {
		next, _ := s.Next(missed)
		return turn{Time: next, left: s.leftOut(done, missed, why)}
	}
	kept, more := s.spec.Last(done, missed, s.zone, keep)
	t := turn{Time: Time{Nominal: kept[0].At, Due: s.due(kept[0].At), Note: kept[0].Note}, missed: true}
	if more {
		t.left = s.leftOut(done, t.Nominal.Add(-1), why)
	}
	return t
}

// missedUntil is the last time after done that was due before the horizon. False: none was.
func (s *Schedule) missedUntil(done, horizon time.Time) (missed time.Time, ok bool) {
	first, any := s.spec.Next(done, s.zone)
	if !any || !first.At.Before(horizon) {
		return missed, false
	}
	sure := horizon.Add(-s.Source.Jitter - 1) // all until then were due before the horizon
	if times, _ := s.spec.Last(done, sure, s.zone, 1); len(times) > 0 {
		missed, ok = times[0].At, true
		done = sure
	}
	next, any := s.Next(done)
	for due := next.Due; any && due.Before(horizon); {
		missed, ok = next.Nominal, true
		t, found := s.spec.Next(missed, s.zone)
		next.Nominal, any = t.At, found
		due = latest(due, t.At.Add(s.jitter(t.At)))
	}
	return missed, ok
}

// leftOut are the times after done and up to last.
func (s *Schedule) leftOut(done, last time.Time, why string) leftOut {
	l := leftOut{why: why}
	if first, ok := s.spec.Next(done, s.zone); ok {
		l.first = first.At
	}
	if times, _ := s.spec.Last(done, last, s.zone, 1); len(times) > 0 {
		l.last = times[0].At
	}
	return l
}
