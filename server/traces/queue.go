package traces

import "sync"

// A queue holds facts until they are sent: so many, those included that are just being sent, and no more.
type queue struct {
	most  int
	batch int           // as many are worth being sent at once
	wake  chan struct{} // something waits, or a batch does, or the queue is closed

	mu     sync.Mutex // guards what follows
	facts  []fact
	taken  int // of those that were taken: not done yet
	closed bool
}

func newQueue(most, batch int) *queue {
	return &queue{most: most, batch: min(batch, most), wake: make(chan struct{}, 1)}
}

// put takes a fact, if there is room for it.
func (q *queue) put(f *fact) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.facts)+q.taken >= q.most {
		return false
	}
	q.facts = append(q.facts, *f)
	if n := len(q.facts); n == 1 || n == q.batch {
		q.nudge()
	}
	return true
}

func (q *queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// look says whether something waits, whether that is worth being sent at once, and whether no more will come.
func (q *queue) look() (some, enough, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.facts) > 0, len(q.facts) >= q.batch, q.closed
}

// take gives all there are, and leaves an empty list, which the caller does not need any more, in their place.
func (q *queue) take(empty []fact) []fact {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.facts
	q.facts, q.taken = empty, len(all)
	return all
}

// done makes room for as many as were taken and sent.
func (q *queue) done(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken -= n
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.nudge()
}
