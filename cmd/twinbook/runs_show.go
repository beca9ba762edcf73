package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// showFlags are the flags of `runs show`.
type showFlags struct {
	values string
	all    bool
}

func (a *app) runsShow(f *runsFlags) *cobra.Command {
	var s showFlags
	modes := []string{valuesShort, valuesFull, valuesNone}
	c := &cobra.Command{
		Use:   "show RUN",
		Short: "Show what happened in a run, and what it waits for",
		Long:  "Shows a run's steps with their times, what went in and out, and what those wait for that have not ended.\nThe run may go on meanwhile, in another process.",
		Args:  exactly("one RUN"), ValidArgsFunction: a.completeRuns(nil),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(modes, s.values) {
				return fmt.Errorf("--values %s: it can be %s", clean(s.values), orWords(modes))
			}
			collectAt(100) // all of a long run is kept, and little garbage made of it
			return a.withJournal(c.Context(), f, func(j openJournal, format string) error {
				run, err := findRun(c.Context(), j, args[0])
				if err != nil {
					return err
				}
				r, err := record.Read(c.Context(), j, run, compileStored)
				if err != nil {
					return err
				}
				if format == "json" {
					writeJSON(a.out, r.Show())
					return nil
				}
				return a.showRecord(c.Context(), j, a.screenOf(a.out, a.outScreen), r, s, time.Now())
			}, "text", "json")
		},
	}
	c.Flags().StringVar(&s.values, "values", valuesShort, "how much of the values that went in and out: "+orWords(modes))
	c.Flags().BoolVar(&s.all, "all", false, "all items of long loops, and all attempts")
	c.RegisterFlagCompletionFunc("values", cobra.FixedCompletions(modes, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// showRecord draws a run.
func (a *app) showRecord(ctx context.Context, j openJournal, s screen, r record.Record, f showFlags, now time.Time) error {
	short, err := shortIn(ctx, j, r.Run.ID, shortEnd(r.Run.ID))
	if err != nil {
		return err
	}
	queued := ""
	if r.Run.Standing.Queued && r.Run.Status == "" {
		if queued, err = j.whyQueued(ctx, r.Run.ID); err != nil {
			return err
		}
	}
	a.showHead(s, r, queued, now)
	if r.Traced == nil {
		a.showUnread(s, r)
		return nil
	}
	p := &picture{
		lines: lines{screen: s, out: a.out}, Traced: r.Traced, now: now, state: record.StateOf(r.Run), all: f.all, values: f.values,
		kept: "kept", of: r,
	}
	if !r.Orphan {
		p.kept = "kept from " + shortEnd(r.Run.RetryOf)
	}
	p.device = clean(firstDevice(r.Traced))
	io.WriteString(a.out, p.draw())
	a.showEnd(p, r)
	if what := a.whatNext(r.Run, short); what != "" {
		fmt.Fprintf(a.out, "\n%s\n", what)
	}
	return nil
}

// firstDevice is taken for the run's: steps name theirs where it is another.
func firstDevice(t *engine.Traced) string {
	if t.Start.ID == "" || len(t.Parts) == 0 || len(t.Parts[0].Steps) == 0 {
		return ""
	}
	return t.Parts[0].Steps[0].Device
}

// mostUnread is how many events of such a run are shown.
const mostUnread = 100

// showUnread prints the events of a run of whose steps nothing can be said.
func (a *app) showUnread(s screen, r record.Record) {
	fmt.Fprintf(a.out, "%s\n", s.paint(yellow, "This version of twinbook cannot show the steps of this run, only its events."))
	for line := range strings.Lines(r.Unread) {
		fmt.Fprintf(a.out, "  %s\n", clean(strings.TrimRight(line, "\n")))
	}
	fmt.Fprintln(a.out)
	events := r.Events
	if more := len(events) - mostUnread; more > 0 {
		fmt.Fprintf(a.out, "  … %d events before; %s shows all\n", more, a.command("runs events "+r.Run.ID))
		events = events[more:]
	}
	for _, e := range events {
		io.WriteString(a.out, s.eventLine(e))
	}
}

// showEnd shows outputs and errors of a run that has ended, as `run` does.
func (a *app) showEnd(p *picture, r record.Record) {
	end := r.Traced.End
	if end == nil {
		return
	}
	if len(end.Outputs) > 0 {
		fmt.Fprintln(a.out)
	}
	for _, o := range r.Program.Workflow.Outputs {
		if value, ok := end.Outputs[o.Name]; ok {
			fmt.Fprintf(a.out, "%s: %s\n", o.Name, valueText(value))
		}
	}
	if end.Message != "" {
		fmt.Fprintf(a.out, "\n%s\n", clean(end.Message))
	}
	if end.Error != nil && end.Status != engine.Succeeded {
		p.errors(end)
	}
}

// errors shows what went wrong, and what stands beside it.
func (p *picture) errors(end *engine.Outcome) {
	if end.Status == engine.Cancelled && !end.Error.Unsure() {
		fmt.Fprintf(p.out, "\n%s: %s\n", p.paint(yellow, "cancelled"), clean(end.Error.Message))
	} else {
		io.WriteString(p.out, "\n"+p.failure(end.Error))
	}
	io.WriteString(p.out, p.beside(end.Error))
}

// whatNext is what can be done about a run that has not succeeded.
func (a *app) whatNext(run journal.Run, short string) string {
	switch state := record.StateOf(run); {
	case run.Retry != "":
		return "It was tried again as run " + run.Retry + ": " + a.command("runs show "+run.Retry)
	case state == record.Left && run.Wish == engine.CancelRequested:
		return "To have it cancelled, as was asked: " + a.command("runs cancel "+short)
	case state == record.Left:
		return "To go on with it: " + a.command("runs resume "+short)
	case state == record.Queued:
		return "It begins when its turn comes; to have it end instead: " + a.command("runs cancel "+short)
	case state == record.Paused:
		return "To let it go on: " + a.command("runs resume "+short)
	case run.Standing.Approval && run.Status == "":
		return "To answer what it asks: " + a.command("runs approve "+short) + ", or reject"
	case run.Status == engine.Failed || run.Status == engine.Cancelled:
		return "To try again what failed, and keep what was done: " + a.command("runs retry "+short)
	}
	return ""
}
