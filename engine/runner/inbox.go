package runner

import (
	"context"
	"sync"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/clock"
)

// news is what a party, a timer or a watch tells a loop. Called by the loop, it gives the event that
// happened, or false if it matters to nobody any more.
type news func() (engine.Event, bool)

// An inbox is where a loop hears what has happened, until it is closed.
type inbox struct {
	queue *clock.Queue[news]

	mu     sync.Mutex // guards what follows
	unread int
	closed bool
}

func newInbox(c clock.Clock) *inbox { return &inbox{queue: clock.NewQueue[news](c)} }

// put never waits. After close nobody hears n.
func (b *inbox) put(n news) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.unread++
		b.queue.Put(n)
	}
}

// take waits until there is something, and gives all that is at hand, even when ctx has ended.
func (b *inbox) take(ctx context.Context) ([]news, error) {
	all, err := b.queue.Take(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unread -= len(all)
	return all, err
}

// empty says whether all was read.
func (b *inbox) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.unread == 0
}

// close closes it if all was read; called by who reads.
func (b *inbox) close() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = b.unread == 0
	return b.closed
}
