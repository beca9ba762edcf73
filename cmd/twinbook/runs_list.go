package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// listFlags are the flags of `runs list`.
type listFlags struct {
	filterFlags
	limit  int
	all    bool
	parent string

	queued, approval bool
}

func (a *app) runsList(f *runsFlags) *cobra.Command {
	var l listFlags
	c := &cobra.Command{
		Use: "list", Short: "List recorded runs, the latest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withJournal(c.Context(), f, func(j openJournal, format string) error {
				return a.listRuns(c.Context(), j, l, format)
			}, "text", "json", "jsonl")
		},
	}
	l.add(c)
	c.Flags().IntVar(&l.limit, "limit", 50, "how many at most")
	c.Flags().BoolVar(&l.all, "all", false, "all of them, instead of --limit")
	c.Flags().StringVar(&l.parent, "parent", "", "the parts of this run")
	c.Flags().BoolVar(&l.queued, "queued", false, "runs that wait for their turn")
	c.Flags().BoolVar(&l.approval, "approval", false, "runs that wait for somebody's approval")
	c.RegisterFlagCompletionFunc("parent", a.completeRuns(nil))
	return c
}

func (a *app) listRuns(ctx context.Context, j openJournal, f listFlags, format string) error {
	now := time.Now()
	filter, err := f.filter(now)
	if err != nil {
		return err
	}
	filter.Queued, filter.Approval = f.queued, f.approval
	if f.parent != "" {
		parent, err := findRun(ctx, j, f.parent)
		if err != nil {
			return err
		}
		filter.Parent = parent.ID
	}
	switch {
	case f.all:
	case f.limit <= 0:
		return fmt.Errorf("--limit %d: it is how many runs to list, from 1; --all lists all", f.limit)
	default:
		filter.Limit = f.limit + 1 // to know whether there are more
	}
	if format == "jsonl" {
		return a.listLines(ctx, j, filter, f.limit)
	}
	runs := []journal.Run{}
	for run, err := range record.Each(ctx, j, filter) {
		if err != nil {
			return err
		}
		runs = append(runs, run)
	}
	more := filter.Limit > 0 && len(runs) == filter.Limit
	if more {
		runs = runs[:f.limit]
	}
	if format == "json" {
		list := make([]record.Listed, len(runs))
		for i, run := range runs {
			list[i] = record.List(run)
		}
		writeJSON(a.out, list)
		return nil
	}
	if err := writeRuns(ctx, j, a.screenOf(a.out, a.outScreen), runs, now); err != nil {
		return err
	}
	switch {
	case more:
		fmt.Fprintf(a.err, "These are the latest %d; --all lists all of them, --limit N others than %[1]d.\n", f.limit)
	case len(runs) == 0 && (f.any() || filter.Parent != "" || f.queued || f.approval):
		fmt.Fprintln(a.err, "no run meets this")
	case len(runs) == 0:
		fmt.Fprintln(a.err, "no runs yet; twinbook run FILE makes the first")
	}
	return nil
}

// listLines writes runs as they are read.
func (a *app) listLines(ctx context.Context, j openJournal, filter journal.Filter, limit int) error {
	if filter.Limit > 0 {
		filter.Limit = limit
	}
	for run, err := range record.Each(ctx, j, filter) {
		if err != nil {
			return err
		}
		io.WriteString(a.out, jsonLine(record.List(run))+"\n")
	}
	return nil
}

// writeRuns writes the table of runs.
func writeRuns(ctx context.Context, j openJournal, s screen, runs []journal.Run, now time.Time) error {
	if len(runs) == 0 {
		return nil
	}
	rows := make([][]cell, len(runs))
	short, err := shortIDsIn(ctx, j, runs)
	if err != nil {
		return err
	}
	name := func(id string) (string, error) { // of a run that may be on the list, or not
		if short[id] != "" || len(runs) >= longList {
			return cmp.Or(short[id], id), nil
		}
		return shortIn(ctx, j, id, shortEnd(id))
	}
	for i, run := range runs {
		state, look := stateWords(run, now)
		retry, err := retryWords(ctx, j, run, name)
		if err != nil {
			return err
		}
		rows[i] = []cell{
			{text: short[run.ID], style: bold}, {text: clean(run.Workflow)}, {text: clean(run.Device)}, {text: state, style: look},
			{text: when(run.Started, now), short: shortWhen(run.Started, now)}, {text: elapsed(tookUntil(run, now)), style: dim}, {text: retry},
		}
	}
	io.WriteString(s.w, s.table([]column{
		{title: "RUN"}, {title: "WORKFLOW", least: 6, goes: 6}, {title: "DEVICE", least: 8, goes: 3}, {title: "STATE", least: len("left behind"), goes: 5},
		{title: "BEGAN", goes: 4}, {title: "TOOK", goes: 2}, {title: "RETRY", goes: 1},
	}, rows))
	return nil
}

// retryWords say which run a run tries again, and which tried it again and how that ended.
func retryWords(ctx context.Context, j journal.Journal, run journal.Run, name func(id string) (string, error)) (string, error) {
	var words []string
	if run.RetryOf != "" {
		other, err := name(run.RetryOf)
		if err != nil {
			return "", err
		}
		words = append(words, "of "+other)
	}
	if run.Retry != "" {
		other, err := name(run.Retry)
		if err != nil {
			return "", err
		}
		retry, err := j.Run(ctx, run.Retry)
		if err != nil && !errors.Is(err, journal.ErrNotFound) { // it is removed just now
			return "", err
		}
		words = append(words, retryText("as "+other, retry))
	}
	return strings.Join(words, ", "), nil
}

// longList is from how many runs on a list has their whole ids: to hold each against the journal would take minutes.
const longList = 1000

// shortIDsIn are the ends of the runs' ids that mean them and no other run of the journal.
func shortIDsIn(ctx context.Context, j journal.Journal, runs []journal.Run) (map[string]string, error) {
	ids := idsOf(runs)
	if len(ids) >= longList {
		whole := make(map[string]string, len(ids))
		for _, id := range ids {
			whole[id] = id
		}
		return whole, nil
	}
	all := shortIDs(ids)
	for id, short := range all {
		long, err := shortIn(ctx, j, id, short)
		if err != nil {
			return nil, err
		}
		all[id] = long
	}
	return all, nil
}

// tookUntil is how long a run took, or takes until now.
func tookUntil(run journal.Run, now time.Time) time.Duration {
	if run.Ended.IsZero() {
		return now.Sub(run.Started)
	}
	return run.Ended.Sub(run.Started)
}
