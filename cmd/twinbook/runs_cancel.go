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
)

func (a *app) runsCancel(f *runsFlags) *cobra.Command {
	var reason, hub string
	var wait time.Duration
	var now bool
	c := &cobra.Command{
		Use:   "cancel RUN…",
		Short: "End runs in good order: their finally blocks run",
		Long: "Asks the process that drives a run to cancel it, and waits until it has ended. A run that no process drives is\n" +
			"cancelled here: it goes on with the cancel, so that its finally blocks run. Where that cannot be done, since its hub or\n" +
			"a secret is gone, --now ends it where it stands: in the journal alone, without its finally and without any device.\n\n" +
			"Exit codes: 0 the runs have ended, and none of them failed; 1 one failed while it was ended, or has not ended yet;\n" +
			"2 a run, file, flag or configuration is wrong, nothing was touched; 130, 143 interrupted.",
		Args:              func(c *cobra.Command, args []string) error { return namesRuns(c, args, false) },
		ValidArgsFunction: a.completeRuns(hasNotEnded),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withControl(c.Context(), f, hub, func(k control) error {
				runs, err := findRuns(c.Context(), k.journal, args)
				if err != nil {
					return err
				}
				if now {
					return k.cancelNow(c.Context(), runs, reason)
				}
				return k.cancel(c.Context(), runs, reason, wait)
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the run's record")
	c.Flags().DurationVar(&wait, "wait", 5*time.Minute, "how long to wait for a run that another process drives; 0 does not wait")
	c.Flags().BoolVar(&now, "now", false, "end runs that no process drives where they stand: nothing of them is done any more, nor their finally")
	a.controlHubFlag(c, &hub)
	c.MarkFlagsMutuallyExclusive("now", "wait")
	c.MarkFlagsMutuallyExclusive("now", "hub")
	return c
}

// cancel ends runs where they are driven, and here where they are not.
func (k control) cancel(ctx context.Context, runs []journal.Run, reason string, wait time.Duration) error {
	free, queued := begunAndQueued(orphans(runs))
	w, courses, err := k.prepare(ctx, free)
	switch {
	case ctx.Err() != nil:
		return stopped(ctx)
	case err != nil:
		k.explain(err)
		fmt.Fprintf(k.err, "Where that cannot be mended, %s ends what is left behind as it stands, without its finally\n",
			k.command("runs cancel "+strings.Join(idsOf(free), " ")+" --now"))
		return coded{code: exitUsage}
	}
	defer w.close()
	var failed error
	for _, run := range queued {
		failed = first(failed, k.endNow(ctx, run, reason))
	}
	for _, run := range runs { // all are asked before one of them is waited for
		if run.Status == "" && run.Driver != "" {
			failed = first(failed, k.askCancel(ctx, run, reason))
		}
	}
	for i := range courses {
		c := &courses[i]
		c.added = []engine.Event{{Time: after(c.past), Kind: engine.CancelRequested, Reason: reason, By: k.whoAsks()}}
		c.begin = k.cancelling
	}
	failed = first(failed, k.bring(ctx, w, courses, engine.Cancelled))
	for _, run := range runs {
		switch {
		case run.Status != "":
			k.over(run)
		case run.Driver != "" && wait > 0:
			failed = first(failed, k.awaitEnd(ctx, run, wait))
		}
	}
	return first(failed, k.documents(ctx, w, idsOf(runs)))
}

// begunAndQueued parts runs that have begun from those that wait for their turn: to end these takes no hub.
func begunAndQueued(runs []journal.Run) (begun, queued []journal.Run) {
	for _, run := range runs {
		if run.Standing.Queued {
			queued = append(queued, run)
		} else {
			begun = append(begun, run)
		}
	}
	return begun, queued
}

func (k control) askCancel(ctx context.Context, run journal.Run, reason string) error {
	err := k.ask(ctx, k.journal, run.ID, engine.CancelRequested, reason)
	switch {
	case errors.Is(err, journal.ErrEnded): // just now
		return nil
	case err == nil:
		fmt.Fprintf(k.err, "run %s: %s, which drives it, is asked to cancel it\n", run.ID, run.Driver)
	}
	return err
}

// cancelling goes on with a run that nobody drives, with the cancel as the first that happens.
func (k control) cancelling(ctx context.Context, r *runner.Runner, c course) (*runner.Handle, error) {
	err := k.journal.Claim(ctx, c.id)
	if err == nil {
		err = k.journal.Append(ctx, c.id, slices.Clone(c.added), journal.Standing{})
	}
	if err != nil && !errors.Is(err, journal.ErrEnded) { // by now; so it stays as it is
		return nil, err
	}
	return r.Resume(ctx, c.id)
}

// after is now, but not before what has happened, even if the machine's clock was set back.
func after(past []engine.Event) time.Time {
	now := time.Now().UTC().Round(0)
	if n := len(past); n > 0 && now.Before(past[n-1].Time) {
		return past[n-1].Time
	}
	return now
}

// awaitEnd waits until a run has ended that another process drives, and says how.
func (k control) awaitEnd(ctx context.Context, run journal.Run, wait time.Duration) error {
	now, err := until(ctx, k.journal, run.ID, wait, func(now journal.Run) bool { return now.Status != "" || now.Driver == "" })
	switch {
	case errors.Is(err, errWaited):
		return coded{exitFailed, fmt.Errorf("run %s has not ended within %s; %s shows what it waits for", run.ID, wait, k.command("runs show "+run.ID))}
	case err != nil:
		return err
	case now.Status == "":
		return coded{exitFailed, fmt.Errorf("run %s: %s, which drove it, is gone, and it has not ended; %s ends it here", run.ID, run.Driver, k.command("runs cancel "+run.ID))}
	}
	fmt.Fprintf(k.err, "run %s: %s after %s\n", run.ID, now.Status, elapsed(now.Ended.Sub(now.Started)))
	if now.Status == engine.Failed {
		return coded{code: exitFailed}
	}
	return nil
}
