// Package record is a run as it is shown: what the journal knows of it, gathered, and the documents made of that.
//
// The command line and the HTTP API give the same documents, since both take them from here; docs/output.md describes
// them. Keys may be added; none is taken away or changes its meaning.
//
// It only reads, and knows neither screens nor requests.
package record

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// A Record is what the journal knows of a run.
type Record struct {
	Run      journal.Run
	Start    engine.RunStart
	Events   []engine.Event
	Program  *engine.Program // nil: see Unread
	Traced   *engine.Traced  // nil: see Unread
	Unread   string          // why nothing can be said of the steps
	Sights   map[engine.Address]journal.Sight
	Wishes   []journal.Request     // that nobody has answered yet
	Retries  []journal.Run         // that tried it again, the earliest first
	Orphan   bool                  // the run that it tries again is gone
	Children map[engine.Status]int // parts of it that are runs themselves
	Holdings []journal.Holding     // the slots that it waits for, of a run that is queued
}

// Compile makes a program of the sources that the journal keeps; the first is the workflow's.
type Compile func(sources []journal.Source) (*engine.Program, error)

// A Journal is what is read of one; its methods are described in package journal.
type Journal interface {
	Lister
	Run(ctx context.Context, id string) (journal.Run, error)
	Events(ctx context.Context, run string, after int64) ([]engine.Event, error)
	Sources(ctx context.Context, run string) ([]journal.Source, error)
	Sights(ctx context.Context, run string) ([]journal.Sight, error)
	Wishes(ctx context.Context, run string) ([]journal.Request, error)
	Children(ctx context.Context, run string) (map[engine.Status]int, error)
	Holders(ctx context.Context, run string) ([]journal.Holding, error)
}

// Read gathers what is known of a run, which may go on meanwhile: its events are what counts.
func Read(ctx context.Context, j Journal, run journal.Run, compile Compile) (Record, error) {
	r := Record{Run: run}
	if err := r.readAround(ctx, j); err != nil {
		return r, err
	}
	if len(r.Events) > 0 && r.Events[0].Start != nil {
		r.Start = *r.Events[0].Start
	}
	if end := r.End(); end != nil {
		r.Run.Status, r.Run.Ended = end.Status, r.Events[len(r.Events)-1].Time
	}
	sources, err := j.Sources(ctx, run.ID)
	if err != nil {
		return r, err
	}
	if r.Program, err = compile(sources); err != nil {
		r.Unread = err.Error()
		return r, nil
	}
	if r.Unread = strangeEvent(r.Events); r.Unread == "" {
		r.Traced = engine.Trace(r.Program, r.Events)
	}
	return r, nil
}

// readAround reads the run's events and what stands beside them.
func (r *Record) readAround(ctx context.Context, j Journal) (err error) {
	if r.Events, err = j.Events(ctx, r.Run.ID, 0); err != nil {
		return err
	}
	sights, err := j.Sights(ctx, r.Run.ID)
	if err != nil {
		return err
	}
	r.Sights = make(map[engine.Address]journal.Sight, len(sights))
	for _, s := range sights {
		r.Sights[s.At] = s
	}
	if r.Wishes, err = j.Wishes(ctx, r.Run.ID); err != nil {
		return err
	}
	if r.Children, err = j.Children(ctx, r.Run.ID); err != nil {
		return err
	}
	if r.Run.Standing.Queued {
		if r.Holdings, err = j.Holders(ctx, r.Run.ID); err != nil {
			return err
		}
	}
	if r.Retries, err = retriesOf(ctx, j, r.Run); err != nil || r.Run.RetryOf == "" {
		return err
	}
	_, err = j.Run(ctx, r.Run.RetryOf)
	if r.Orphan = errors.Is(err, journal.ErrNotFound); r.Orphan {
		return nil
	}
	return err
}

// End is how the run ended; nil: it has not.
func (r Record) End() *engine.Outcome {
	if len(r.Events) == 0 {
		return nil
	}
	return r.Events[len(r.Events)-1].End
}

// RetryOf names the run that this one tries again.
func (r Record) RetryOf() string {
	if r.Orphan {
		return r.Run.RetryOf + ", which is not in the journal any more"
	}
	return r.Run.RetryOf
}

// Requests are the wishes that changed its course, as far as its steps are known.
func (r Record) Requests() []engine.Request {
	if r.Traced == nil {
		return nil
	}
	return r.Traced.Requests
}

// SightOf is what the latest attempt of a step saw last.
func (r Record) SightOf(s *engine.TracedStep) (sight journal.Sight, ok bool) {
	if n := len(s.Attempts); n > 0 {
		sight, ok = r.Sights[s.Attempts[n-1].At]
	}
	return sight, ok
}

// strangeEvent says which event is of a kind that only newer versions know; empty: none.
func strangeEvent(events []engine.Event) string {
	known := []engine.EventKind{
		engine.RunStarted, engine.StepStarted, engine.StepDone, engine.TimerFired, engine.CancelRequested,
		engine.PauseRequested, engine.ResumeRequested, engine.RunAdmitted, engine.SignalReceived, engine.RunEnded,
	}
	for _, e := range events {
		if !slices.Contains(known, e.Kind) {
			return fmt.Sprintf("event %d is of a kind that it does not know: %s", e.Seq, Clean(string(e.Kind)))
		}
	}
	return ""
}

// retriesOf are the runs that tried a run again, the earliest first. Of one that has not ended, or well, there are none.
func retriesOf(ctx context.Context, j Journal, run journal.Run) (retries []journal.Run, err error) {
	if run.Status == "" || run.Status == engine.Succeeded {
		return nil, nil
	}
	for other, err := range Each(ctx, j, journal.Filter{RetryOf: run.ID, Parent: run.Parent}) {
		if err != nil {
			return nil, err
		}
		retries = append(retries, other)
	}
	slices.Reverse(retries)
	return retries, nil
}
