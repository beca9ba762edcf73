package runner

import (
	"context"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// wake is the first act of a loop whose run was parked. Of a fresh one people have not heard here yet.
func (l *loop) wake(ctx context.Context, fresh bool) (*engine.Outcome, error) {
	past, err := l.read(ctx, l.id)
	if err != nil {
		return nil, err
	}
	if past.ended != nil {
		l.stopWatches()
		return past.ended, nil
	}
	l.unsettled = l.config.Clock.After(headStart, l.settled)
	return l.goOn(ctx, past, fresh)
}

// goOn is the first act of a loop whose run has a past.
func (l *loop) goOn(ctx context.Context, past history, fresh bool) (*engine.Outcome, error) {
	if l.draining.Load() {
		return nil, drained(l.id)
	}
	l.info, l.born, l.plan = past.info, past.line.Started, past.plan
	l.events, l.told = past.events, past.line.Standing
	for _, e := range past.requests {
		l.note(e)
	}
	if fresh {
		now := l.now()
		if now.After(l.asked) { // what came before it is heard now
			l.asked = now
		}
		l.observe(Update{Time: now, Start: &l.info, Resumed: true, Queued: l.plan.Queued()})
	}
	return l.follow(ctx, nil, l.pickUp(past))
}

// pickUp is what there is to do about commands that have no answer yet. What a watch still waits for is taken over.
func (l *loop) pickUp(past history) work {
	d := engine.Decision{End: past.end}
	inherited := map[engine.Address]*watch{}
	for _, w := range l.inherited {
		inherited[w.what.At] = w
	}
	for _, c := range l.plan.Outstanding() {
		sent, started := past.started[c.At]
		c = l.inTime(c, sent)
		switch w := inherited[c.At]; {
		case w != nil:
			l.takeOver(c, w)
		case c.Kind == engine.CommandDo && c.Delivery == engine.Once && started:
			l.answer(c.At, interrupted(c, sent, past.stopped[c.At]))
			continue
		default:
			d.Commands = append(d.Commands, c)
		}
		if past.stopped[c.At] {
			d.Commands = append(d.Commands, engine.Command{Kind: engine.CommandStop, At: c.At})
		}
	}
	l.inherited = nil
	return l.sort(d, past.started)
}

// inTime gives an attempt all its time from when it began, or, where it has not, from now: who planned it may have
// ended before that. The timeouts of what stands around it are timers of their own.
func (l *loop) inTime(c engine.Command, began time.Time) engine.Command {
	if c.Kind != engine.CommandDo || c.Limit == 0 {
		return c
	}
	if began.IsZero() {
		began = l.now()
	}
	c.Deadline = began.Add(c.Limit)
	return c
}
