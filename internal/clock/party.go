package clock

import (
	"container/list"
	"context"
	"iter"
	"runtime"
)

// A party is a coroutine of a Loop. Where it waits it switches back to the loop, which switches to
// it again after it was woken: ordinary blocking code, but never two at a time.
type party struct {
	name  string
	run   func()
	place *list.Element // in Loop.parties

	next  func() (struct{}, bool) // continues it until it waits or returns; nil before its first turn
	stop  func()                  // makes it leave from where it waits
	yield func(struct{}) bool

	parked  bool   // it waits and nobody has woken it
	waits   string // for what, as a report says it
	asked   bool   // a report wants to know where
	where   string // the answer: file:line
	gone    bool
	paniced error
}

// timerParty stands for whatever a timer's callback does.
var timerParty = &party{name: "a timer's callback"}

// Go makes a party that is ready now, after those who are ready already.
func (l *Loop) Go(ctx context.Context, name string, f func(context.Context)) {
	l.spawn(ctx, name, f)
}

func (l *Loop) spawn(ctx context.Context, name string, f func(context.Context)) *party {
	p := &party{name: name, run: func() { f(ctx) }}
	p.place = l.parties.PushBack(p)
	l.ready = append(l.ready, p)
	return p
}

// resume gives p its turn.
func (l *Loop) resume(p *party) error {
	if p.next == nil {
		p.next, p.stop = iter.Pull(p.live)
	}
	l.current = p
	l.watch.enter(p)
	_, here := p.next()
	l.watch.leave()
	l.current = nil
	if !here {
		p.gone = true
		l.parties.Remove(p.place)
	}
	return p.paniced
}

// live is the coroutine of p. A panic is caught here, where its stack can still be read.
func (p *party) live(yield func(struct{}) bool) {
	p.yield = yield
	defer func() {
		if v := recover(); v != nil {
			p.paniced = newPartyPanic(p.name, v)
		}
	}()
	p.run()
}

// waiting is the party whose turn it is, for one that is about to wait.
func (l *Loop) waiting(what string) *party {
	if l.current == nil {
		panic("clock: " + what + " outside of a party; on a Loop only parties wait, never a timer's callback")
	}
	if l.released {
		runtime.Goexit()
	}
	return l.current
}

// park lets the others run until somebody wakes p. When the Loop is over it does not return:
// it ends the coroutine, running what was deferred.
func (p *party) park(what string) {
	p.waits, p.parked = what, true
	for p.yield(struct{}{}) {
		if !p.asked {
			return
		}
		p.where, p.asked = callerOutside(), false
	}
	runtime.Goexit()
}

// wake makes p ready if it waits.
func (l *Loop) wake(p *party) {
	if p.parked {
		p.parked = false
		l.ready = append(l.ready, p)
	}
}

// release makes all parties leave that are still here, in the order in which they came.
func (l *Loop) release() {
	l.released = true
	for e := l.parties.Front(); e != nil; e = e.Next() {
		p := e.Value.(*party)
		if p.next == nil {
			continue
		}
		l.current = p
		l.watch.enter(p)
		left := make(chan struct{})
		go func() { // stop hands the coroutine's Goexit on to whoever calls it
			defer close(left)
			p.stop()
		}()
		<-left
		l.watch.leave()
		l.current = nil
	}
}

// A loopGate keeps its place in line for everyone who waits at it.
type loopGate struct {
	loop    *Loop
	opened  bool
	waiting list.List // of *party
}

func (g *loopGate) open() {
	g.opened = true
	for e := g.waiting.Front(); e != nil; e = e.Next() {
		g.loop.wake(e.Value.(*party))
	}
}

func (g *loopGate) wait(ctx context.Context, what string) error {
	if g.opened {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p := g.loop.waiting(what)
	place := g.waiting.PushBack(p)
	ignore := g.loop.onEnd(ctx, func(error) { g.loop.wake(p) })
	p.park(what)
	ignore()
	if g.opened {
		return nil
	}
	g.waiting.Remove(place)
	return context.Cause(ctx)
}
