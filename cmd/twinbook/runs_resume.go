package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/internal/record"
)

func (a *app) runsResume(f *runsFlags) *cobra.Command {
	var all bool
	var hub string
	c := &cobra.Command{
		Use:   "resume RUN…|--all",
		Short: "Go on with runs that were left unfinished, and lift pauses",
		Long: "Goes on with runs whose process is gone, from the event they had reached, with the workflow as it was when they\n" +
			"began and the time they had left, and follows them to their end. A step that may be repeated and has no answer is\n" +
			"done again; one that may not ends as interrupted. A run that is paused goes on, here or where it is driven.\n\n" +
			"Exit codes: 0 all runs have succeeded, or go on where they are driven; 1 one has not, or another process drives it;\n" +
			"2 a run, file, flag or configuration is wrong, nothing was touched; 130, 143 interrupted.",
		Args:              func(c *cobra.Command, args []string) error { return namesRuns(c, args, all) },
		ValidArgsFunction: a.completeRuns(hasNotEnded),
		RunE: func(c *cobra.Command, args []string) error {
			if all && hub != "" {
				return errors.New("--hub says which hub the runs are on that you name; --all goes on with each on its own")
			}
			return a.withControl(c.Context(), f, hub, func(k control) error {
				if k.all = all; all {
					return k.resumeAll(c.Context())
				}
				runs, err := findRuns(c.Context(), k.journal, args)
				if err != nil {
					return err
				}
				return k.resume(c.Context(), runs)
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "all unfinished runs that no process drives, but for those that are paused")
	a.controlHubFlag(c, &hub)
	return c
}

// resumeAll goes on with all runs that nobody drives, the first first. Those that are paused are only named. What is kept
// of each is little: there may be very many.
func (k control) resumeAll(ctx context.Context) error {
	w, err := k.openWorld(ctx, k.config)
	if err != nil {
		return err
	}
	defer w.close()
	var courses []course
	var ids []string
	paused, programs := 0, map[string]*engine.Program{}
	for run, err := range record.Each(ctx, k.journal, journal.Filter{Unfinished: true}) {
		switch {
		case err != nil:
			return err
		case run.Driver != "":
			continue
		case staysPaused(run):
			paused++
			fmt.Fprintf(k.err, "run %s stays paused: %s goes on with it\n", run.ID, k.command("runs resume "+run.ID))
			continue
		}
		ids = append(ids, run.ID)
		c, err := k.course(ctx, w, run, programs)
		switch {
		case ctx.Err() != nil:
			return stopped(ctx)
		case err != nil:
			k.leftOut(run, err)
		default:
			courses = append(courses, c)
			forgetPasts(courses)
		}
	}
	if len(ids)+paused == 0 {
		fmt.Fprintln(k.err, "no run was left unfinished")
	}
	slices.Reverse(ids)
	slices.Reverse(courses)
	begin := k.resuming
	if len(courses) > mostPasts {
		begin = k.takingUp
		fmt.Fprintf(k.err, "%s go on; what happens in them is shown from now on\n", counted(len(courses), "run"))
	}
	for i := range courses {
		courses[i].begin = begin
	}
	var failed error
	switch {
	case len(courses) == 0 && len(ids) > 0:
		failed = coded{code: exitUsage} // nothing was touched
	case len(courses) < len(ids):
		failed = coded{code: exitFailed}
	}
	failed = first(failed, k.bring(ctx, w, courses))
	return first(failed, k.documents(ctx, w, ids))
}

// leftOut says why a run does not go on here, where others do.
func (k control) leftOut(run journal.Run, why error) {
	var problems engine.Problems
	switch {
	case errors.As(why, &problems):
		fmt.Fprintf(k.err, "run %s cannot go on here:\n", run.ID)
	case !strings.HasPrefix(why.Error(), "run "+run.ID):
		why = fmt.Errorf("run %s cannot go on here: %w", run.ID, why)
	}
	k.explain(why)
}

// resume goes on with runs here where nobody drives them, and lifts the pause of the others.
func (k control) resume(ctx context.Context, runs []journal.Run) error {
	w, courses, err := k.prepare(ctx, orphans(runs))
	if err != nil {
		return err
	}
	defer w.close()
	var failed error
	for _, run := range runs {
		switch {
		case run.Status != "":
			k.over(run)
			failed = first(failed, k.verdict(ctx, []engine.Outcome{{Status: run.Status}}))
		case run.Driver != "":
			failed = first(failed, k.unpause(ctx, run))
		}
	}
	for i := range courses {
		courses[i].begin = k.resuming
	}
	failed = first(failed, k.bring(ctx, w, courses))
	return first(failed, k.documents(ctx, w, idsOf(runs)))
}

// orphans are the runs that have not ended and that nobody drives.
func orphans(runs []journal.Run) (all []journal.Run) {
	for _, run := range runs {
		if run.Status == "" && run.Driver == "" {
			all = append(all, run)
		}
	}
	return all
}

// resuming goes on with a run, and says in its journal who did. One that has ended meanwhile stays as it is.
func (k control) resuming(ctx context.Context, r *runner.Runner, c course) (*runner.Handle, error) {
	if !k.all {
		if err := k.ask(ctx, k.journal, c.id, engine.ResumeRequested, ""); err != nil && !errors.Is(err, journal.ErrEnded) {
			return nil, err
		}
	}
	return r.Resume(ctx, c.id)
}

// takingUp goes on with one of very many runs.
func (k control) takingUp(ctx context.Context, r *runner.Runner, c course) (*runner.Handle, error) {
	return r.TakeUp(ctx, c.id)
}

// unpauseWithin is how long the process that drives a run may take to lift its pause.
const unpauseWithin = 10 * time.Second

// unpause has the process that drives a run go on with it.
func (k control) unpause(ctx context.Context, run journal.Run) error {
	if !run.Standing.Paused {
		fmt.Fprintf(k.err, "run %s is under way: %s drives it\n", run.ID, run.Driver)
		return coded{code: exitFailed}
	}
	if err := k.ask(ctx, k.journal, run.ID, engine.ResumeRequested, ""); err != nil {
		return err
	}
	now, err := until(ctx, k.journal, run.ID, unpauseWithin, func(now journal.Run) bool {
		return now.Status != "" || now.Driver == "" || !now.Standing.Paused
	})
	switch {
	case errors.Is(err, errWaited):
		return coded{exitFailed, fmt.Errorf("run %s is asked to go on, but %s, which drives it, has not answered within %v; it will when it does", run.ID, run.Driver, unpauseWithin)}
	case err != nil:
		return err
	case now.Status == "" && now.Driver == "":
		return coded{exitFailed, fmt.Errorf("run %s: %s, which drove it, is gone; %s goes on with it here", run.ID, run.Driver, k.command("runs resume "+run.ID))}
	}
	fmt.Fprintf(k.err, "run %s goes on: %s drives it\n", run.ID, run.Driver)
	return nil
}
