package clock

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Real is the machine's clock: parties are goroutines, timers are the runtime's.
func Real() Clock { return RealSpeed(1) }

// RealSpeed is the machine's clock made faster or slower from now on: at speed 60 a minute passes
// in a second. The speed must be above zero. Limits of Outside are not scaled.
func RealSpeed(speed float64) Clock {
	if !(speed > 0) || math.IsInf(speed, 1) {
		panic(fmt.Sprintf("clock: speed %v is not above zero", speed))
	}
	return &realClock{start: time.Now(), speed: speed}
}

type realClock struct {
	start time.Time // with the monotonic reading that time.Since needs
	speed float64
}

// Now follows the machine's wall clock at speed 1, so that a server that was suspended or whose
// clock was set keeps to its schedules; the monotonic reading in it makes differences right all
// the same. At other speeds it is counted from the start by the monotonic clock alone.
func (c *realClock) Now() time.Time {
	if c.speed == 1 {
		return time.Now().UTC()
	}
	passed := scale(time.Since(c.start), c.speed)
	return c.start.Round(0).UTC().Add(passed)
}

func (c *realClock) After(d time.Duration, f func()) func() bool {
	if c.speed != 1 {
		d = scale(d, 1/c.speed)
	}
	return time.AfterFunc(d, f).Stop
}

func (c *realClock) Go(ctx context.Context, _ string, f func(context.Context)) {
	go f(ctx)
}

func (c *realClock) WithCancel(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	return realContext{ctx}, func() { cancel(context.Canceled) }
}

// WithTimeout does not build on context.WithTimeout: standard contexts below it, as in Outside, would end
// with another Err than on a Loop. Until cancel is called the timer stays, as contexts have it.
func (c *realClock) WithTimeout(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	if d <= 0 {
		cancel(context.DeadlineExceeded)
	}
	stop := c.After(d, func() { cancel(context.DeadlineExceeded) })
	return realContext{ctx}, func() {
		stop()
		cancel(context.Canceled)
	}
}

func (c *realClock) Outside(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx)
}

func (c *realClock) newGate() gate { return make(realGate) }

// realContext makes a standard context look as it does on a Loop, so that nobody comes to rely on
// a Deadline or on Err, which virtual time cannot give.
type realContext struct{ context.Context }

func (realContext) Deadline() (time.Time, bool) { return time.Time{}, false }

func (c realContext) Err() error {
	if c.Context.Err() == nil {
		return nil
	}
	return context.Canceled
}

type realGate chan struct{}

func (g realGate) open() { close(g) }

func (g realGate) wait(ctx context.Context, _ string) error {
	select {
	case <-g:
		return nil
	default:
	}
	select {
	case <-g:
		return nil
	case <-ctx.Done():
	}
	select { // both may have happened; then the gate counts
	case <-g:
		return nil
	default:
		return context.Cause(ctx)
	}
}

// scale multiplies, rounds up, and stays in the range of a Duration (292 years).
func scale(d time.Duration, by float64) time.Duration {
	scaled := math.Ceil(float64(d) * by)
	if scaled >= math.MaxInt64 {
		return math.MaxInt64
	}
	if scaled <= math.MinInt64 {
		return math.MinInt64
	}
	return time.Duration(scaled)
}
