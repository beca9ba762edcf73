package runner

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// Resume goes on with a run from its journal, with the program it was started with, made from the
// sources that the journal keeps. Attempts that
// were under way are made again, but for effects that must not happen twice: those end as
// interrupted. Timers wait for what is left. What was observed before is not observed again. A run
// that has ended is not touched; its Handle knows the outcome.
func (r *Runner) Resume(ctx context.Context, p *engine.Program, run string) (*Handle, error) {
	events, err := r.config.Journal.Events(ctx, run, 0)
	if err != nil {
		return nil, fmt.Errorf("the journal could not be read, so nothing was done: %w", err)
	}
	if len(events) == 0 || events[0].Start == nil {
		return nil, fmt.Errorf("run %s cannot go on: its journal does not begin with its start", run)
	}
	info := *events[0].Start
	kept, err := r.config.Journal.Sources(ctx, run)
	if err != nil {
		return nil, fmt.Errorf("the journal could not be read, so nothing was done: %w", err)
	}
	if !slices.EqualFunc(kept, sources(p), sameSource) {
		return nil, fmt.Errorf("run %s was started with another version of %s or of what it calls; resume it with the one the journal keeps", run, info.File)
	}
	past := replay(engine.NewRun(p), events)
	l := newLoop(&r.config, past.plan, info)
	if past.ended != nil {
		return r.over(l, *past.ended), nil
	}
	return r.launch(ctx, l, func(l *loop) engine.Decision {
		l.observe(Update{Time: l.now(), Start: &info, Resumed: true})
		l.cancelled = past.cancelled
		return l.pickUp(past)
	})
}

func sameSource(a, b journal.Source) bool { return a.File == b.File && bytes.Equal(a.Text, b.Text) }

// over is the handle of a run that ended before.
func (r *Runner) over(l *loop, end engine.Outcome) *Handle {
	h := newHandle(l)
	h.done.Resolve(ending{outcome: end})
	return h
}

// history is what the events of a run leave to do.
type history struct {
	plan      *engine.Run
	started   map[engine.Address]time.Time // attempts that began
	stopped   map[engine.Address]bool      // attempts that were told to end
	cancelled bool
	end       *engine.Outcome // the planner's, RunEnded is not in the journal yet
	ended     *engine.Outcome // the journal's
}

func replay(plan *engine.Run, events []engine.Event) history {
	h := history{plan: plan, started: map[engine.Address]time.Time{}, stopped: map[engine.Address]bool{}}
	for _, e := range events {
		switch e.Kind {
		case engine.StepStarted:
			h.started[e.At] = e.Time
		case engine.CancelRequested:
			h.cancelled = true
		case engine.RunEnded:
			h.ended = e.End
		}
	}
	d := plan.Next(events...)
	for _, c := range d.Commands {
		if c.Kind == engine.CommandStop {
			h.stopped[c.At] = true
		}
	}
	h.end = d.End
	return h
}

// pickUp decides what to do about commands that have no answer yet.
func (l *loop) pickUp(past history) engine.Decision {
	d := engine.Decision{End: past.end}
	for _, c := range past.plan.Outstanding() {
		sent, started := past.started[c.At]
		if c.Kind == engine.CommandDo && c.Delivery == engine.Once && started {
			l.answer(c.At, interrupted(sent, past.stopped[c.At]))
			continue
		}
		d.Commands = append(d.Commands, c)
		if past.stopped[c.At] {
			d.Commands = append(d.Commands, engine.Command{Kind: engine.CommandStop, At: c.At})
		}
	}
	return d
}

// interrupted is the failure of an effect that was under way when the process ended.
func interrupted(sent time.Time, stopped bool) *engine.Error {
	kind := engine.KindInterrupted
	if stopped {
		kind = engine.KindCancelled
	}
	return &engine.Error{
		Kind: kind, MaybeDone: true,
		Message: fmt.Sprintf("the request was sent at %s; whether it took effect is unknown", sent.UTC().Format("15:04:05 UTC on 2006-01-02")),
	}
}
