package main

import (
	"context"
	"fmt"
	"strings"
	"time"

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

	var left, paused orphansNamed
	for _, run := range runs {
		switch {
		case run.Driver != "":
		case staysPaused(run):
			paused.add(run)
		default:
			left.add(run)
		}
	}
	all := len(runs) < askedUnfinished
	a.nameOrphans(left, all, "left unfinished; "+a.command("runs resume --all")+" goes on")
	which := "RUN"
	if paused.n == 1 {
		which = paused.first
	}
	a.nameOrphans(paused, all, "left unfinished, paused; "+a.command("runs resume "+which)+" goes on")
	return nil
}

// orphansNamed are runs that nobody goes on with.
type orphansNamed struct {
	n     int
	first string   // its id
	lines []string // of the first
}

func (o *orphansNamed) add(run journal.Run) {
	if o.n == 0 {
		o.first = run.ID
	}
	if o.n++; o.n <= namedUnfinished {
		o.lines = append(o.lines, "  "+run.ID+"  "+orphanText(run)+"\n")
	}
}

// nameOrphans writes them behind what can be done about them; all says whether there are no others.
func (a *app) nameOrphans(o orphansNamed, all bool, what string) {
	count, were := counted(o.n, "run"), "were"
	switch {
	case o.n == 0:
		return
	case !all:
		count = fmt.Sprintf("%d runs or more", o.n)
	case o.n == 1:
		were = "was"
	}
	if more := o.n - namedUnfinished; more > 0 {
		o.lines = append(o.lines, fmt.Sprintf("  … and %d more: %s shows all\n", more, a.command("runs list --outcome unfinished")))
	}
	fmt.Fprintf(a.err, "%s %s %s:\n%s\n", count, were, what, strings.Join(o.lines, ""))
}

// orphanText is a run that nobody drives, in a line.
func orphanText(run journal.Run) string {
	text := clean(run.Workflow)
	if run.Device != "" {
		text += " on " + clean(run.Device)
	}
	return text + leftWords(run) + ", began " + whenExactly(run.Started, time.Now())
}
