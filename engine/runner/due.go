package runner

import (
	"container/heap"
	"math"
	"time"
	"unique"

	"github.com/twinbook/twinbook/internal/clock"
)

// A stay is a parked run. There may be a million, so it is small.
type stay struct {
	run   string
	due   int64 // when its time comes, in milliseconds since 1970; never: not by itself
	place int32 // in the heap; -1: not there
	woken bool  // it is among those to be rebuilt
	fresh bool  // people have not heard of it here yet

	workflow unique.Handle[string] // its name, unless fresh
}

const never = math.MaxInt64

// dueAt is when a run is to be rebuilt for what happens at a time. It is rounded down: the loop waits for the rest.
func dueAt(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.UnixMilli()
}

// An alarm is when the next parked run is due: a heap and one timer.
type alarm struct {
	clock clock.Clock
	ring  func() // must not wait
	stays stays
	set   int64 // what the timer is set for; never: it is not
	stop  func() bool
}

func newAlarm(c clock.Clock, ring func()) *alarm {
	return &alarm{clock: c, ring: ring, set: never, stop: func() bool { return true }}
}

func (a *alarm) add(s *stay) {
	s.place = -1
	if s.due != never {
		heap.Push(&a.stays, s)
		a.arm()
	}
}

func (a *alarm) remove(s *stay) {
	if s.place >= 0 {
		heap.Remove(&a.stays, int(s.place))
	}
}

// pop gives the next whose time has come, or nil.
func (a *alarm) pop() *stay {
	if len(a.stays) == 0 || a.stays[0].due > a.clock.Now().UnixMilli() {
		return nil
	}
	return heap.Pop(&a.stays).(*stay)
}

// arm sets the timer for the first, where it is not.
func (a *alarm) arm() {
	first := int64(never)
	if len(a.stays) > 0 {
		first = a.stays[0].due
	}
	if first == a.set {
		return
	}
	a.stop()
	if a.set = first; first != never {
		a.stop = a.clock.After(time.UnixMilli(first).Sub(a.clock.Now()), a.ring)
	}
}

// disarm is for when nobody listens any more, or the timer has rung.
func (a *alarm) disarm() {
	a.stop()
	a.set = never
}

// stays has the run that is due next in front; it is a heap.Interface.
type stays []*stay

func (h stays) Len() int { return len(h) }

func (h stays) Less(i, j int) bool {
	if h[i].due != h[j].due {
		return h[i].due < h[j].due
	}
	return h[i].run < h[j].run
}

func (h stays) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = int32(i), int32(j)
}

func (h *stays) Push(x any) {
	s := x.(*stay)
	s.place = int32(len(*h))
	*h = append(*h, s)
}

func (h *stays) Pop() any {
	last := len(*h) - 1
	s := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	s.place = -1
	return s
}
