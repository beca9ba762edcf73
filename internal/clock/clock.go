// Package clock is where all of twinbook takes its time from.
//
// Code under the clock reads time with Now and waits only through Sleep, Promise, Queue and
// Outside. The same code then runs on the machine's time (Real, with a speed) and on virtual
// time (Loop), where one event loop runs everything and time jumps to the next timer when
// nobody has anything to do.
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
}
