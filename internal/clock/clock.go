// Package clock is where all of twinbook takes its time from.
//
// Code under the clock reads time with Now and waits only through Sleep, Promise, Queue and
// Outside. The same code then runs on the machine's time (Real, with a speed) and on virtual
// time (Loop), where one event loop runs everything and time jumps to the next timer when
// nobody has anything to do.
//
// What a Loop promises: the same code with the same inputs takes the same course, in whatever
// order the machine would have scheduled it. What it asks in return: no goroutine, channel, select
// or timer of one's own under the clock (package clockrule checks that), no wait in a timer's
// callback, no mutex held across a wait. A Loop hides races, so race tests run on Real.
//
// This is no simulation of a clock's faults: no drift, no steps, no zones. All times are UTC.
package clock

import (
	"context"
	"time"
)

// A Clock tells the time and runs what waits for it.
type Clock interface {
	// Now is the present time on this clock, in UTC.
	Now() time.Time

	// After calls f once, d from now, unless stop is called first; stop says whether it came in time.
	// f must not wait.
	After(d time.Duration, f func()) (stop func() bool)

	// Go runs f as a party of its own; name is shown when the clock has to say who waits for what.
	Go(ctx context.Context, name string, f func(context.Context))

	// WithTimeout is context.WithTimeout on this clock. The context has no Deadline; when the time
	// is up its Err is context.Canceled and its context.Cause is context.DeadlineExceeded.
	WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)

	// WithCancel is context.WithCancel on this clock.
	WithCancel(ctx context.Context) (context.Context, context.CancelFunc)

	// Outside runs f, which does real I/O, and ends f's context after limit of real time.
	// Virtual time stands still meanwhile.
	Outside(ctx context.Context, limit time.Duration, f func(context.Context) error) error

	// newGate is what Sleep, Promise and Queue are made of; with it, every Clock is made here.
	newGate() gate
}

// A gate is closed until open is called, and open from then on.
type gate interface {
	// open lets all who wait pass, in the order in which they came. It is called once.
	open()

	// wait returns nil when the gate is open, also if ctx has ended meanwhile, and else
	// context.Cause(ctx) as soon as ctx ends. Reports name the wait by what.
	wait(ctx context.Context, what string) error
}

// Sleep waits for d on c, and returns nil, or context.Cause(ctx) if ctx ends first.
// A sleep of zero or less still lets the others run.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	woken := c.newGate()
	stop := c.After(d, woken.open)
	err := woken.wait(ctx, "Sleep")
	if err != nil {
		stop()
	}
	return err
}
