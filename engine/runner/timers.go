package runner

import (
	"time"

	"github.com/twinbook/twinbook/engine"
)

// A timer of the planner that has not fired.
type timer struct{ stop func() bool }

// now is the present time as events have it.
func (l *loop) now() time.Time { return eventTime(l.config.Clock.Now()) }

// startTimer sets a timer. Due is absolute, so a resumed run waits for what is left.
func (l *loop) startTimer(c engine.Command) {
	t := &timer{}
	t.stop = l.config.Clock.After(c.Due.Sub(l.config.Clock.Now()), func() {
		fired := engine.Event{Time: l.firedAt(c.Due), Kind: engine.TimerFired, At: c.At}
		l.inbox.Put(func() (engine.Event, bool) { return fired, l.forget(c.At, t) })
	})
	l.timers[c.At] = t
}

// firedAt is now, but not before the time was due even if the machine's clock was set back.
func (l *loop) firedAt(due time.Time) time.Time {
	if now := l.now(); !now.Before(due) {
		return now
	}
	return eventTime(due)
}

// forget takes out a timer that has fired, and says false if it was stopped meanwhile.
func (l *loop) forget(at engine.Address, t *timer) bool {
	if l.timers[at] != t {
		return false
	}
	delete(l.timers, at)
	return true
}

func (l *loop) stopTimer(at engine.Address) {
	if t := l.timers[at]; t != nil {
		t.stop()
		delete(l.timers, at)
	}
}

func (l *loop) stopTimers() {
	for at := range l.timers {
		l.stopTimer(at)
	}
}
