package hub

import (
	"container/heap"
	"time"
)

// A lane is feeds that wait for their next read, the next one in front; it is a heap.Interface.
type lane []*feed

func (l lane) Len() int { return len(l) }

func (l lane) Less(i, j int) bool {
	if !l[i].due.Equal(l[j].due) {
		return l[i].due.Before(l[j].due)
	}
	return l[i].order < l[j].order
}

func (l lane) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].place, l[j].place = i, j
}

func (l *lane) Push(x any) {
	f := x.(*feed)
	f.place = len(*l)
	*l = append(*l, f)
}

func (l *lane) Pop() any {
	last := len(*l) - 1
	f := (*l)[last]
	(*l)[last] = nil
	*l = (*l)[:last]
	return f
}

// schedule puts a feed into a lane, out of the one it is in.
func (p *poller) schedule(f *feed, l *lane, due time.Time) {
	p.unschedule(f)
	f.lane, f.due = l, due
	heap.Push(l, f)
}

func (p *poller) unschedule(f *feed) {
	if f.lane != nil {
		heap.Remove(f.lane, f.place)
		f.lane = nil
	}
}

// next is the feed whose read is due, or nil. When reads are scarce the fast lane gets three of four:
// who waits for a device that is just doing something is served first, and nobody starves.
func (p *poller) next(now time.Time) *feed {
	fast, calm := p.fast.due(now), p.calm.due(now)
	if fast == nil || calm == nil {
		if fast == nil {
			return calm
		}
		return fast
	}
	if p.turns++; p.turns%4 == 0 {
		return calm
	}
	return fast
}

// due is the lane's first feed if its time has come.
func (l lane) due(now time.Time) *feed {
	if len(l) == 0 || l[0].due.After(now) {
		return nil
	}
	return l[0]
}

// arm sets the timer for the moment at which the next read may begin. Without a free place none is
// needed: the end of a read dispatches, too.
func (p *poller) arm(now time.Time) {
	at, wanted := p.upcoming(now)
	if p.disarm != nil {
		if wanted && at.Equal(p.armed) {
			return
		}
		p.disarm()
		p.disarm = nil
	}
	if wanted {
		p.armed = at
		p.disarm = p.clock.After(at.Sub(now), p.wake)
	}
}

func (p *poller) upcoming(now time.Time) (at time.Time, wanted bool) {
	if p.reading >= p.opt.InFlight || len(p.fast)+len(p.calm) == 0 {
		return at, false
	}
	for _, l := range []lane{p.fast, p.calm} {
		if len(l) > 0 && (at.IsZero() || l[0].due.Before(at)) {
			at = l[0].due
		}
	}
	if free := now.Add(p.pace.wait(now)); free.After(at) {
		at = free
	}
	return at, true
}

// wake is the timer's callback.
func (p *poller) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.disarm != nil { // not if it was stopped too late and nothing is left to do
		p.disarm()
		p.disarm = nil
	}
	p.dispatch()
}
