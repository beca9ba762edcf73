package simulator

import "sync"

// An outbox hands items to a callback, one at a time and in order, without a goroutine: whoever
// calls flush hands over all there is, unless somebody is at it already. So a callback may put more
// and flush, and is not called inside itself.
type outbox[T any] struct {
	mu    sync.Mutex // guards what follows; not held in the callback
	items []T
	busy  bool
}

func (o *outbox[T]) put(item T) {
	o.mu.Lock()
	o.items = append(o.items, item)
	o.mu.Unlock()
}

func (o *outbox[T]) flush(deliver func(T)) {
	if !o.start() {
		return
	}
	for items := o.take(); items != nil; items = o.take() {
		for _, item := range items {
			deliver(item)
		}
	}
}

func (o *outbox[T]) start() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	free := !o.busy
	o.busy = true
	return free
}

// take empties the outbox. Finding nothing, it ends the flush in the same breath, so that an item put
// after that finds no one busy.
func (o *outbox[T]) take() []T {
	o.mu.Lock()
	defer o.mu.Unlock()
	items := o.items
	o.items = nil
	o.busy = items != nil
	return items
}
