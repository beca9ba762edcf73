package clock

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// shownParties is how many waiting parties a report names.
const shownParties = 20

// stuck says who waits for what, when nobody can become ready.
func (l *Loop) stuck() error {
	return fmt.Errorf("clock: at %s everybody waits for somebody else, and no timer is set:%s", l.stamp(), l.whoWaits())
}

// leaked says who has not left after the first party returned.
func (l *Loop) leaked() error {
	return fmt.Errorf("clock: at %s the first party has returned and its context has ended, but these have not left:%s",
		l.stamp(), l.whoWaits())
}

func (l *Loop) stamp() string { return l.Now().Format("2006-01-02T15:04:05.999Z") }

// whoWaits is a line for each party, oldest first.
func (l *Loop) whoWaits() string {
	var lines strings.Builder
	shown := 0
	for e := l.parties.Front(); e != nil && shown < shownParties; e = e.Next() {
		lines.WriteString("\n  " + l.describe(e.Value.(*party)))
		shown++
	}
	if more := l.parties.Len() - shown; more > 0 {
		fmt.Fprintf(&lines, "\n  and %d more", more)
	}
	return lines.String()
}

// describe asks a party where it is: it looks at its own stack and waits on.
func (l *Loop) describe(p *party) string {
	if p.next == nil {
		return p.name + " has not begun"
	}
	p.asked = true
	p.next()
	return fmt.Sprintf("%s waits in %s at %s", p.name, p.waits, p.where)
}

// callerOutside is the place that called into this package, as folder/file.go:line.
func callerOutside() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	here, more := frames.Next()
	frame := here
	for more && filepath.Dir(frame.File) == filepath.Dir(here.File) && !strings.HasSuffix(frame.File, "_test.go") {
		frame, more = frames.Next()
	}
	return fmt.Sprintf("%s/%s:%d", filepath.Base(filepath.Dir(frame.File)), filepath.Base(frame.File), frame.Line)
}
