package cron

import (
	"slices"
	"time"
)

// Last are the spec's latest n times after a moment and up to another one, the earliest first. more: there are
// others before them. It takes no longer for a year than for what it gives.
func (s *Spec) Last(after, until time.Time, zone *time.Location, n int) (times []Time, more bool) {
	for back := time.Hour; ; back *= 4 {
		from := until.Add(-back)
		all := back > 100*365*day*time.Second || !from.After(after)
		if all {
			from = after
		}
		times = s.between(from, until, zone, n+1)
		switch {
		case len(times) > n:
			return slices.Clone(times[1:]), true
		case all:
			return times, false
		}
	}
}

// between are the latest n times after a moment and up to another one.
func (s *Spec) between(after, until time.Time, zone *time.Location, n int) []Time {
	var times []Time
	for t, ok := s.Next(after, zone); ok && !t.At.After(until); t, ok = s.Next(t.At, zone) {
		if times = append(times, t); len(times) >= 2*n {
			times = append(times[:0], times[len(times)-n:]...)
		}
	}
	return times[max(0, len(times)-n):]
}
