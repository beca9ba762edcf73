package device

import (
	"context"
	"errors"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/internal/clock"
)

// A play is one run through a list of steps. It drives the planner: carries out commands, and brings
// back what came of them. There is no journal, since a simulation does not outlive its process.
type play struct {
	device   *device
	call     *call // nil: it is not for a method
	run      *engine.Run
	news     *clock.Queue[engine.Event]
	timers   map[engine.Address]func() bool
	attempts map[engine.Address]context.CancelFunc
}

// play runs a list to its end; nil if ctx ended first. names are what its expressions see beside the device.
func (d *device) play(ctx context.Context, list *list, c *call, names map[string]any) *engine.Outcome {
	all := map[string]any{"device": d.self()}
	for name, value := range names {
		all[name] = value
	}
	p := &play{
		device: d, call: c, news: clock.NewQueue[engine.Event](d.in.clock),
		run: engine.NewRunIn(list.program, engine.Surroundings{Names: all, Live: d.sees, Noise: d.noise}),
	}
	end := p.drive(ctx, list)
	p.leave()
	if end != nil && end.Status != engine.Succeeded {
		d.log("error", "%s failed: %s", list.name, describe(end.Error))
	}
	return end
}

// describe says what went wrong and where in the file.
func describe(e *engine.Error) string {
	if e.Where == "" {
		return e.Message
	}
	return e.Where + ": " + e.Step + ": " + e.Message
}

func (p *play) drive(ctx context.Context, list *list) *engine.Outcome {
	start := &engine.RunStart{ID: p.device.ID + "/" + list.name, Workflow: list.name, File: list.program.File, Hash: list.program.Hash}
	events := []engine.Event{{Kind: engine.RunStarted, Time: p.device.in.clock.Now(), Start: start}}
	for {
		decision := p.run.Next(events...)
		p.tell(decision.Notes)
		for _, c := range decision.Commands {
			p.carryOut(ctx, c)
		}
		if decision.End != nil {
			return decision.End
		}
		var err error
		if events, err = p.news.Take(ctx); err != nil {
			return nil
		}
	}
}

// leave drops what is still under way when a play is over.
func (p *play) leave() {
	for _, stop := range p.timers {
		stop()
	}
	for _, cancel := range p.attempts {
		cancel()
	}
}

func (p *play) carryOut(ctx context.Context, c engine.Command) {
	switch c.Kind {
	case engine.CommandTimer:
		p.startTimer(c)
	case engine.CommandStopTimer:
		if stop := p.timers[c.At]; stop != nil {
			stop()
			delete(p.timers, c.At)
		}
	case engine.CommandDo:
		p.start(ctx, c)
	case engine.CommandStop:
		if cancel := p.attempts[c.At]; cancel != nil {
			cancel()
		}
	}
}

func (p *play) startTimer(c engine.Command) {
	if p.timers == nil {
		p.timers = map[engine.Address]func() bool{}
	}
	now := p.device.in.clock.Now()
	p.timers[c.At] = p.device.in.clock.After(c.Due.Sub(now), func() {
		p.news.Put(engine.Event{Kind: engine.TimerFired, Time: p.device.in.clock.Now(), At: c.At})
	})
}

// start carries out an attempt in a party of its own, since it may wait.
func (p *play) start(ctx context.Context, c engine.Command) {
	if p.attempts == nil {
		p.attempts = map[engine.Address]context.CancelFunc{}
	}
	d := p.device
	attempt, cancel := d.attempt(ctx, c)
	p.attempts[c.At] = cancel
	d.in.partyIn(attempt, "step "+string(c.At)+" of "+d.ID, func(ctx context.Context) {
		value, err := p.do(ctx, c)
		failed := failureOf(ctx, c, err)
		cancel()
		p.news.Put(engine.Event{Kind: engine.StepDone, Time: d.in.clock.Now(), At: c.At, Value: value, Error: failed})
	})
}

// attempt is the context of an attempt, which may have a deadline.
func (d *device) attempt(ctx context.Context, c engine.Command) (context.Context, context.CancelFunc) {
	if c.Deadline.IsZero() {
		return d.in.clock.WithCancel(ctx)
	}
	return d.in.clock.WithTimeout(ctx, c.Deadline.Sub(d.in.clock.Now()))
}

func (p *play) do(ctx context.Context, c engine.Command) (any, error) {
	return p.device.in.actions.Do(ctx, Env{device: p.device, call: p.call}, c, func(string) string { return "" })
}

// failureOf is the error of an attempt as the planner wants it.
func failureOf(ctx context.Context, c engine.Command, err error) *engine.Error {
	var known *engine.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return &engine.Error{Kind: engine.KindTimeout, Message: "did not end within " + expr.FormatDuration(c.Timeout)}
	case ctx.Err() != nil:
		return &engine.Error{Kind: engine.KindCancelled}
	}
	return &engine.Error{Kind: engine.KindUnavailable, Message: err.Error()}
}

// tell puts what steps log, and failures that do not end the play, into the device's log.
func (p *play) tell(notes []engine.Note) {
	for _, n := range notes {
		switch {
		case n.Kind == engine.NoteLog:
			text := n.Log.Message
			if len(n.Log.Fields) > 0 {
				text += " " + expr.Show(n.Log.Fields)
			}
			p.device.log(n.Log.Level, "%s", text)
		case n.Kind == engine.NoteStepEnded && n.Status == engine.Failed && n.Step.ContinueOnError:
			p.device.log("warn", "%s; the steps go on", describe(n.Error))
		}
	}
}
