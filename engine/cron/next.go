package cron

import (
	"math"
	"time"
)

// A Time is one of a schedule's times.
type Time struct {
	At   time.Time // in the schedule's zone
	Note string    // what the clock's being put forward or back has to do with it; mostly empty
}

// lastYear is the last one that RFC 3339 can write.
const lastYear = 9999

// Next is the spec's first time after a moment, by the clocks of a zone. False: there is none.
func (s *Spec) Next(after time.Time, zone *time.Location) (Time, bool) {
	if after.Year() > lastYear || after.Year() < 1 { // seconds since 1970 have an end, too
		return Time{}, false
	}
	var next Time
	var ok bool
	if s.every > 0 {
		next, ok = s.nextEvery(after), true
	} else {
		next, ok = s.nextOnWall(after, zone)
	}
	next.At = next.At.In(zone)
	if !ok || next.At.Year() > lastYear {
		return Time{}, false
	}
	return next, true
}

// nextEvery counts from 1970, so that the times do not depend on when somebody began to ask.
func (s *Spec) nextEvery(after time.Time) Time {
	step := int64(s.every / time.Second)
	n := after.Unix() / step
	if after.Unix()%step < 0 {
		n--
	}
	return Time{At: time.Unix((n+1)*step, 0)}
}

// A span is a time without a change of the clock.
type span struct {
	start, end int64 // seconds since 1970; the end is not part of it
	offset     int64 // how far the clock on the wall is before UTC
}

const (
	bigBang = math.MinInt64 / 4 // starts and ends that are none, far enough from overflow
	forever = math.MaxInt64 / 4
)

func spanAt(t int64, zone *time.Location) span {
	local := time.Unix(t, 0).In(zone)
	_, offset := local.Zone()
	s := span{start: bigBang, end: forever, offset: int64(offset)}
	start, end := local.ZoneBounds()
	if !start.IsZero() {
		s.start = start.Unix()
	}
	if !end.IsZero() {
		s.end = end.Unix()
	}
	if s.end <= t { // ZoneBounds takes all years for 365 days long, and is wrong on the last day of the others (Go 1.26, time.tzset)
		s.end = time.Date(local.UTC().Year()+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	}
	return s
}

func (s span) wall(t int64) wall { return wall(t + s.offset) }

// A walk goes from span to span.
type walk struct {
	zone *time.Location
	now  span
	from int64 // the first second in now that has not been asked for
	seen wall  // the clock has shown all before this already; a time that it shows again is before it
}

// overlap is more than clocks are ever put back by.
const overlap = 2 * day

// walkFrom begins at a second, and knows what the clock has shown before it.
func walkFrom(from int64, zone *time.Location) walk {
	w := walk{zone: zone, now: spanAt(from, zone), from: from, seen: bigBang}
	for past := w.now; past.start > from-overlap; {
		past = spanAt(past.start-1, zone)
		w.seen = max(w.seen, past.wall(past.end))
	}
	return w
}

// gap is what the clock leaves out at the beginning of the span, if that is still to come.
func (w *walk) gap() (from, to wall, ok bool) {
	to = w.now.wall(w.now.start)
	return w.seen, to, w.from == w.now.start && w.seen < to
}

// twice says whether the clock will show a time of this span again in the next one.
func (w *walk) twice(t wall) bool {
	end := w.now.end
	return end != forever && end-(int64(t)-w.now.offset) < overlap && t >= spanAt(end, w.zone).wall(end)
}

// advance goes on with the next span. False: there is none.
func (w *walk) advance() bool {
	if w.now.end == forever {
		return false
	}
	w.seen = max(w.seen, w.now.wall(w.now.end))
	w.from = w.now.end
	w.now = spanAt(w.from, w.zone)
	w.now.start = w.from
	return true
}

// nextOnWall is Next for specs that go by the clock on the wall.
func (s *Spec) nextOnWall(after time.Time, zone *time.Location) (Time, bool) {
	end := time.Date(lastYear+1, 1, 2, 0, 0, 0, 0, time.UTC).Unix()
	for w := walkFrom(after.Unix()+1, zone); w.from < end; {
		find := s.nextFixed
		if s.hourly() {
			find = s.nextHourly
		}
		if t, ok := find(&w, wall(end)); ok {
			return t, true
		}
		if !w.advance() {
			break
		}
	}
	return Time{}, false
}

// nextFixed is the first time in a span of a spec that names its hours.
func (s *Spec) nextFixed(w *walk, end wall) (Time, bool) {
	if from, to, ok := w.gap(); ok {
		if first, ok := s.nextWall(from, to); ok {
			return Time{At: time.Unix(w.now.start, 0), Note: s.moved(first, from, to)}, true
		}
	}
	t, ok := s.nextWall(max(w.now.wall(w.from), w.seen), min(w.now.wall(w.now.end), end))
	if !ok {
		return Time{}, false
	}
	next := Time{At: time.Unix(int64(t)-w.now.offset, 0)}
	if w.twice(t) {
		next.Note = once(t)
	}
	return next, true
}

// nextHourly is the first time in a span of a spec of every hour.
func (s *Spec) nextHourly(w *walk, end wall) (Time, bool) {
	t, ok := s.nextWall(w.now.wall(w.from), min(w.now.wall(w.now.end), end))
	if !ok {
		return Time{}, false
	}
	next := Time{At: time.Unix(int64(t)-w.now.offset, 0)}
	from, to, gap := w.gap()
	switch {
	case t < w.seen:
		next.Note = again(t)
	case w.twice(t):
		next.Note = both(t)
	case gap:
		if first, ok := s.nextWall(from, to); ok {
			next.Note = s.leftOut(first, from, to)
		}
	}
	return next, true
}
