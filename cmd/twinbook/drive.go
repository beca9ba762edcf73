package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
)

// A drive is how this process brings runs to their end while somebody looks on.
type drive struct {
	world   *world
	journal openJournal
	runs    []course
	show    func(course) reporter
}

// A course is one run of a drive.
type course struct {
	id      string // empty: it is given when the run begins; then there is one course
	program *engine.Program
	hub     string         // the run's own
	began   time.Time      // zero: it begins
	past    []engine.Event // what the run has behind it, as far as it is shown
	kept    int            // answers of the run that this one tries again
	added   []engine.Event // by this process, before it goes on: nobody has heard of what follows from it

	// begin starts the run, goes on with it, or tries another one again.
	begin func(context.Context, *runner.Runner, course) (*runner.Handle, error)
}

// drive brings runs to their end and shows them. A signal cancels all; their finally blocks still run. The error
// is why the run, if it is one, could not begin, or only a code: what it stands for has been said.
func (a *app) drive(ctx context.Context, d drive) ([]engine.Outcome, error) {
	if len(d.runs) > mostPasts {
		collectAt(100) // of what is kept for each, most is needed until the last one ends
	}
	v := newAudience(a, ctx, d)
	runs := d.world.newRunner(d.journal, v.update)
	lasting := context.WithoutCancel(ctx)
	handles, err := a.beginAll(lasting, d.runs, runs)
	if len(handles) == 0 {
		return nil, err
	}
	over := atParting(ctx, func() { a.leaveBehind(d.journal, handles) })
	defer over()
	stop := context.AfterFunc(ctx, func() {
		why := context.Cause(ctx).Error()
		v.interrupting(why)
		for _, h := range handles {
			h.Cancel(why)
		}
	})
	defer stop()
	outcomes := make([]engine.Outcome, len(handles))
	for i, h := range handles {
		var left error
		outcomes[i], left = h.Wait(lasting)
		switch {
		case left != nil:
			err = coded{code: exitFailed}
		case v.untold(h.ID()): // whoever drove it was not dead
			fmt.Fprintf(a.err, "run %s has ended meanwhile: %s\n", h.ID(), outcomes[i].Status)
		}
		if len(handles) > 1 {
			outcomes[i] = engine.Outcome{Status: outcomes[i].Status} // the outputs of all would be too much to keep
		}
	}
	return outcomes, err
}

// atOnce is how many runs begin at the same time: they share commits.
const atOnce = 64

// beginAll begins all runs, and gives those that did. Why others did not is said, if there are several.
func (a *app) beginAll(ctx context.Context, courses []course, runs *runner.Runner) (handles []*runner.Handle, err error) {
	began, failed := make([]*runner.Handle, len(courses)), make([]error, len(courses))
	var all sync.WaitGroup
	for from := range min(atOnce, len(courses)) {
		all.Go(func() {
			for i := from; i < len(courses); i += atOnce {
				began[i], failed[i] = courses[i].begin(ctx, runs, courses[i])
			}
		})
	}
	all.Wait()
	for i, h := range began {
		switch {
		case failed[i] == nil:
			handles = append(handles, h)
		case len(courses) == 1 && errors.Is(failed[i], journal.ErrDriven):
			return nil, coded{exitFailed, failed[i]}
		case len(courses) == 1:
			return nil, a.roomFor(failed[i])
		default:
			fmt.Fprintf(a.err, "twinbook: %v\n", failed[i])
			err = coded{code: exitFailed}
		}
	}
	return handles, err
}

// roomFor says of a run that others leave no place for what can be done.
func (a *app) roomFor(err error) error {
	var full *journal.FullError
	if !errors.As(err, &full) || len(full.Holders) == 0 {
		return err
	}
	return fmt.Errorf("%w; try again when a run has ended, or have one end: %s", err, a.command("runs cancel "+full.Holders[0]))
}

// leaveBehind are the last words about runs that are left where they are, past all that still waits to be written.
// The journal is not closed: what it has acknowledged is on disk, and the process's end gives the runs up.
func (a *app) leaveBehind(j openJournal, handles []*runner.Handle) {
	text := "\n" // below the live line
	if j.file != "" {
		which := "--all"
		if len(handles) == 1 {
			which = handles[0].ID()
		}
		text += fmt.Sprintf("%s left unfinished: %s goes on\n", counted(len(handles), "run"), a.command("runs resume "+which))
	}
	a.errScreen.Write([]byte(text))
}

// command is how to call the program again so that it finds the same journal.
func (a *app) command(what string) string {
	text := "twinbook " + what
	if a.journal != "" {
		text += " --journal " + shellWord(a.journal)
	}
	if a.config != "" {
		text += " --config " + shellWord(a.config)
	}
	return text
}
