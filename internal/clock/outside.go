package clock

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// An outCall is real I/O in flight, in a goroutine of its own.
type outCall struct {
	party *party
	late  time.Time     // when nobody believes any more that it comes back
	back  chan struct{} // closed when what follows is written

	returned bool
	err      error
	panicked any
}

// Outside runs f in a goroutine while time stands still. What others do meanwhile is what is ready now;
// answers are taken in the order of departure, so an early one waits for those before it.
// f must not use the Loop, but for Now.
func (l *Loop) Outside(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	p := l.waiting("Outside")
	call := &outCall{
		party: p,
		late:  time.Now().Add(limit).Add(l.watch.limit),
		back:  make(chan struct{}),
	}
	l.calls = append(l.calls, call)
	go call.run(ctx, limit, f)
	p.park("Outside")
	return call.result()
}

func (c *outCall) run(ctx context.Context, limit time.Duration, f func(context.Context) error) {
	defer func() {
		c.panicked = recover()
		close(c.back)
	}()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c.err = f(ctx)
	c.returned = true
}

// result ends in the party as f ended in its goroutine, which is what happens on Real.
func (c *outCall) result() error {
	if c.panicked != nil {
		panic(c.panicked)
	}
	if !c.returned {
		runtime.Goexit()
	}
	return c.err
}

// takeAnswer waits for the oldest call, or until a stray context ends.
func (l *Loop) takeAnswer() error {
	call := l.calls[0]
	late := time.NewTimer(time.Until(call.late))
	defer late.Stop()
	select {
	case <-call.back:
		l.calls[0] = nil
		l.calls = l.calls[1:]
		l.wake(call.party)
	case <-l.poked:
	case <-late.C:
		return fmt.Errorf("clock: a call of %s has not come back from outside %v after its limit; does it heed its context?",
			call.party.name, l.watch.limit)
	}
	return nil
}
