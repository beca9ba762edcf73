package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

func (a *app) runsPause(f *runsFlags) *cobra.Command {
	var reason string
	var wait time.Duration
	c := &cobra.Command{
		Use:   "pause RUN…",
		Short: "Hold runs before their next step",
		Long: "Asks the process that drives a run to begin no further step of it; what is under way goes on, and time goes on.\n" +
			"Waits until it has been heard. A run that no process drives is paused when one goes on with it.\n\n" +
			"Exit codes: 0 the runs are paused, or will be; 1 one has ended already, or was not heard in time; 2 a run, flag or\n" +
			"configuration is wrong.",
		Args:              func(c *cobra.Command, args []string) error { return namesRuns(c, args, false) },
		ValidArgsFunction: a.completeRuns(hasNotEnded),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withControl(c.Context(), f, "", func(k control) error {
				runs, err := findRuns(c.Context(), k.journal, args)
				if err != nil {
					return err
				}
				var failed error
				for _, run := range runs {
					failed = first(failed, k.pause(c.Context(), run, reason, wait))
				}
				return first(failed, k.documents(c.Context(), nil, idsOf(runs)))
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the run's record")
	c.Flags().DurationVar(&wait, "wait", 10*time.Second, "how long the process that drives a run may take to hear it")
	return c
}

// pause has nothing further begin in a run.
func (k control) pause(ctx context.Context, run journal.Run, reason string, wait time.Duration) error {
	if run.Status != "" {
		fmt.Fprintf(k.err, "run %s has ended already: %s\n", run.ID, run.Status)
		return coded{code: exitFailed}
	}
	if run.Driver == "" && run.Wish == engine.CancelRequested {
		return coded{exitFailed, fmt.Errorf("run %s is not paused: somebody has asked to cancel it, and so it ends when somebody goes on with it", run.ID)}
	}
	if err := k.ask(ctx, k.journal, run.ID, engine.PauseRequested, reason); err != nil {
		return err
	}
	if run.Driver == "" {
		fmt.Fprintf(k.err, "run %s will be paused when somebody goes on with it; no process drives it now\n", run.ID)
		return nil
	}
	now, err := until(ctx, k.journal, run.ID, wait, func(now journal.Run) bool {
		return now.Status != "" || now.Driver == "" || now.Standing.Paused
	})
	switch {
	case errors.Is(err, errWaited):
		return coded{exitFailed, fmt.Errorf("run %s is asked to pause, but %s, which drives it, has not answered within %s; it will when it does", run.ID, run.Driver, wait)}
	case err != nil:
		return err
	case now.Status != "":
		return coded{exitFailed, fmt.Errorf("run %s has ended meanwhile: %s", run.ID, now.Status)}
	case !now.Standing.Paused:
		fmt.Fprintf(k.err, "run %s will be paused when somebody goes on with it; %s, which drove it, is gone\n", run.ID, run.Driver)
		return nil
	}
	fmt.Fprintf(k.err, "run %s is paused: no further step begins; %s goes on\n", run.ID, k.command("runs resume "+run.ID))
	return nil
}
