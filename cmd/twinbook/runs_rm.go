package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// rmFlags are the flags of `runs rm`.
type rmFlags struct {
	filterFlags
	olderThan string
	yes       bool
}

func (a *app) runsRemove(f *runsFlags) *cobra.Command {
	var r rmFlags
	c := &cobra.Command{
		Use:   "rm [RUN…]",
		Short: "Forget runs that have ended",
		Long: "Removes runs from the journal for good: those that are named, or all that the flags let through.\n" +
			"A run that has not ended is never removed.",
		ValidArgsFunction: a.completeRuns(hasEnded),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withJournal(c.Context(), f, func(j openJournal, _ string) error {
				return a.removeRuns(c.Context(), j, args, r)
			}, "text")
		},
	}
	r.add(c)
	c.Flags().StringVar(&r.olderThan, "older-than", "", "runs that ended longer ago than this, such as 90d")
	c.Flags().BoolVar(&r.yes, "yes", false, "do not ask")
	return c
}

func (a *app) removeRuns(ctx context.Context, j openJournal, args []string, f rmFlags) error {
	now := time.Now()
	var gone removal
	var err error
	switch chosen := f.any() || f.olderThan != ""; {
	case len(args) > 0 && chosen:
		return errors.New("runs rm takes either RUNs or flags that choose them")
	case len(args) > 0:
		gone, err = a.namedForRemoval(ctx, j, args)
	case chosen:
		gone, err = chosenForRemoval(ctx, j, f, now)
	default:
		return errors.New("runs rm needs to know which: RUNs, or flags such as --older-than 90d. See: twinbook runs rm --help")
	}
	if err != nil {
		return err
	}
	if gone.unfinished > 0 {
		fmt.Fprintf(a.err, "%s %s not ended and will stay; %s ends one\n", counted(gone.unfinished, "run"), has(gone.unfinished), a.command("runs cancel RUN"))
	}
	if len(gone.runs) == 0 {
		fmt.Fprintln(a.err, "no run is removed")
		return nil
	}
	if !f.yes {
		io.WriteString(a.err, gone.words(now))
		if err := a.confirm(ctx, fmt.Sprintf("Remove %s for good?", counted(len(gone.runs), "run"))); err != nil {
			return err
		}
	}
	for from := 0; from < len(gone.runs); from += record.PageOfRuns {
		if err := j.Remove(ctx, idsOf(gone.runs[from:min(from+record.PageOfRuns, len(gone.runs))])...); err != nil {
			if from > 0 {
				err = fmt.Errorf("%w; before that, %s removed", err, counted(from, "run"))
			}
			return coded{exitFailed, err}
		}
		for _, run := range gone.runs[from:min(from+record.PageOfRuns, len(gone.runs))] {
			a.audit(j, "runs.remove", run.ID, run.Workflow)
		}
	}
	fmt.Fprintf(a.err, "removed %s\n", counted(len(gone.runs), "run"))
	return nil
}

// A removal is the runs that are to go.
type removal struct {
	runs       []journal.Run
	unfinished int // would go if they had ended
}

// namedForRemoval are runs by their ids. One that has not ended is a mistake, so that nothing happens.
func (a *app) namedForRemoval(ctx context.Context, j openJournal, args []string) (removal, error) {
	runs, err := findRuns(ctx, j, args)
	for _, run := range runs {
		if run.Status == "" {
			return removal{}, fmt.Errorf("run %s has not ended, so it is not removed, and no other either; %s ends it", run.ID, a.command("runs cancel "+run.ID))
		}
	}
	return removal{runs: runs}, err
}

// chosenForRemoval are the runs that flags let through.
func chosenForRemoval(ctx context.Context, j openJournal, f rmFlags, now time.Time) (removal, error) {
	var gone removal
	filter, err := f.filter(now)
	if err != nil {
		return gone, err
	}
	before := now
	if f.olderThan != "" {
		age, err := expr.ParseDuration(f.olderThan)
		if err != nil {
			return gone, fmt.Errorf("--older-than: %w", err)
		}
		before = now.Add(-age)
	}
	for run, err := range record.Each(ctx, j, filter) {
		switch {
		case err != nil:
			return gone, err
		case run.Status == "" && (f.olderThan == "" || run.Started.Before(before)):
			gone.unfinished++
		case run.Status != "" && run.Ended.Before(before):
			gone.runs = append(gone.runs, run)
		}
	}
	return gone, nil
}

// words say what would go.
func (r removal) words(now time.Time) string {
	var b strings.Builder
	const most = 5
	for _, run := range r.runs[:min(most, len(r.runs))] {
		state, _ := stateWords(run, now)
		fmt.Fprintf(&b, "  %s  %s  %s  began %s\n", run.ID, clean(run.Workflow), state, when(run.Started, now))
	}
	if more := len(r.runs) - most; more > 0 {
		fmt.Fprintf(&b, "  … and %d more, the first began %s\n", more, when(r.runs[len(r.runs)-1].Started, now))
	}
	return b.String()
}

// confirm asks the person at the terminal; where nobody sits there, nobody says yes.
func (a *app) confirm(ctx context.Context, question string) error {
	f, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return fmt.Errorf("%s Nobody can be asked here: --yes says so", question)
	}
	return a.confirmed(ctx, question)
}

func (a *app) confirmed(ctx context.Context, question string) error {
	fmt.Fprintf(a.err, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(a.in).ReadString('\n') // no answer is no
		answer <- strings.ToLower(strings.TrimSpace(text))
	}()
	select {
	case <-ctx.Done():
		return stopped(ctx)
	case text := <-answer:
		if text == "y" || text == "yes" {
			return nil
		}
	}
	return coded{exitFailed, errors.New("nothing is removed")}
}
