package cron

import "fmt"

// moved is about times in a gap, of which first is the first: they run at its end.
func (s *Spec) moved(first, from, to wall) string {
	text, several := s.fromTo(first, to)
	verb := "runs"
	if several {
		verb = "run"
	}
	return fmt.Sprintf("%s: %s %s at %s", jump(from, to), text, verb, show(to, first))
}

// leftOut is about times in a gap that nobody makes up for.
func (s *Spec) leftOut(first, from, to wall) string {
	text, _ := s.fromTo(first, to)
	return fmt.Sprintf("%s: there is no %s", jump(from, to), text)
}

// once, both and again are about a time that comes twice.
func once(t wall) string  { return fmt.Sprintf("%s comes twice: runs the first time only", show(t, t)) }
func both(t wall) string  { return fmt.Sprintf("%s comes twice: runs both times", show(t, t)) }
func again(t wall) string { return fmt.Sprintf("%s for the second time", show(t, t)) }

func jump(from, to wall) string {
	return fmt.Sprintf("the clock goes from %s to %s", show(from, to), show(to, from))
}

// fromTo are the spec's times from first until end.
func (s *Spec) fromTo(first, end wall) (text string, several bool) {
	last := first
	for next, ok := s.nextWall(first+1, end); ok; next, ok = s.nextWall(next+1, end) {
		last = next
	}
	if last == first {
		return show(first, end), false
	}
	return show(first, end) + " to " + show(last, end), true
}

// show is a time of day, with the day where that is not the other's.
func show(t, other wall) string {
	a, b := t.time(), other.time()
	if a.YearDay() != b.YearDay() || a.Year() != b.Year() {
		return a.Format("2 January 15:04")
	}
	return a.Format("15:04")
}
