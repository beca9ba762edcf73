package runner

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/clock"
)

const (
	// mostWoken is how many runs are woken at the same time: enough to keep the journal's readers busy, and few enough
	// that a million runs with the same time are no storm.
	mostWoken = 32

	// headStart is how long a run that was woken may keep the next one waiting. Most are parked again or have ended
	// before; those that do something that takes long must not hold up the others.
	headStart = 10 * time.Millisecond
)

// A lot is where the runs that were started with one context are parked. Its party wakes them, shows what their
// watches see, and leaves when no run is left. What follows inbox is guarded by Runner.mu.
type lot struct {
	*Runner
	under context.Context
	inbox *clock.Queue[func()]

	parked   map[string]*stay
	watching map[string][]*watch
	due      *alarm
	woken    []string // whose turn is next
	waking   int      // runs that are no longer parked and keep others waiting
}

func newLot(r *Runner, under context.Context) *lot {
	t := &lot{
		Runner: r, under: under, inbox: clock.NewQueue[func()](r.config.Clock),
		parked: map[string]*stay{}, watching: map[string][]*watch{},
	}
	t.due = newAlarm(r.config.Clock, t.ring)
	return t
}

// add parks a run. mu is held.
func (t *lot) add(s *stay, watches []*watch) {
	t.parked[s.run] = s
	if len(watches) > 0 {
		t.watching[s.run] = watches
	}
	t.due.add(s)
}

// wake has a run rebuilt for more than its time. mu is held.
func (t *lot) wake(run string) {
	s := t.parked[run]
	if s.woken {
		return
	}
	s.woken = true
	t.due.remove(s)
	t.woken = append(t.woken, run)
	t.nudge()
}

// ring is the alarm's.
func (t *lot) ring() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.due.disarm()
	t.nudge()
}

// nudge has the party look at who is to be rebuilt.
func (t *lot) nudge() { t.inbox.Put(func() {}) }

// run is the lot's party.
func (t *lot) run(ctx context.Context) {
	for {
		all, err := t.inbox.Take(ctx)
		switch {
		case err != nil || ctx.Err() != nil:
			t.close(func(run string) error { return stopped(ctx, run) })
			return
		case t.draining.Load():
			t.close(drained)
			return
		}
		for _, f := range all {
			f()
		}
		if t.rebuild() {
			return
		}
	}
}

// rebuild gives loops to runs whose turn it is, as many as may be rebuilt at the same time, and says whether there is
// nothing left to do.
func (t *lot) rebuild() (empty bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.waking < mostWoken {
		s := t.next()
		if s == nil {
			break
		}
		l := newLoop(t.Runner, t.under, s.run)
		l.inherited = t.watching[s.run]
		delete(t.parked, s.run)
		delete(t.watching, s.run)
		t.seat(l)
		t.waking++
		l.settled = t.settler()
		t.launch(l, func(ctx context.Context) (*engine.Outcome, error) { return l.wake(ctx, s.fresh) })
	}
	t.due.arm()
	if len(t.parked) > 0 || t.waking > 0 {
		return false
	}
	t.lots = slices.DeleteFunc(t.lots, func(other *lot) bool { return other == t })
	t.lookEmpty()
	return true
}

// next is the run whose turn it is, or nil. mu is held.
func (t *lot) next() *stay {
	if len(t.woken) == 0 {
		return t.due.pop()
	}
	s := t.parked[t.woken[0]]
	t.woken = t.woken[1:]
	return s
}

// settler makes the function that lets another run be woken. mu is held.
func (t *lot) settler() func() {
	over := false // guarded by Runner.mu
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if !over {
			over = true
			t.waking--
			t.nudge()
		}
	}
}

// close ends the watches of all parked runs, and tells who waits for these why they were stopped.
func (t *lot) close(why func(run string) error) {
	t.mu.Lock()
	t.closing++
	t.lots = slices.DeleteFunc(t.lots, func(other *lot) bool { return other == t })
	t.due.disarm()
	parked, watching := t.parked, t.watching
	t.parked, t.watching = map[string]*stay{}, map[string][]*watch{}
	waiting := map[string]*clock.Promise[ending]{}
	for run := range parked {
		if done := t.waiters[run]; done != nil {
			waiting[run] = done
			delete(t.waiters, run)
		}
		delete(t.letters, run)
	}
	t.mu.Unlock()
	for _, run := range slices.Sorted(maps.Keys(parked)) {
		for _, w := range watching[run] {
			w.end(context.Canceled)
		}
		err := why(run)
		if s := parked[run]; !s.fresh {
			t.config.Observe(Update{Run: run, Time: eventTime(t.config.Clock.Now()), Err: err, Info: &engine.RunStart{ID: run, Workflow: s.workflow.Value()}})
		}
		if done := waiting[run]; done != nil {
			done.Resolve(ending{err: err})
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closing--
	t.lookEmpty()
}
