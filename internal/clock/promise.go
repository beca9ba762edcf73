package clock

import (
	"context"
	"sync/atomic"
)

// A Promise is a value that one party will have and others wait for.
type Promise[T any] struct {
	settled atomic.Bool // somebody has won Resolve
	done    gate        // open once value is written
	value   T
}

// NewPromise makes a Promise for the code under c.
func NewPromise[T any](c Clock) *Promise[T] {
	return &Promise[T]{done: c.newGate()}
}

// Resolve gives the promise its value and wakes all who await it. The first call wins; the others
// change nothing and return false. It never waits, and may be called from parties, from timers
// and, on Real, from any goroutine.
func (p *Promise[T]) Resolve(v T) bool {
	if !p.settled.CompareAndSwap(false, true) {
		return false
	}
	p.value = v
	p.done.open()
	return true
}

// Await waits for the value, and returns context.Cause(ctx) if ctx ends first. A value that is
// there is returned even if ctx has ended.
func (p *Promise[T]) Await(ctx context.Context) (T, error) {
	if err := p.done.wait(ctx, "Promise.Await"); err != nil {
		var none T
		return none, err
	}
	return p.value, nil
}
