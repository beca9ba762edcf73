// Package journal keeps what happened.
//
// A run is a list of events, appended and never changed. All else we know about a run (its status,
// what it waits for, its timeline) is computed from that list, so there is nothing to keep in step;
// the few facts in Run are kept beside it only so that runs can be listed.
//
// One writer a run, many readers. Append is durable when it returns, and many runs append at the
// same time: an implementation may commit for all who wait at once. What a run means is not known
// here: see package engine.
package journal

import (
	"context"
	"errors"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// A Journal keeps the events of runs. Its methods may be called from many places at once. Times come
// back in UTC with their nanoseconds, values as the JSON they are; lists are never nil.
type Journal interface {
	// Begin keeps a new run. started is its first event, RunStarted; its Start says the rest, and its
	// number is 1. sources are the workflow and the files it calls. ErrExists: the id is taken.
	Begin(ctx context.Context, started engine.Event, sources []Source) error

	// Append numbers events in place, from the run's last number on, and keeps all of them or, with
	// an error, none. RunEnded is the last event of a run: ErrEnded, if it is there already. The
	// caller does not change the events afterwards.
	Append(ctx context.Context, run string, events []engine.Event) error

	// Events are those of a run with numbers above after, in order. The caller does not change them.
	Events(ctx context.Context, run string, after int64) ([]engine.Event, error)

	// Sources are the files a run was begun with, in the same order.
	Sources(ctx context.Context, run string) ([]Source, error)

	// Run is what is known of a run without reading its events.
	Run(ctx context.Context, id string) (Run, error)

	// Runs are all runs, the latest first.
	Runs(ctx context.Context) ([]Run, error)
}

// A Source is a workflow file as it was when the run began. Equal texts are kept once.
type Source struct {
	File string
	Text []byte
}

// A Run is a line in the list of runs.
type Run struct {
	ID       string
	Workflow string
	File     string
	Hash     string // of the source
	Hub      string
	Started  time.Time
	Ended    time.Time     // zero: under way, or left behind
	Status   engine.Status // empty until it has ended
}

// What a Journal answers to a caller who is mistaken; found by errors.Is.
var (
	ErrNotFound = errors.New("there is no such run")
	ErrExists   = errors.New("there is a run of this id already")
	ErrEnded    = errors.New("the run has ended")
)

// NewRun is the line of a run that begins with started, or an error if that is no beginning.
func NewRun(started engine.Event) (Run, error) {
	s := started.Start
	if started.Kind != engine.RunStarted || s == nil || s.ID == "" {
		return Run{}, errors.New("a run begins with RunStarted, which has its id")
	}
	return Run{ID: s.ID, Workflow: s.Workflow, File: s.File, Hash: s.Hash, Hub: s.Hub, Started: started.Time}, nil
}

// Apply brings a run's line up to date with an event that is appended.
func (r *Run) Apply(e engine.Event) {
	if e.Kind == engine.RunEnded && e.End != nil {
		r.Ended, r.Status = e.Time, e.End.Status
	}
}
