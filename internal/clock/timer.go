package clock

// A timer of a Loop.
type timer struct {
	at    int64  // nanoseconds since the Loop's start
	seq   uint64 // its number in order of creation: decides ties
	place int    // in the heap; -1 once it has fired or was stopped
	f     func()
}

// timerHeap has the next timer in front; it is a heap.Interface.
type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].seq < h[j].seq
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.place = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil // so that what its callback holds can be freed
	*h = (*h)[:last]
	t.place = -1
	return t
}
