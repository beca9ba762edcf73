package triggers

import (
	"context"
	"errors"

	"github.com/twinbook/twinbook/engine/journal"
)

// A task is something to do with the journal for one device.
type task func(context.Context)

// do has a task carried out; mu is held. It waits for its turn, in order, if very many do.
func (l *Lookout) do(t task) {
	l.tasks = append(l.tasks, t)
	if l.busy < mostAtOnce {
		l.busy++
		l.config.Clock.Go(l.ctx, "a trigger", l.work)
	}
}

// work carries out tasks until there are none.
func (l *Lookout) work(ctx context.Context) {
	for {
		t := l.next(ctx)
		if t == nil {
			return
		}
		t(ctx)
	}
}

func (l *Lookout) next(ctx context.Context) task {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tasks) == 0 || ctx.Err() != nil {
		if l.busy--; l.busy == 0 && l.quiet != nil {
			l.quiet.Resolve(struct{}{})
		}
		return nil
	}
	t := l.tasks[0]
	l.tasks[0] = nil
	l.tasks = l.tasks[1:]
	return t
}

// start begins a run for a device, and comes back to it later if that fails.
func (g *guest) start(ctx context.Context) {
	l := g.sentry.lookout
	l.mu.Lock()
	t, twin, m := g.sentry.trigger, g.twin, g.mark()
	l.mu.Unlock()
	err := t.Start(ctx, twin, m)
	var taken *journal.TakenError
	var full *journal.FullError
	kind, why := Fired, error(nil)
	switch {
	case errors.As(err, &full):
		m.Note = "no run was begun: " + full.Error()
		kind, why = Dropped, err
		if err = l.config.Store.Mark(ctx, m); errors.As(err, &taken) {
			err = nil
		}
	case errors.As(err, &taken): // by another server, or a start that was interrupted after its commit
		kind, err = "", nil
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		l.config.Observe(t.event(Failed, g.device, err))
		g.later(g.start)
		return
	}
	if kind != "" {
		l.config.Observe(t.event(kind, g.device, why))
	}
	g.reach(fired)
}

// clear takes away the mark of a device that does not meet the condition any more.
func (g *guest) clear(ctx context.Context) {
	l := g.sentry.lookout
	l.mu.Lock()
	t, scope := g.sentry.trigger, g.sentry.scope()
	l.mu.Unlock()
	err := l.config.Store.Unmark(ctx, scope, g.device)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		l.config.Observe(t.event(Failed, g.device, err))
		g.later(g.clear)
		return
	}
	g.reach(idle)
}

// later does a task again after a pause.
func (g *guest) later(t task) {
	l := g.sentry.lookout
	l.mu.Lock()
	defer l.mu.Unlock()
	l.config.Clock.After(g.pause(), func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.ctx.Err() == nil {
			l.do(t)
		}
	})
}

// reach says that what was under way is done.
func (g *guest) reach(p phase) {
	l := g.sentry.lookout
	l.mu.Lock()
	defer l.mu.Unlock()
	g.phase, g.tries = p, 0
	g.settle()
}
