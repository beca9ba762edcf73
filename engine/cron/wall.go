package cron

import (
	"math/bits"
	"time"
)

const (
	minute = 60 // seconds
	hour   = 60 * minute
	day    = 24 * hour
)

// A wall is a time as a clock on the wall shows it, in seconds, as if it were UTC since 1970.
type wall int64

func (w wall) time() time.Time { return time.Unix(int64(w), 0).UTC() }

// nextWall is the first of the spec's times from w on that is before end.
func (s *Spec) nextWall(w, end wall) (wall, bool) {
	if rest := w % minute; rest > 0 {
		w += minute - rest
	} else {
		w -= rest
	}
	for w < end {
		year, month, date := w.time().Date()
		midnight := wall(time.Date(year, month, date, 0, 0, 0, 0, time.UTC).Unix())
		switch {
		case s.month&(1<<month) == 0:
			w = wall(time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).Unix())
			continue
		case s.onDay(midnight, date):
			if since, ok := s.nextInDay(int(w-midnight) / minute); ok {
				w = midnight + wall(since*minute)
				return w, w < end
			}
		}
		w = midnight + day
	}
	return 0, false
}

// onDay says whether the spec has times on a day of one of its months.
func (s *Spec) onDay(midnight wall, date int) bool {
	const thursday = 4 // 1 January 1970
	days := int64(midnight / day)
	weekday := ((days+thursday)%7 + 7) % 7
	byMonth := s.dayOfMonth&(1<<date) != 0
	byWeek := s.dayOfWeek&(1<<weekday) != 0
	if s.eitherDay {
		return byMonth || byWeek
	}
	return byMonth && byWeek
}

// nextInDay is the first of the spec's minutes of a day from the given one on.
func (s *Spec) nextInDay(from int) (int, bool) {
	h, m := from/60, from%60
	if s.hour&(1<<h) != 0 {
		if later := s.minute >> m << m; later != 0 {
			return h*60 + bits.TrailingZeros64(later), true
		}
	}
	later := s.hour >> (h + 1) << (h + 1)
	if later == 0 {
		return 0, false
	}
	return bits.TrailingZeros64(later)*60 + bits.TrailingZeros64(s.minute), true
}

// never says whether none of the spec's months has one of its days.
func (s *Spec) never() bool {
	if s.eitherDay {
		return false
	}
	longest := [13]int{1: 31, 2: 29, 3: 31, 4: 30, 5: 31, 6: 30, 7: 31, 8: 31, 9: 30, 10: 31, 11: 30, 12: 31}
	for month := 1; month <= 12; month++ {
		if s.month&(1<<month) != 0 && bits.TrailingZeros64(s.dayOfMonth) <= longest[month] {
			return false
		}
	}
	return true
}

// hourly says whether the spec is for every hour, and so follows the time that passes.
func (s *Spec) hourly() bool { return s.hour == 1<<24-1 }
