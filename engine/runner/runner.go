// Package runner makes the commands of runs happen on this machine.
//
// A run that does something has a loop, a party of its own under the clock. It takes what has happened, asks the
// planner what follows, has the journal keep both in one commit, and only then acts: attempts of steps begin, each a
// party too, and people are told. What nobody could be hurt by losing (a pure step, a read) rides with the next commit.
// What a run means is decided in package engine alone; the runner only carries out.
//
// A run that only waits, for a time, for steps whose type Parks, for what somebody tells it or for its turn, has no loop:
// it is parked. What remains of it in memory is a place in a heap of times and, for each step that Parks, its watch. When
// its time comes, a watch answers or somebody asks for something, it is rebuilt from its journal; at most some dozens are
// at the same time.
//
// A run that others leave no room for is queued: the journal has it, and says when its turn has come.
//
// The promises:
//   - An effect (a delivery other than Read) begins after its intent is in the journal, and a Once never begins twice.
//   - Whatever a step does (panic, ignore its context, answer too much) ends as the failure of that step.
//   - A run whose journal cannot be written, or that another process has taken over, does nothing further here.
//   - A run that was stopped at any point, even within a commit, goes on from its journal with Resume, Recover or, once
//     it has ended, with Retry as a new run. What was lost with the process was nothing that anything in the journal
//     depends on.
//   - Parked or not, a run takes the same course.
//   - After Drain nothing that had an answer is without it, and nothing was begun that has none.
//   - When the context of a run ends, all that it has here ends, too: attempts, watches and timers.
//
// It is no scheduler and keeps no list of runs: see packages schedule and journal.
package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// Config is what a Runner needs; Clock, Journal and Do must be set.
type Config struct {
	Clock   clock.Clock
	Journal journal.Journal

	// Do carries out one attempt of a step and returns its outputs as JSON, which may come beside an
	// error. It returns soon after ctx ends. waiting tells people what a waiting step sees. Failures are
	// *engine.Error, or say what they are by the methods ErrorKind() string, MaybeDone() bool and
	// RetryAfter() time.Duration. Do is called from many parties at once.
	Do func(ctx context.Context, run engine.RunStart, c engine.Command, waiting func(what string)) (any, error)

	// Watch begins an attempt whose type Parks, and returns at once. answer is called once with what Do would
	// return, from anywhere, perhaps before Watch has returned. stop makes it be called at once, unless it was, with
	// an error that wraps cause: context.DeadlineExceeded or context.Canceled. What is kept meanwhile should not
	// hold c. nil: Do carries such attempts out, and they are not parked.
	Watch func(run engine.RunStart, c engine.Command, waiting func(what string), answer func(any, error)) (stop func(cause error))

	// Program makes a program of the sources that a journal keeps; the first is the workflow's. Runs that
	// are rebuilt need it. It is asked once for all that have the same sources.
	Program func(sources []journal.Source) (*engine.Program, error)

	// Park has runs leave memory while they only wait.
	Park bool

	// Observe is told what happens in a run, in order. The run's loop waits for it.
	Observe func(Update)
}

// A Runner carries out runs.
type Runner struct {
	config   Config
	programs programs

	recovered atomic.Bool // all runs have been here that this process drove when it began
	draining  atomic.Bool // nothing further begins

	mu      sync.Mutex                        // guards what follows, lots and watches
	active  map[string]*loop                  // runs in memory
	lots    []*lot                            // where the others are
	letters map[string][]engine.Event         // requests that wait until the run is in memory
	waiters map[string]*clock.Promise[ending] // of those who wait for the end of a parked run
	failed  map[string]error                  // why runs are no longer driven here that have not ended
	closing int                               // lots that are about to be gone
	drained *clock.Promise[struct{}]          // no run is here any more, and none will be; nil: nobody has asked for that
}

// New makes a Runner. It hears of requests that others make through the journal for as long as that is open.
func New(c Config) *Runner {
	if c.Observe == nil {
		c.Observe = func(Update) {}
	}
	r := &Runner{
		config: c, active: map[string]*loop{}, letters: map[string][]engine.Event{},
		waiters: map[string]*clock.Promise[ending]{}, failed: map[string]error{},
	}
	c.Journal.Listen(r.hear)
	return r
}

// ErrStopped is in the error of a run that was stopped without an ending; Resume goes on with it.
var ErrStopped = errors.New("the run was stopped before its end")

// Start begins a run of p. What start leaves empty is filled in: the id, and what the program knows
// of itself. On virtual time give the id, since the jitter of retries follows from it. The error is about inputs
// that do not fit, a journal that cannot be written, or other runs, as StartAs says; then nothing was done. When ctx
// ends, the run stops where it is, as if the process had died. Runs that are to be parked should have the same ctx: each
// has a party.
func (r *Runner) Start(ctx context.Context, p *engine.Program, start engine.RunStart) (*Handle, error) {
	return r.StartAs(ctx, p, start, Admission{})
}

// complete fills in what start leaves empty, and makes its values what the journal gives back.
func complete(p *engine.Program, start engine.RunStart, now time.Time) (engine.RunStart, error) {
	value, _, err := settle(start.Inputs)
	if err != nil {
		return start, fmt.Errorf("inputs: %w", err)
	}
	inputs, _ := value.(map[string]any)
	if start.Inputs, err = p.CheckInputs(inputs); err != nil {
		return start, err
	}
	if start.Trigger, _, err = settle(start.Trigger); err != nil {
		return start, fmt.Errorf("trigger: %w", err)
	}
	if start.ID == "" {
		start.ID = journal.NewID(now)
	}
	if start.Workflow == "" {
		start.Workflow = p.Workflow.Name
	}
	start.File, start.Hash = p.File, p.Hash
	return start, nil
}

// eventTime is a time as it comes back from the journal: without the reading of the monotonic
// clock, so that a resumed run compares the same times.
func eventTime(t time.Time) time.Time { return t.Round(0).UTC() }

// sources are the files of a program as the journal keeps them: its own, then those it calls.
func sources(p *engine.Program) []journal.Source {
	var all []journal.Source
	for _, each := range p.Programs() {
		all = append(all, journal.Source{File: each.File, Text: each.Source})
	}
	return all
}
