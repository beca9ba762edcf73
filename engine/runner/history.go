package runner

import (
	"context"
	"fmt"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// history is what the events of a run leave to do.
type history struct {
	line     journal.Run
	info     engine.RunStart
	plan     *engine.Run
	events   int
	started  map[engine.Address]time.Time // attempts that began
	stopped  map[engine.Address]bool      // attempts that were told to end
	requests []engine.Event
	end      *engine.Outcome // the planner's, RunEnded is not in the journal yet
	ended    *engine.Outcome // the journal's; then there is no more than line and info
}

// load gives what the journal has of a run.
func (r *Runner) load(ctx context.Context, run string) (journal.Run, []engine.Event, error) {
	line, err := r.config.Journal.Run(ctx, run)
	if err != nil {
		return line, nil, unreadable(run, err)
	}
	events, err := r.config.Journal.Events(ctx, run, 0)
	if err != nil {
		return line, nil, unreadable(run, err)
	}
	if len(events) == 0 || events[0].Start == nil {
		return line, nil, fmt.Errorf("run %s cannot go on: its journal does not begin with its start", run)
	}
	return line, events, nil
}

// read rebuilds a run from its journal.
func (r *Runner) read(ctx context.Context, run string) (history, error) {
	line, events, err := r.load(ctx, run)
	if err != nil {
		return history{}, err
	}
	h := history{line: line, info: *events[0].Start, events: len(events)}
	if last := events[len(events)-1]; last.Kind == engine.RunEnded {
		h.ended = last.End
		return h, nil
	}
	p, err := r.programOf(ctx, line)
	if err != nil {
		return history{}, err
	}
	h.replay(p, events)
	return h, nil
}

func unreadable(run string, err error) error {
	return &journalError{run, "the journal could not be read, so nothing was done", err}
}

// A journalError says that a run stays where it is because the journal cannot be used. That may pass.
type journalError struct {
	run, what string
	err       error
}

func (e *journalError) Error() string { return fmt.Sprintf("run %s: %s: %v", e.run, e.what, e.err) }
func (e *journalError) Unwrap() error { return e.err }

func (h *history) replay(p *engine.Program, events []engine.Event) {
	h.plan, h.started, h.stopped = engine.NewRun(p), map[engine.Address]time.Time{}, map[engine.Address]bool{}
	for _, e := range events {
		switch {
		case e.Kind == engine.StepStarted:
			h.started[e.At] = e.Time
		case e.Kind == engine.StepDone:
			delete(h.started, e.At)
		case isRequest(e.Kind):
			h.requests = append(h.requests, e)
		}
	}
	d := h.plan.Next(events...)
	for _, c := range d.Commands {
		if c.Kind == engine.CommandStop {
			h.stopped[c.At] = true
		}
	}
	h.end = d.End
}

// interrupted is the failure of an effect that was under way when the process ended.
func interrupted(c engine.Command, sent time.Time, stopped bool) *engine.Error {
	kind := engine.KindInterrupted
	if stopped {
		kind = engine.KindCancelled
	}
	what, unknown := c.Type.Name, "whether it took effect is unknown"
	if c.Device != "" && !c.Type.NoDevice {
		what, unknown = what+" on "+c.Device, "whether the device acted on it is unknown"
	}
	return &engine.Error{
		Kind: kind, MaybeDone: true, Device: c.Device,
		Message: fmt.Sprintf("%s: the request was sent at %s; %s", what, sent.UTC().Format("15:04:05 UTC on 2006-01-02"), unknown),
	}
}
