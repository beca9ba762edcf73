package runner

import (
	"time"

	"github.com/twinbook/twinbook/engine"
)

// A timer of the planner that has not fired. Due is absolute, so a rebuilt run waits for what is left.
type timer struct {
	at   engine.Address
	due  time.Time
	stop func() bool
}

// now is the present time as events have it.
func (l *loop) now() time.Time { return eventTime(l.config.Clock.Now()) }

// addTimer writes a timer down.
func (l *loop) addTimer(c engine.Command) {
	t := &timer{at: c.At, due: c.Due, stop: func() bool { return true }}
	l.timers[c.At] = t
	l.unset = append(l.unset, t)
}

// setTimers sets the timers that were written down: those of a run that is parked at once need not be set.
func (l *loop) setTimers() {
	for _, t := range l.unset {
		if l.timers[t.at] == t {
			l.setTimer(t)
		}
	}
	l.unset = nil
}

func (l *loop) setTimer(t *timer) {
	t.stop = l.config.Clock.After(t.due.Sub(l.config.Clock.Now()), func() {
		fired := engine.Event{Time: l.firedAt(t.due), Kind: engine.TimerFired, At: t.at}
		l.inbox.put(func() (engine.Event, bool) { return fired, l.forget(t) })
	})
}

// firedAt is now, but not before the time was due even if the machine's clock was set back.
func (l *loop) firedAt(due time.Time) time.Time {
	if now := l.now(); !now.Before(due) {
		return now
	}
	return eventTime(due)
}

// forget takes out a timer that has fired, and says false if it was stopped meanwhile.
func (l *loop) forget(t *timer) bool {
	if l.timers[t.at] != t {
		return false
	}
	delete(l.timers, t.at)
	return true
}

func (l *loop) stopTimer(at engine.Address) {
	if t := l.timers[at]; t != nil {
		t.stop()
		delete(l.timers, at)
	}
}

// stopTimers stops all that would call the loop.
func (l *loop) stopTimers() {
	for at := range l.timers {
		l.stopTimer(at)
	}
	for _, j := range l.jobs {
		j.overdue()
	}
	l.disturb()
}
