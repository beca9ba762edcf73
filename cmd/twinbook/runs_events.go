package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/internal/record"
)

// lookForEvents is how often the journal is asked whether more has happened in a run that is followed.
const lookForEvents = 200 * time.Millisecond

func (a *app) runsEvents(f *runsFlags) *cobra.Command {
	var follow bool
	c := &cobra.Command{
		Use:   "events RUN",
		Short: "Print the events of a run, as they are in the journal",
		Args:  exactly("one RUN"), ValidArgsFunction: a.completeRuns(nil),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withJournal(c.Context(), f, func(j openJournal, format string) error {
				run, err := findRun(c.Context(), j, args[0])
				if err != nil {
					return err
				}
				return a.printEvents(c.Context(), j, run, format, follow)
			}, "text", "jsonl", "json")
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with the events to come, until the run ends")
	return c
}

func (a *app) printEvents(ctx context.Context, j openJournal, run journal.Run, format string, follow bool) error {
	switch {
	case format == "json" && follow:
		return fmt.Errorf("--follow writes a line for each event: --output text or jsonl")
	case format == "json":
		events, err := j.Events(ctx, run.ID, 0)
		if err == nil {
			writeJSON(a.out, events)
		}
		return err
	}
	if follow && record.StateOf(run) == record.Left {
		fmt.Fprintf(a.err, "Nobody drives this run: nothing happens in it until twinbook runs resume %s\n", run.ID)
	}
	s := a.screenOf(a.out, a.outScreen)
	last := int64(0)
	for {
		events, err := j.Events(ctx, run.ID, last)
		if err != nil {
			return err
		}
		for _, e := range events {
			a.printEvent(s, e, format)
			last = e.Seq
		}
		if !follow || len(events) > 0 && events[len(events)-1].Kind == engine.RunEnded {
			return nil
		}
		if clock.Sleep(ctx, clock.Real(), lookForEvents) != nil {
			return stopped(ctx)
		}
	}
}

func (a *app) printEvent(s screen, e engine.Event, format string) {
	if format == "jsonl" {
		io.WriteString(a.out, jsonLine(e)+"\n")
		return
	}
	io.WriteString(a.out, s.eventLine(e))
}

// eventColumns is how long the line of an event is where there is no terminal.
const eventColumns = 200

// eventLine is an event on one line: its number, its time in UTC, what happened, where, and a little more.
func (s screen) eventLine(e engine.Event) string {
	columns := eventColumns
	if s.columns != nil {
		columns = s.columns() - 1
	}
	head := fmt.Sprintf("%4d  %s  ", e.Seq, e.Time.UTC().Format("2006-01-02T15:04:05.000Z"))
	kind := pad(clean(string(e.Kind)), len(engine.CancelRequested))
	rest := joined(clean(string(e.At)), clean(eventDetail(e)))
	line := s.paint(dim, head) + s.paint(eventStyle(e), kind) + "  " + fit(rest, columns-width(head)-width(kind)-2)
	return strings.TrimRight(line, " ") + "\n"
}

func eventStyle(e engine.Event) style {
	switch {
	case e.End != nil:
		return statusStyle(e.End.Status)
	case e.Error != nil:
		return red
	case e.Kind == engine.CancelRequested || e.Kind == engine.PauseRequested:
		return yellow
	}
	return plain
}

// mostDetail is how much of a value is looked at for a line.
const mostDetail = 1000

// eventDetail is what an event says beside its kind and its address, in short.
func eventDetail(e engine.Event) string {
	var parts []string
	add := func(text string) { parts = append(parts, text) }
	if e.Kept {
		add("(kept)")
	}
	if s := e.Start; s != nil {
		add(s.Workflow + " " + shortJSON(s.Inputs))
	}
	if e.Device != "" {
		add("on " + e.Device)
	}
	if len(e.Params) > 0 {
		add(shortJSON(e.Params))
	}
	if e.Signal != nil {
		add(signalText(*e.Signal))
	}
	switch {
	case e.Error != nil:
		add(failureText(e.Error))
	case e.Value != nil:
		add(shortJSON(e.Value))
	}
	if e.By != "" {
		add("by " + e.By)
	}
	if e.Reason != "" {
		add(e.Reason)
	}
	if e.End != nil {
		add(string(e.End.Status))
		if e.End.Error != nil {
			add(failureText(e.End.Error))
		}
	}
	return joined(parts...)
}

// signalText is what somebody told a run.
func signalText(s engine.Signal) string {
	text := s.Name
	switch {
	case text != "":
	case s.Approved:
		text = "yes"
	default:
		text = "no"
	}
	if s.Payload != nil {
		text += " " + shortJSON(s.Payload)
	}
	return text
}

// shortJSON is a value as JSON, cut where nobody reads on.
func shortJSON(value any) string {
	text := jsonLine(value)
	if len(text) <= mostDetail {
		return text
	}
	return strings.ToValidUTF8(text[:mostDetail], "") + "…"
}
