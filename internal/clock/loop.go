package clock

import (
	"container/heap"
	"container/list"
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"
)

// A Loop is virtual time: one event loop that runs its parties one at a time, each until it waits.
// Who is ready goes first, in the order of waking, then timers by time and order of creation. When
// nobody is ready and no call is outside, time jumps to the next timer.
//
// Now may be called from any goroutine, everything else only by parties and timers of the Loop
// and, before Run, by whoever made it.
type Loop struct {
	start   time.Time
	elapsed atomic.Int64 // virtual nanoseconds since start

	current *party     // whose turn it is; nil in a timer's callback
	ready   []*party   // woken, in the order of waking
	parties list.List  // of *party: all that have not left, in the order of Go
	timers  timerHeap  // what Now will come to
	made    uint64     // timers so far
	calls   []*outCall // real calls in flight, in the order of departure
	strays  list.List  // of *stray: waits on contexts that are not this Loop's

	begun    bool
	released bool          // Run is over: who still waits is made to leave
	poked    chan struct{} // capacity 1: a stray context has ended while a call is outside
	watch    watchdog
}

// lastOrders is how long, in virtual time, parties may take to leave after the first one returned.
const lastOrders = time.Hour

// errIdle says that nobody can ever become ready.
var errIdle = errors.New("clock: nobody can become ready")

// NewLoop makes a Loop whose time is start.
func NewLoop(start time.Time) *Loop {
	return &Loop{
		start: start.Round(0).UTC(),
		poked: make(chan struct{}, 1),
		watch: watchdog{limit: 10 * time.Second},
	}
}

// Now is the virtual time.
func (l *Loop) Now() time.Time {
	return l.start.Add(time.Duration(l.elapsed.Load()))
}

// Run runs f as a party, and all that it starts, until f has returned and everybody has left; then
// virtual time is over, and timers left behind never fire. A Loop runs once.
//
// The context of f ends when ctx ends, and when f has returned: then the others have an hour of
// virtual time to leave. The error says who does not, or, when nobody can become ready before
// f returned, who waits for what; it also tells of a party that runs for 10 s of real time without
// waiting, and of a call that does not come back from outside. A panic of a party, or the end of its
// goroutine as by t.FailNow, becomes that of the caller.
func (l *Loop) Run(ctx context.Context, f func(context.Context)) error {
	if l.begun {
		return errors.New("clock: a Loop runs only once")
	}
	l.begun = true
	root, leave := l.WithCancel(ctx)
	first := l.spawn(root, "the first party", f)
	over := make(chan error, 1)
	go l.drive(first, leave, over)
	return l.watch.guard(over)
}

// drive takes turns until the end, and sees to it that nobody stays behind.
func (l *Loop) drive(first *party, leave context.CancelFunc, over chan<- error) {
	end := errGoexit // what remains if next never returns to us
	defer func() {
		if v := recover(); v != nil {
			end = newPartyPanic(timerParty.name, v)
		}
		leave()
		l.release()
		over <- end
	}()
	end = l.takeTurns(first, leave)
}

func (l *Loop) takeTurns(first *party, leave context.CancelFunc) error {
	for !first.gone {
		if err := l.turn(); err == errIdle {
			return l.stuck()
		} else if err != nil {
			return err
		}
	}
	leave()
	closing := l.later(lastOrders)
	for l.parties.Len() > 0 {
		err := l.turn()
		if err == errIdle || err == nil && l.elapsed.Load() > closing {
			return l.leaked()
		} else if err != nil {
			return err
		}
	}
	return nil
}

// turn does the next thing there is to do. Contexts from elsewhere are looked at when nobody is
// ready, and now and then, so that parties who keep each other busy can be interrupted.
func (l *Loop) turn() error {
	n, err := l.watch.turn()
	if err != nil {
		return err
	}
	if len(l.ready) == 0 || n%1024 == 0 {
		l.lookAtStrays()
	}
	switch {
	case len(l.ready) > 0:
		p := l.ready[0]
		l.ready[0] = nil
		l.ready = l.ready[1:]
		return l.resume(p)
	case len(l.timers) > 0 && l.timers[0].at <= l.elapsed.Load():
		l.fire()
	case len(l.calls) > 0:
		return l.takeAnswer()
	case len(l.timers) > 0:
		l.elapsed.Store(l.timers[0].at)
		l.fire()
	default:
		return errIdle
	}
	return nil
}

// fire calls the first timer.
func (l *Loop) fire() {
	t := heap.Pop(&l.timers).(*timer)
	l.watch.enter(timerParty)
	t.f()
	l.watch.leave()
}

// After calls f at its time, after all who are ready then and after timers made earlier for that time.
func (l *Loop) After(d time.Duration, f func()) func() bool {
	l.made++
	t := &timer{at: l.later(d), seq: l.made, f: f}
	heap.Push(&l.timers, t)
	return func() bool {
		if t.place < 0 {
			return false
		}
		heap.Remove(&l.timers, t.place)
		return true
	}
}

// later is d from now, at least now and at most the end of time (292 years after start).
func (l *Loop) later(d time.Duration) int64 {
	now := l.elapsed.Load()
	d = max(d, 0)
	if int64(d) > math.MaxInt64-now {
		return math.MaxInt64
	}
	return now + int64(d)
}

func (l *Loop) newGate() gate { return &loopGate{loop: l} }
