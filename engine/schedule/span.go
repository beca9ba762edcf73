package schedule

import (
	"fmt"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// MaxBackfill is how many times a backfill may have.
const MaxBackfill = 10_000

// Known is a schedule as the journal knows it: its times, without jitter and policies.
func (r *Reader) Known(state journal.ScheduleState) (Schedule, error) {
	end := strings.LastIndexByte(state.Spec, ' ')
	workflow, id, ok := strings.Cut(state.ID, "/")
	if end < 0 || !ok {
		return Schedule{}, fmt.Errorf("schedule %q has the times %q, which this version cannot read", state.ID, state.Spec)
	}
	return r.Read(workflow, &engine.Schedule{ID: id, Cron: state.Spec[:end], Zone: state.Spec[end+1:]})
}

// Backfill reads the time FROM..TO of a backfill, both included, which are days or times by the schedule's clocks unless
// they name a zone. The error says what is wrong with it as one; times are those that it means, in order.
func (s *Schedule) Backfill(span string, now time.Time) (b journal.Backfill, times []Time, err error) {
	from, to, ok := strings.Cut(span, "..")
	if !ok {
		return b, nil, fmt.Errorf("%q is no time from..to; write it like 2026-03-01..2026-03-05 or 2026-03-01T02:00..2026-03-01T06:00", span)
	}
	if b.From, _, err = s.moment(from); err != nil {
		return b, nil, err
	}
	last, day, err := s.moment(to)
	if err != nil {
		return b, nil, err
	}
	if b.To = last; day {
		year, month, date := last.Date()
		b.To = s.midnight(year, month, date+1).Add(-1)
		if !last.After(now) && b.To.After(now) { // it is today
			b.To = now
		}
	}
	if err := s.checkSpan(b, now); err != nil {
		return b, nil, err
	}
	times, err = s.timesIn(b)
	return b, times, err
}

// moment is a day or a time.
func (s *Schedule) moment(text string) (at time.Time, day bool, err error) {
	text = strings.TrimSpace(text)
	if at, err = time.Parse(time.DateOnly, text); err == nil {
		return s.midnight(at.Date()), true, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if at, err = time.ParseInLocation(layout, text, s.zone); err == nil {
			return at, false, nil
		}
	}
	return at, false, fmt.Errorf("%q is neither a day nor a time; write it like 2026-03-01 or 2026-03-01T02:00, by the clocks of %s, or like 2026-03-01T02:00:00Z", text, s.zone)
}

// midnight is when a day begins, which is later where the clock is put forward then.
func (s *Schedule) midnight(year int, month time.Month, date int) time.Time {
	at := time.Date(year, month, date, 0, 0, 0, 0, s.zone)
	if _, end := at.ZoneBounds(); at.Hour() > 12 { // it is still the day before
		at = end
	}
	return at
}

func (s *Schedule) checkSpan(b journal.Backfill, now time.Time) error {
	switch {
	case b.To.Before(b.From):
		return fmt.Errorf("a backfill goes forward, and %s is before %s", s.show(b.To), s.show(b.From))
	case b.To.After(now):
		return fmt.Errorf("a backfill is for times that have passed, and %s is still to come: the schedule begins its runs then", s.show(b.To))
	case b.From.Before(now.Add(-MaxAge)):
		return fmt.Errorf("a backfill reaches back for a year at most, and %s is longer ago: which times have been begun is not known for longer", s.show(b.From))
	}
	return nil
}

func (s *Schedule) show(t time.Time) string { return t.In(s.zone).Format("2006-01-02 15:04") }

// timesIn are the schedule's times in a backfill.
func (s *Schedule) timesIn(b journal.Backfill) ([]Time, error) {
	var times []Time
	for t, ok := s.spec.Next(b.From.Add(-1), s.zone); ok && !t.At.After(b.To); t, ok = s.spec.Next(t.At, s.zone) {
		if len(times) == MaxBackfill {
			return nil, fmt.Errorf("schedule %s has more than %d times from %s to %s; make several backfills of it, each when the one before is done",
				s.ID, MaxBackfill, s.show(b.From), s.show(b.To))
		}
		times = append(times, Time{Nominal: t.At, Due: t.At, Note: t.Note})
	}
	if len(times) == 0 {
		return nil, fmt.Errorf("schedule %s has no times from %s to %s", s.ID, s.show(b.From), s.show(b.To))
	}
	return times, nil
}
