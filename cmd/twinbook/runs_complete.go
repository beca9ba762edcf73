package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// mostCompletions is how many of the latest runs the shell is told of.
const mostCompletions = 100

// completeRuns completes ids of runs for the shell: of those that lets lets through; nil: of all.
func (a *app) completeRuns(lets func(journal.Run) bool) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		var found []string
		err := a.withJournal(c.Context(), &runsFlags{}, func(j openJournal, _ string) (err error) {
			found, err = runCompletions(c.Context(), j, lets, args, begun, time.Now())
			return err
		}, "text")
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// completeFirstRun is completeRuns for a command whose first argument alone is a run.
func (a *app) completeFirstRun(lets func(journal.Run) bool) cobra.CompletionFunc {
	complete := a.completeRuns(lets)
	return func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(c, args, begun)
	}
}

// runCompletions are the ids that may follow args, as far as they begin with begun: their short ends, or from
// their beginning if that is what was begun. Behind each stands what run it is.
func runCompletions(ctx context.Context, j journal.Journal, lets func(journal.Run) bool, args []string, begun string, now time.Time) ([]string, error) {
	var runs []journal.Run
	for run, err := range record.Each(ctx, j, journal.Filter{Limit: 10 * mostCompletions}) {
		if err != nil {
			return nil, err
		}
		if lets == nil || lets(run) {
			runs = append(runs, run)
		}
		if len(runs) == mostCompletions {
			break
		}
	}
	short, err := shortIDsIn(ctx, j, runs)
	if err != nil {
		return nil, err
	}
	found := []string{}
	for _, run := range runs {
		id := short[run.ID]
		if !strings.HasPrefix(id, begun) {
			id = run.ID
		}
		given := func(arg string) bool { return arg == id || arg == run.ID }
		if strings.HasPrefix(id, begun) && !slices.ContainsFunc(args, given) {
			state, _ := stateWords(run, now)
			found = append(found, fmt.Sprintf("%s\t%s, %s, began %s", id, clean(run.Workflow), state, when(run.Started, now)))
		}
	}
	return found, nil
}

// hasEnded and hasNotEnded say which runs a command is for.
func hasEnded(r journal.Run) bool    { return r.Status != "" }
func hasNotEnded(r journal.Run) bool { return r.Status == "" }

// waitsForApproval says whether a run waits for somebody's yes or no.
func waitsForApproval(r journal.Run) bool { return r.Status == "" && r.Standing.Approval }
