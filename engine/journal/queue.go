package journal

import (
	"context"
	"sync"
	"time"
)

// A task is something to be done in a transaction of the writer.
type task interface {
	// do does it. An error of the journal's own kind (see callerError) means that nothing was done, and concerns this
	// task alone; any other one ends the transaction.
	do(t *transaction) error

	// seated says whether it needs this process to be a driver.
	seated() bool
}

// An entry is a task in the queue.
type entry struct {
	task
	later bool
	taken bool // no longer in the queue
	done  chan error
}

// A queue is what waits for the writer.
type queue struct {
	wake chan struct{} // holds one when the writer has something to do at once

	mu      sync.Mutex // guards what follows
	entries []*entry
	laters  int
	due     time.Time // when the first of those that need not be waited for is to be kept; zero: there are none
	closed  bool
}

// linger is how long a task may wait for company that nobody waits for.
const linger = 10 * time.Millisecond

// manyLaters of those are worth a commit of their own; whoever comes then waits for it, so that
// a slow disk does not fill the memory.
const manyLaters = 2048

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// put adds an entry. False: the queue is closed.
func (q *queue) put(e *entry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.entries = append(q.entries, e)
	if e.later {
		q.laters++
		if q.due.IsZero() {
			q.due = time.Now().Add(linger)
			q.signal()
		}
	}
	if !e.later || q.laters >= manyLaters {
		q.signal()
	}
	return true
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// full says whether so many wait that the next one had better wait, too.
func (q *queue) full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.laters >= manyLaters
}

// take gives all entries, or none before one of them is due; then when.
func (q *queue) take() (entries []*entry, due time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.entries) == q.laters && q.laters < manyLaters && !q.closed && time.Now().Before(q.due) {
		return nil, q.due
	}
	entries, q.entries = q.entries, nil
	q.laters, q.due = 0, time.Time{}
	for _, e := range entries {
		e.taken = true
	}
	return entries, time.Time{}
}

// drop takes an entry back, if the writer does not have it yet.
func (q *queue) drop(e *entry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e.taken {
		return false
	}
	for i, other := range q.entries {
		if other == e {
			q.entries = append(q.entries[:i], q.entries[i+1:]...)
			return true
		}
	}
	return false
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

// wait gives an entry to the writer and waits until it is done. A caller whose context ends meanwhile has either
// done nothing, or hears how it ended.
func (q *queue) wait(ctx context.Context, t task) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	e := &entry{task: t, done: make(chan error, 1)}
	if !q.put(e) {
		return errClosed
	}
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
		if q.drop(e) {
			return context.Cause(ctx)
		}
		return <-e.done
	}
}

// over says whether nothing waits and nothing will.
func (q *queue) over() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed && len(q.entries) == 0
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.entries)
}
