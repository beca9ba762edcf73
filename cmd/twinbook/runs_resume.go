package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
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
				k.all = all
				runs, err := k.runsToResume(c.Context(), args)
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

// runsToResume are the runs that were named, or all that nobody drives, the first first. Those that are paused
// are only named.
func (k control) runsToResume(ctx context.Context, args []string) ([]journal.Run, error) {
	if !k.all {
		return findRuns(ctx, k.journal, args)
	}
	unfinished, err := k.journal.Runs(ctx, journal.Filter{Unfinished: true})
	if err != nil {
		return nil, err
	}
	var runs []journal.Run
	paused := 0
	for i := len(unfinished) - 1; i >= 0; i-- {
		switch run := unfinished[i]; {
		case run.Driver != "":
		case run.Standing.Paused:
			paused++
			fmt.Fprintf(k.err, "run %s stays paused: %s goes on with it\n", run.ID, k.command("runs resume "+run.ID))
		default:
			runs = append(runs, run)
		}
	}
	if len(runs)+paused == 0 {
		fmt.Fprintln(k.err, "no run was left unfinished")
	}
	return runs, nil
}

// resume goes on with runs here where nobody drives them, and lifts the pause of the others.
func (k control) resume(ctx context.Context, runs []journal.Run) error {
	free := orphans(runs)
	w, courses, err := k.prepare(ctx, free)
	if err != nil {
		return err
	}
	defer w.close()
	var failed error
	if len(courses) < len(free) {
		failed = coded{code: exitFailed}
	}
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
		courses[i].begin = k.resuming(courses[i].id)
	}
	failed = first(failed, k.bring(ctx, w, courses))
	return first(failed, k.documents(ctx, runs))
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

// resuming goes on with a run, and says in its journal who did.
func (k control) resuming(id string) func(context.Context, *runner.Runner) (*runner.Handle, error) {
	return func(ctx context.Context, r *runner.Runner) (*runner.Handle, error) {
		if !k.all {
			if err := k.ask(ctx, k.journal, id, engine.ResumeRequested, ""); err != nil {
				return nil, err
			}
		}
		return r.Resume(ctx, id)
	}
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
