package runner

import (
	"slices"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// mostEarly bounds how many runs may have requests waiting that are not here. The journal has them, too.
const mostEarly = 10_000

func isRequest(kind engine.EventKind) bool {
	switch kind {
	case engine.CancelRequested, engine.PauseRequested, engine.ResumeRequested, engine.RunAdmitted, engine.SignalReceived:
		return true
	}
	return false
}

// hear takes a wish that came through the journal. It may come more than once, and before the run is here.
func (r *Runner) hear(q journal.Request) {
	r.ask(q.Run, engine.Event{Kind: q.Kind, At: q.At, Signal: q.Signal, Reason: q.Reason, By: q.By, Request: q.ID})
}

// ask hands a request to the run's loop; a parked run is rebuilt.
func (r *Runner) ask(run string, e engine.Event) {
	e.Time = eventTime(r.config.Clock.Now())
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.active[run]; l != nil {
		l.inbox.put(l.request(e))
		return
	}
	if r.draining.Load() {
		return
	}
	t := r.lotWith(run)
	letters := r.letters[run]
	early := t == nil && (e.Request == 0 || len(letters) == 0 && len(r.letters) >= mostEarly)
	if early || slices.ContainsFunc(letters, func(other engine.Event) bool { return same(e, other) }) {
		return
	}
	r.letters[run] = append(letters, e)
	if t != nil {
		t.wake(run)
	}
}

// same says whether a request has come twice.
func same(a, b engine.Event) bool {
	return a.Request == b.Request && (a.Request != 0 || a.Kind == engine.CancelRequested && b.Kind == engine.CancelRequested)
}

// request is how a loop hears of a request, of which one of a kind is enough unless the journal waits for its answer.
// Each is later than the one before, since the order counts.
func (l *loop) request(e engine.Event) news {
	return func() (engine.Event, bool) {
		if e.Request == 0 && e.Kind == engine.CancelRequested && l.cancelled || l.answered[e.Request] {
			return e, false
		}
		if !e.Time.After(l.asked) {
			e.Time = l.asked.Add(time.Nanosecond)
		}
		l.note(e)
		return e, true
	}
}

// note remembers a request that is, or will be, in the journal.
func (l *loop) note(e engine.Event) {
	l.asked = e.Time
	l.cancelled = l.cancelled || e.Kind == engine.CancelRequested
	if e.Request != 0 {
		if l.answered == nil {
			l.answered = map[int64]bool{}
		}
		l.answered[e.Request] = true
	}
}
