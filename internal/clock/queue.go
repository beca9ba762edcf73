package clock

import (
	"context"
	"sync"
)

// A Queue hands values from those who put to those who take, in order, without a bound:
// who puts hostile input must count it first.
type Queue[T any] struct {
	clock Clock

	mu     sync.Mutex // guards what follows
	items  []T
	filled gate // opened by the next Put; nil when nobody has found the queue empty
}

// NewQueue makes a Queue for the code under c.
func NewQueue[T any](c Clock) *Queue[T] {
	return &Queue[T]{clock: c}
}

// Put appends v. It never waits, and may be called from parties, from timers and, on Real, from
// any goroutine.
func (q *Queue[T]) Put(v T) {
	q.mu.Lock()
	q.items = append(q.items, v)
	filled := q.filled
	q.filled = nil
	q.mu.Unlock()
	if filled != nil {
		filled.open()
	}
}

// Take waits while the queue is empty and then returns all at hand, oldest first. It returns
// context.Cause(ctx) if ctx ends first; values that are there are returned even then.
// Where several take, each value goes to one of them.
func (q *Queue[T]) Take(ctx context.Context) ([]T, error) {
	for {
		items, filled := q.takeAll()
		if items != nil {
			return items, nil
		}
		if err := filled.wait(ctx, "Queue.Take"); err != nil {
			return nil, err
		}
	}
}

// takeAll empties the queue, or returns the gate that the next Put opens.
func (q *Queue[T]) takeAll() ([]T, gate) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) > 0 {
		items := q.items
		q.items = nil
		return items, nil
	}
	if q.filled == nil {
		q.filled = q.clock.newGate()
	}
	return nil, q.filled
}
