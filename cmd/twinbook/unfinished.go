package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/twinbook/twinbook/engine/journal"
)

const (
	namedUnfinished = 3   // runs that are named
	askedUnfinished = 200 // the latest unfinished ones, which are looked at
)

// nameUnfinished says which runs nobody goes on with, and how to: a process was ended while they were under way.
func (a *app) nameUnfinished(ctx context.Context, j openJournal) error {
	runs, err := j.Runs(ctx, journal.Filter{Unfinished: true, Limit: askedUnfinished})
	switch {
	case ctx.Err() != nil:
		return stopped(ctx)
	case err != nil:
		return err
	}
	var lines []string
	n := 0
	for _, run := range runs {
		if run.Driver != "" {
			continue
		}
		if n++; n <= namedUnfinished {
			lines = append(lines, "  "+run.ID+"  "+orphanText(run)+"\n")
		}
	}
	if n == 0 {
		return nil
	}
	count, were := counted(n, "run"), "were"
	switch {
	case len(runs) == askedUnfinished:
		count = fmt.Sprintf("%d runs or more", n)
	case n == 1:
		were = "was"
	}
	if n > namedUnfinished {
		lines = append(lines, fmt.Sprintf("  … and %d more: %s shows all\n", n-namedUnfinished, a.command("runs list --outcome unfinished")))
	}
	fmt.Fprintf(a.err, "%s %s left unfinished; %s goes on:\n%s\n", count, were, a.command("runs resume --all"), strings.Join(lines, ""))
	return nil
}

// orphanText is a run that nobody drives, in a line.
func orphanText(run journal.Run) string {
	text := clean(run.Workflow)
	if run.Device != "" {
		text += " on " + clean(run.Device)
	}
	if run.Standing.Paused {
		text += ", paused"
	}
	return text + ", began " + run.Started.Format(timeLayout)
}
