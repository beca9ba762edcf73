package clock

import (
	"container/list"
	"context"
	"time"
)

// A loopContext is a context of a Loop. The standard library cancels children in the random order
// of a map, so it keeps its own, in order. Standard contexts derived from it find the standard
// context inside and end with it.
type loopContext struct {
	context.Context // cancellable; cut off from the parent, whose values it has
	cancel          context.CancelCauseFunc
	loop            *Loop
	onEnd           list.List // of func(cause error): children and waits, in the order of their coming
	detach          func()    // takes it out of its parent's list
}

type loopContextKey struct{}

func (c *loopContext) Value(key any) any {
	if key == (loopContextKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// end ends the context, and then its children and the waits on it.
func (c *loopContext) end(cause error) {
	if c.Err() != nil {
		return
	}
	c.cancel(cause)
	c.detach()
	for e := c.onEnd.Front(); e != nil; e = c.onEnd.Front() {
		c.onEnd.Remove(e).(func(error))(cause)
	}
}

func (l *Loop) newContext(parent context.Context) *loopContext {
	inner, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	c := &loopContext{Context: inner, cancel: cancel, loop: l, detach: func() {}}
	if parent.Err() != nil {
		c.end(context.Cause(parent))
	} else {
		c.detach = l.onEnd(parent, c.end)
	}
	return c
}

// WithCancel makes a context that ends with parent or when cancel is called.
func (l *Loop) WithCancel(parent context.Context) (context.Context, context.CancelFunc) {
	c := l.newContext(parent)
	return c, func() { c.end(context.Canceled) }
}

// WithTimeout makes a context that ends with parent, after d of virtual time, or when cancel is called.
func (l *Loop) WithTimeout(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	c := l.newContext(parent)
	if d <= 0 {
		c.end(context.DeadlineExceeded)
	}
	if c.Err() == nil {
		stop := l.After(d, func() { c.end(context.DeadlineExceeded) })
		detach := c.detach
		c.detach = func() { // a forgotten timer would make time jump to it for nothing
			stop()
			detach()
		}
	}
	return c, func() { c.end(context.Canceled) }
}

// onEnd calls f with the cause when ctx ends, unless ignore is called before.
func (l *Loop) onEnd(ctx context.Context, f func(cause error)) (ignore func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	c, _ := ctx.Value(loopContextKey{}).(*loopContext)
	if c == nil || c.loop != l || c.Done() != ctx.Done() {
		return l.onStrayEnd(ctx, f)
	}
	place := c.onEnd.PushBack(f)
	return func() { c.onEnd.Remove(place) }
}

// A stray is a wait on a context that can end without the Loop: the one given to Run, or one
// derived by package context.
type stray struct {
	ctx context.Context
	f   func(cause error)
}

// onStrayEnd has the Loop look at ctx again and again, since a callback from package context would
// come at any time. The callback only wakes the Loop while it waits for an answer from outside.
func (l *Loop) onStrayEnd(ctx context.Context, f func(cause error)) (ignore func()) {
	place := l.strays.PushBack(&stray{ctx, f})
	unlink := context.AfterFunc(ctx, func() {
		select {
		case l.poked <- struct{}{}:
		default:
		}
	})
	return func() {
		unlink()
		l.strays.Remove(place)
	}
}

// lookAtStrays tells those whose context has ended meanwhile. Once over is enough: a context that ends
// with another was made, and is waited on, after it.
func (l *Loop) lookAtStrays() {
	for e := l.strays.Front(); e != nil; {
		s := e.Value.(*stray)
		after := e.Next()
		if s.ctx.Err() != nil {
			l.strays.Remove(e)
			s.f(context.Cause(s.ctx))
		}
		e = after
	}
}
