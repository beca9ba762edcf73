package runner

import (
	"context"
	"fmt"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// A loop drives one run. All its fields belong to the loop's party; others talk to it by the inbox.
type loop struct {
	config *Config
	plan   *engine.Run
	info   engine.RunStart

	inbox     *clock.Queue[news]
	jobs      map[engine.Address]*job
	timers    map[engine.Address]*timer
	starts    []engine.Event // begun attempts, to be kept with what is kept next
	parties   int            // attempts that have not returned, those given up on included
	cancelled bool           // one request is enough
}

// news is what a party or a timer tells the loop. Called by the loop, it gives the event that
// happened, or false if it matters to nobody any more.
type news func() (engine.Event, bool)

func newLoop(c *Config, plan *engine.Run, info engine.RunStart) *loop {
	return &loop{
		config: c, plan: plan, info: info, inbox: clock.NewQueue[news](c.Clock),
		jobs: map[engine.Address]*job{}, timers: map[engine.Address]*timer{},
	}
}

// run drives the run to its end, or until ctx ends or the journal fails.
func (l *loop) run(ctx context.Context, begin func(*loop) engine.Decision) ending {
	inner, stop := l.config.Clock.WithCancel(ctx)
	end, err := l.drive(inner, begin(l))
	l.stopTimers()
	stop()
	if err == nil {
		return ending{outcome: *end}
	}
	l.leave(ctx)
	if ctx.Err() != nil {
		err = fmt.Errorf("run %s: %w: %w", l.info.ID, ErrStopped, context.Cause(ctx))
	}
	l.observe(Update{Time: l.now(), Err: err})
	return ending{err: err}
}

func (l *loop) drive(ctx context.Context, d engine.Decision) (*engine.Outcome, error) {
	for {
		if err := l.carryOut(ctx, d); err != nil {
			return nil, err
		}
		if d.End != nil {
			return d.End, nil
		}
		events, err := l.take(ctx)
		if err != nil {
			return nil, err
		}
		if events, err = l.keep(ctx, events); err != nil {
			return nil, err
		}
		d = l.plan.Next(events...)
	}
}

// take waits until something has happened, and gives all that is at hand.
func (l *loop) take(ctx context.Context) ([]engine.Event, error) {
	for {
		all, err := l.inbox.Take(ctx)
		var events []engine.Event
		for _, n := range all { // heard even if ctx has ended: leave counts who has returned
			if e, ok := n(); ok {
				events = append(events, e)
			}
		}
		if err != nil || ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if len(events) > 0 {
			engine.SortEvents(events)
			return events, nil
		}
	}
}

// keep has the journal keep what happened, after the starts that were left for it, and gives all of
// it numbered.
func (l *loop) keep(ctx context.Context, events []engine.Event) ([]engine.Event, error) {
	if len(l.starts) > 0 {
		events = append(l.starts, events...)
		l.starts = nil
	}
	if err := l.config.Journal.Append(ctx, l.info.ID, events, journal.Standing{}); err != nil {
		return nil, fmt.Errorf("run %s: the journal could not be written, so nothing further was done: %w", l.info.ID, err)
	}
	return events, nil
}

// carryOut makes a decision happen. Effects begin before people hear of it, so that a slow observer
// takes no time from them.
func (l *loop) carryOut(ctx context.Context, d engine.Decision) error {
	begin := l.sort(d.Commands)
	if err := l.keepStarts(ctx, begin); err != nil {
		return err
	}
	for _, c := range begin {
		l.begin(ctx, c)
	}
	if d.End == nil {
		l.observeNotes(d.Notes)
		return nil
	}
	ended := engine.Event{Time: l.now(), Kind: engine.RunEnded, End: d.End}
	if _, err := l.keep(ctx, []engine.Event{ended}); err != nil {
		return err
	}
	l.observeNotes(d.Notes)
	l.observe(Update{Time: ended.Time, End: d.End})
	return nil
}

// sort does at once what needs no intent, and gives the attempts to begin. What is stopped in the
// same decision never begins.
func (l *loop) sort(commands []engine.Command) (begin []engine.Command) {
	stopped := stops(commands)
	for _, c := range commands {
		switch c.Kind {
		case engine.CommandTimer:
			l.startTimer(c)
		case engine.CommandStopTimer:
			l.stopTimer(c.At)
		case engine.CommandStop:
			l.stopJob(c.At)
		case engine.CommandDo:
			if stopped[c.At] {
				l.answer(c.At, notBegun())
			} else {
				begin = append(begin, c)
			}
		}
	}
	return begin
}

func stops(commands []engine.Command) map[engine.Address]bool {
	var stopped map[engine.Address]bool
	for _, c := range commands {
		if c.Kind == engine.CommandStop {
			if stopped == nil {
				stopped = map[engine.Address]bool{}
			}
			stopped[c.At] = true
		}
	}
	return stopped
}

// keepStarts keeps that attempts begin: at once if one of them must not happen twice, else
// with whatever is kept next.
func (l *loop) keepStarts(ctx context.Context, begin []engine.Command) error {
	once := false
	for _, c := range begin {
		l.starts = append(l.starts, engine.Event{
			Time: l.now(), Kind: engine.StepStarted, At: c.At, Params: maskParams(c.Params),
		})
		once = once || c.Delivery == engine.Once
	}
	if !once {
		return nil
	}
	kept, err := l.keep(ctx, nil)
	if err == nil {
		l.plan.Next(kept...) // a start decides nothing; it only moves the planner's time
	}
	return err
}

// answer tells the loop itself how an attempt ended that no party carries out.
func (l *loop) answer(at engine.Address, failure *engine.Error) {
	done := engine.Event{Time: l.now(), Kind: engine.StepDone, At: at, Error: failure}
	l.inbox.Put(func() (engine.Event, bool) { return done, true })
}

func (l *loop) cancel(reason string) {
	request := engine.Event{Time: l.now(), Kind: engine.CancelRequested, Reason: reason}
	l.inbox.Put(func() (engine.Event, bool) {
		first := !l.cancelled
		l.cancelled = true
		return request, first
	})
}

// leave waits until the attempts have returned, which are told to; those who do not hear are left
// behind.
func (l *loop) leave(ctx context.Context) {
	ctx, cancel := l.config.Clock.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	for l.parties > 0 {
		all, err := l.inbox.Take(ctx)
		if err != nil {
			return
		}
		for _, n := range all {
			n()
		}
	}
}
