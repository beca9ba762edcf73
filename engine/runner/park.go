package runner

import (
	"context"
	"time"
	"unique"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

const (
	// worthIt is how long, for each event in its journal, a run must be out of memory for its parking to be worth it. A
	// replay takes some 30 µs an event: a run that is rebuilt again and again takes a 600th of a processor for that.
	worthIt = 20 * time.Millisecond

	// shortStory is how many events a run may have to be parked as soon as it waits. A longer one has to be quiet
	// first for as long as it is worth it, since it may wait for many things that come one after another.
	shortStory = 50

	// soon is how near its time a run stays in memory, however short its journal is: for what a rebuild costs
	// beside the replay.
	soon = time.Second
)

// rest parks the run if it only waits. errParked: it has left memory.
func (l *loop) rest(ctx context.Context) error {
	if !l.waits(work{}) || !l.inbox.empty() {
		return nil
	}
	if l.events > shortStory && !l.rested {
		l.restLater()
		return nil
	}
	s := l.parkedAs(work{})
	if !s.Parked {
		return nil
	}
	if l.loose || !sameStanding(s, l.told) {
		if err := l.append(ctx, nil, s); err != nil {
			return err
		}
	}
	if l.park(s) {
		return errParked
	}
	return nil
}

// waits says whether after w nothing happens in this process unless a time comes or somebody else does something.
func (l *loop) waits(w work) bool {
	if !l.config.Park || l.parties > 0 || w.end != nil || len(w.stop)+len(w.never) > 0 {
		return false
	}
	for _, c := range w.begin {
		if !l.watches(c) {
			return false
		}
	}
	return len(l.timers)+len(l.jobs)+len(w.begin)+len(w.again) > 0 || l.plan.Paused() || l.plan.Queued() || len(l.plan.Asks()) > 0
}

// standingOf is what the run is about after w, as the journal is told with the events that led there: parked, if it
// is to leave memory at once.
func (l *loop) standingOf(w work) journal.Standing {
	if l.waits(w) && l.events <= shortStory {
		return l.parkedAs(w)
	}
	return l.standing()
}

// standing is what the run is about besides waiting.
func (l *loop) standing() journal.Standing {
	s := journal.Standing{Paused: l.plan.Paused(), Queued: l.plan.Queued()}
	for _, ask := range l.plan.Asks() {
		s.Approval = s.Approval || ask.Signal == ""
	}
	return s
}

// parkedAs is what the run is about when it waits, which it does in memory if its time is near.
func (l *loop) parkedAs(w work) journal.Standing {
	s := l.standing()
	s.Parked = true
	earliest := func(t time.Time) {
		if !t.IsZero() && (s.Wake.IsZero() || t.Before(s.Wake)) {
			s.Wake = eventTime(t)
		}
	}
	watched := func(c engine.Command) {
		s.Alert = true
		earliest(c.Deadline)
	}
	for _, t := range l.timers {
		earliest(t.due)
	}
	for _, j := range l.jobs {
		watched(j.command)
	}
	for _, c := range w.begin {
		watched(c)
	}
	for _, c := range w.again {
		watched(c)
	}
	if !s.Wake.IsZero() && s.Wake.Sub(l.config.Clock.Now()) < max(soon, l.worthIt()) {
		return l.standing()
	}
	return s
}

func sameStanding(a, b journal.Standing) bool {
	wake := a.Wake.Equal(b.Wake)
	a.Wake, b.Wake = time.Time{}, time.Time{}
	return wake && a == b
}

func (l *loop) worthIt() time.Duration { return time.Duration(l.events) * worthIt }

// restLater has the loop look again when the run has been quiet for some time.
func (l *loop) restLater() {
	if l.quiet != nil {
		return
	}
	l.quiet = l.config.Clock.After(l.worthIt(), func() {
		l.inbox.put(func() (engine.Event, bool) {
			l.rested = true
			return engine.Event{}, false
		})
	})
}

// disturb is called when something has happened.
func (l *loop) disturb() {
	l.rested = false
	if l.quiet != nil {
		l.quiet()
		l.quiet = nil
	}
}

// park moves the run from memory into the lot, unless there is news.
func (l *loop) park(s journal.Standing) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.inbox.close() {
		return false
	}
	delete(l.active, l.id)
	l.lotOf(l.under).add(&stay{run: l.id, due: dueAt(s.Wake), workflow: unique.Make(l.info.Workflow)}, l.watched())
	return true
}
