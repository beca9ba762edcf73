package schedule

import (
	"container/heap"
	"time"
)

// An alarm is a time at which something is to be looked at.
type alarm struct {
	at    time.Time
	place int // in the heap, from 1; 0: it is not set
	ring  func()
}

// alarms have the next one in front; they are a heap.Interface.
type alarms []*alarm

func (a alarms) Len() int           { return len(a) }
func (a alarms) Less(i, j int) bool { return a[i].at.Before(a[j].at) }

func (a alarms) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].place, a[j].place = i+1, j+1
}

func (a *alarms) Push(x any) {
	one := x.(*alarm)
	*a = append(*a, one)
	one.place = len(*a)
}

func (a *alarms) Pop() any {
	last := len(*a) - 1
	one := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	one.place = 0
	return one
}

// set has an alarm ring at a time, in place of the one for which it was set.
func (a *alarms) set(one *alarm, at time.Time) {
	one.at = at
	if one.place == 0 {
		heap.Push(a, one)
		return
	}
	heap.Fix(a, one.place-1)
}

func (a *alarms) unset(one *alarm) {
	if one.place > 0 {
		heap.Remove(a, one.place-1)
	}
}

// ringAll rings all alarms whose time has come.
func (a *alarms) ringAll(now time.Time) {
	for len(*a) > 0 && !(*a)[0].at.After(now) {
		heap.Pop(a).(*alarm).ring()
	}
}
