package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// A record is what the journal knows of a run.
type record struct {
	run      journal.Run
	start    engine.RunStart
	events   []engine.Event
	program  *engine.Program // nil: see unread
	traced   *engine.Traced  // nil: see unread
	unread   string          // why nothing can be said of the steps
	sights   []journal.Sight
	wishes   []journal.Request     // that nobody has answered yet
	retries  []journal.Run         // that tried it again, the earliest first
	orphan   bool                  // the run that it tries again is gone
	children map[engine.Status]int // parts of it that are runs themselves
}

// readRecord reads a run, which may go on meanwhile: its events are what counts.
func readRecord(ctx context.Context, j journal.Journal, run journal.Run) (record, error) {
	r := record{run: run}
	var err error
	if r.events, err = j.Events(ctx, run.ID, 0); err != nil {
		return r, err
	}
	if r.sights, err = j.Sights(ctx, run.ID); err != nil {
		return r, err
	}
	if r.wishes, err = j.Wishes(ctx, run.ID); err != nil {
		return r, err
	}
	if r.children, err = j.Children(ctx, run.ID); err != nil {
		return r, err
	}
	if r.retries, err = retriesOf(ctx, j, run); err != nil {
		return r, err
	}
	if run.RetryOf != "" {
		_, err := j.Run(ctx, run.RetryOf)
		if r.orphan = errors.Is(err, journal.ErrNotFound); err != nil && !r.orphan {
			return r, err
		}
	}
	if len(r.events) > 0 && r.events[0].Start != nil {
		r.start = *r.events[0].Start
	}
	if n := len(r.events); n > 0 && r.events[n-1].End != nil {
		r.run.Status, r.run.Ended = r.events[n-1].End.Status, r.events[n-1].Time
	}
	sources, err := j.Sources(ctx, run.ID)
	if err != nil {
		return r, err
	}
	if r.program, err = compileStored(sources); err != nil {
		r.unread = err.Error()
		return r, nil
	}
	if r.unread = strangeEvent(r.events); r.unread == "" {
		r.traced = engine.Trace(r.program, r.events)
	}
	return r, nil
}

// retryOf names the run that this one tries again.
func (r record) retryOf() string {
	if r.orphan {
		return r.run.RetryOf + ", which is not in the journal any more"
	}
	return r.run.RetryOf
}

// requests are the wishes that changed its course, as far as its steps are known.
func (r record) requests() []engine.Request {
	if r.traced == nil {
		return nil
	}
	return r.traced.Requests
}

// strangeEvent says which event is of a kind that only newer versions know; empty: none.
func strangeEvent(events []engine.Event) string {
	known := []engine.EventKind{
		engine.RunStarted, engine.StepStarted, engine.StepDone, engine.TimerFired, engine.CancelRequested,
		engine.PauseRequested, engine.ResumeRequested, engine.RunEnded,
	}
	for _, e := range events {
		if !slices.Contains(known, e.Kind) {
			return fmt.Sprintf("event %d is of a kind that it does not know: %s", e.Seq, clean(string(e.Kind)))
		}
	}
	return ""
}

// retriesOf are the runs that tried a run again, the earliest first. Of one that has not ended, or well, there are none.
func retriesOf(ctx context.Context, j journal.Journal, run journal.Run) (retries []journal.Run, err error) {
	if run.Status == "" || run.Status == engine.Succeeded {
		return nil, nil
	}
	for other, err := range eachRun(ctx, j, journal.Filter{RetryOf: run.ID, Parent: run.Parent}) {
		if err != nil {
			return nil, err
		}
		retries = append(retries, other)
	}
	slices.Reverse(retries)
	return retries, nil
}
