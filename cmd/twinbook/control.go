package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// A control is one call of a command that changes the course of recorded runs.
type control struct {
	*app
	journal openJournal
	config  *configuration
	format  string
	hub     string // --hub
	all     bool   // runs were not named
}

// withControl makes ready what such a command needs.
func (a *app) withControl(ctx context.Context, f *runsFlags, hub string, do func(control) error) (failure error) {
	k := control{app: a, hub: hub}
	var err error
	if k.format, err = a.outputFormat(f.output, "text", "json", "jsonl"); err != nil {
		return err
	}
	if k.config, err = a.loadConfig(); err != nil {
		return err
	}
	if k.journal, err = a.knownJournal(ctx, k.config); err != nil {
		return err
	}
	defer k.journal.closeInto(&failure)
	return do(k)
}

// controlHubFlag is --hub of a command that goes on with runs.
func (a *app) controlHubFlag(c *cobra.Command, hub *string) {
	a.hubFlag(c, c.Flags(), hub)
	c.Flags().Lookup("hub").Usage = "the hub that the runs began on, if it has another name or address now"
}

// namesRuns holds the arguments of a command against what it needs: runs, or --all.
func namesRuns(c *cobra.Command, args []string, all bool) error {
	switch {
	case len(args) == 0 && !all:
		return fmt.Errorf("%s needs at least one RUN. See: %[1]s --help", c.CommandPath())
	case len(args) > 0 && all:
		return fmt.Errorf("%s takes either runs or --all. See: %[1]s --help", c.CommandPath())
	}
	return nil
}

// mostPasts is of how many runs at the same time the past is known where they are shown: it takes memory.
const mostPasts = 100

// prepare makes everything ready to go on with runs. Nothing is touched yet.
func (k control) prepare(ctx context.Context, runs []journal.Run) (*world, []course, error) {
	w, err := k.openWorld(ctx, k.config)
	if err != nil {
		return nil, nil, err
	}
	programs := map[string]*engine.Program{}
	var courses []course
	for _, run := range runs {
		c, err := k.course(ctx, w, run, programs)
		if err != nil {
			w.close()
			return nil, nil, err
		}
		courses = append(courses, c)
		forgetPasts(courses)
	}
	return w, courses, nil
}

// forgetPasts drops what lies behind runs once there are too many.
func forgetPasts(courses []course) {
	switch n := len(courses); {
	case n == mostPasts+1:
		for i := range courses {
			courses[i].past = nil
		}
	case n > mostPasts:
		courses[n-1].past = nil
	}
}

func idsOf(runs []journal.Run) []string {
	ids := make([]string, len(runs))
	for i, run := range runs {
		ids[i] = run.ID
	}
	return ids
}

// course is what it takes to go on with a run, and what lies behind it.
func (k control) course(ctx context.Context, w *world, run journal.Run, programs map[string]*engine.Program) (course, error) {
	p, err := k.stored(ctx, run, programs)
	if err != nil {
		return course{}, err
	}
	own, err := k.hubOf(run)
	if err != nil {
		return course{}, err
	}
	if err := k.config.checkUses(p).Err(); err != nil {
		return course{}, err
	}
	if k.hub != "" {
		w.chosen[run.Hub] = true
	}
	if err := k.widen(ctx, w, k.config, need{p, run.Hub, own}); err != nil {
		return course{}, err
	}
	c := course{id: run.ID, program: p, hub: run.Hub}
	if c.past, err = k.journal.Events(ctx, run.ID, 0); err != nil {
		return course{}, err
	}
	if len(c.past) == 0 || c.past[0].Start == nil {
		return course{}, fmt.Errorf("run %s cannot go on: its journal does not begin with its start", run.ID)
	}
	c.began = c.past[0].Time
	return c, w.astray(*c.past[0].Start)
}

// stored is the program of a run, from the workflow that the journal keeps.
func (k control) stored(ctx context.Context, run journal.Run, known map[string]*engine.Program) (*engine.Program, error) {
	if p := known[run.Program]; p != nil {
		return p, nil
	}
	sources, err := k.journal.Sources(ctx, run.ID)
	if err != nil {
		return nil, err
	}
	p, err := compileStored(sources)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", run.ID, err)
	}
	known[run.Program] = p
	return p, nil
}

// hubOf is the hub that a run goes on with: the one it began on.
func (k control) hubOf(run journal.Run) (hubConfig, error) {
	if k.hub != "" {
		return k.chooseHub(k.config, k.hub)
	}
	if h := k.config.find(run.Hub); h != nil {
		return *h, nil
	}
	where := k.config.file
	if where == "" {
		where = "this folder"
	}
	return hubConfig{}, fmt.Errorf("run %s began on the hub %q, which %s does not have (%s); go on where it began, or say with --hub which one it is now",
		run.ID, run.Hub, where, k.config.hubHint())
}

// bring brings runs to their end here. Ends other than success are failures, but for good.
func (k control) bring(ctx context.Context, w *world, courses []course, good ...engine.Status) error {
	if len(courses) == 0 {
		return nil
	}
	outcomes, err := k.drive(ctx, drive{world: w, journal: k.journal, runs: courses, show: k.shower(w, len(courses) > 1)})
	return first(err, k.verdict(ctx, outcomes, good...))
}

func (k control) verdict(ctx context.Context, outcomes []engine.Outcome, good ...engine.Status) error {
	for _, o := range outcomes {
		if o.Status == engine.Succeeded || slices.Contains(good, o.Status) {
			continue
		}
		if i, ok := interruption(ctx); ok {
			return coded{code: i.code()}
		}
		return coded{code: exitFailed}
	}
	return nil
}

// shower makes reporters: one run alone is shown as `run` shows it.
func (k control) shower(w *world, several bool) func(course) reporter {
	return func(c course) reporter {
		switch {
		case k.format == "json":
			return silent{} // documents has it
		case several && k.format == "text":
			return newOneOfMany(k.app, c.id)
		}
		return k.reporter(k.format, w)
	}
}

// over says how a run ended that has.
func (k control) over(run journal.Run) {
	fmt.Fprintf(k.err, "run %s has ended already: %s %s\n", run.ID, run.Status, whenExactly(run.Ended, time.Now()))
}

// first is the first of two errors; a mere code gives way to words.
func first(a, b error) error {
	var x, y coded
	mere := errors.As(a, &x) && x.err == nil
	if a == nil || mere && b != nil && !(errors.As(b, &y) && y.err == nil) {
		return b
	}
	return a
}
