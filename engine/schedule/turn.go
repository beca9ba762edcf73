package schedule

import (
	"fmt"
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

// turn says what comes next when all times up to done have been dealt with. What was due longer than grace ago has been
// missed.
func (s *Schedule) turn(done, now time.Time, grace time.Duration) turn {
	horizon := now.Add(-grace)
	missed, ok := s.lastDue(done, horizon)
	if !ok {
		next, _ := s.Next(done)
		return turn{Time: next}
	}
	if s.Source.Missed == engine.MissedAll {
		return s.makeUp(done, missed, horizon, MaxMissed, fmt.Sprintf("missed: all makes up for the latest %d", MaxMissed))
	}
	last, _ := s.lastDue(done, now.Add(1)) // one that is only late stands for those missed
	switch {
	case s.Source.Missed != engine.MissedSkip:
		return s.makeUp(done, last, horizon, 1, "missed: latest")
	case last.After(missed):
		return s.makeUp(done, last, horizon, 1, "missed: skip")
	}
	next, _ := s.Next(missed)
	return turn{Time: next, left: s.leftOut(done, missed, "missed: skip")}
}

// makeUp begins with the first of the latest times after done and up to last, so many as keep says, and leaves out those
// before them.
func (s *Schedule) makeUp(done, last, horizon time.Time, keep int, why string) turn {
	kept, more := s.spec.Last(done, last, s.zone, keep)
	due := s.due(kept[0].At)
	t := turn{Time: Time{Nominal: kept[0].At, Due: due, Note: kept[0].Note}, missed: due.Before(horizon)}
	if more {
		t.left = s.leftOut(done, t.Nominal.Add(-1), why)
	}
	return t
}

// lastDue is the last time after done that was due before the horizon. False: none was.
func (s *Schedule) lastDue(done, horizon time.Time) (last time.Time, ok bool) {
	first, any := s.spec.Next(done, s.zone)
	if !any || !first.At.Before(horizon) {
		return last, false
	}
	sure := horizon.Add(-s.Source.Jitter - 1) // all until then were due before the horizon
	if times, _ := s.spec.Last(done, sure, s.zone, 1); len(times) > 0 {
		last, ok = times[0].At, true
		done = sure
	}
	next, any := s.Next(done)
	for due := next.Due; any && due.Before(horizon); {
		last, ok = next.Nominal, true
		t, found := s.spec.Next(last, s.zone)
		next.Nominal, any = t.At, found
		due = latest(due, t.At.Add(s.jitter(t.At)))
	}
	return last, ok
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
