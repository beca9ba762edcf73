package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// runsAnswer is `runs approve` or `runs reject`.
func (a *app) runsAnswer(f *runsFlags, yes bool) *cobra.Command {
	m := message{signal: engine.Signal{Approved: yes}}
	name, short, what := "approve", "Say yes to what a run asks", "Lets a run go on that waits for an approval."
	if !yes {
		name, short, what = "reject", "Say no to what a run asks", "Has a step fail that waits for an approval, with kind rejected."
	}
	c := &cobra.Command{
		Use:   name + " RUN [STEP]",
		Short: short,
		Long: what + " STEP, its id or address, says which one is meant where the run waits for several.\n" +
			"Whoever may write the journal may answer for every role. A run that no process drives hears of it when one goes on\n" +
			"with it.\n\n" +
			"Exit codes: 0 the run has heard it, or will; 1 it waits for no approval, or it was not heard in time; 2 a run, flag or\n" +
			"configuration is wrong.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return fmt.Errorf("runs %s needs a RUN, and perhaps the STEP that asks. See: twinbook runs %[1]s --help", name)
			}
			return nil
		},
		ValidArgsFunction: a.completeFirstRun(waitsForApproval),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withControl(c.Context(), f, "", func(k control) error {
				run, err := findRun(c.Context(), k.journal, args[0])
				if err != nil {
					return err
				}
				if run.Status == "" {
					if m.at, err = k.asks(c.Context(), run, strings.Join(args[1:], "")); err != nil {
						return err
					}
				}
				return first(k.send(c.Context(), run, m), k.documents(c.Context(), nil, []string{run.ID}))
			})
		},
	}
	m.flags(c)
	return c
}

// asks is the attempt of the approve that is meant: the only one that waits, or that of a step.
func (k control) asks(ctx context.Context, run journal.Run, step string) (engine.Address, error) {
	r, err := k.recordOf(ctx, run.ID)
	if err != nil {
		return "", err
	}
	if r.Traced == nil {
		return "", fmt.Errorf("what run %s waits for is not known here, since %s", run.ID, clean(r.Unread))
	}
	waiting, meant := r.Approvals(step)
	before, answered := r.Answer(step)
	switch {
	case len(meant) == 1:
		return meant[0].At, nil
	case len(meant) == 0 && answered:
		return "", coded{exitFailed, before}
	case len(waiting) == 0:
		return "", coded{exitFailed, fmt.Errorf("run %s waits for nobody's approval now; %s shows what it does", run.ID, k.command("runs show "+run.ID))}
	case len(meant) == 0:
		return "", fmt.Errorf("no step %s of run %s waits for an approval; these do:%s", clean(step), run.ID, askLines(waiting))
	}
	return "", errors.New("run " + run.ID + " waits for several approvals; name the STEP that is meant:" + askLines(meant))
}

// askLines are approvals that a run waits for, one a line.
func askLines(asks []engine.Ask) string {
	var b strings.Builder
	for _, ask := range asks {
		fmt.Fprintf(&b, "\n  %s  %s", clean(string(ask.At.Step())), clean(ask.Message))
	}
	return b.String()
}
