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
				r, err := readRecord(c.Context(), j, run)
				if err != nil {
					return err
				}
				if format == "json" {
					writeJSON(a.out, shown(r))
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

// A record is what the journal knows of a run.
type record struct {
	run      journal.Run
	start    engine.RunStart
	events   []engine.Event
	program  *engine.Program // nil: see unread
	traced   *engine.Traced  // nil: see unread
	unread   string          // why nothing can be said of the steps
	sights   []journal.Sight
	retries  []string              // the runs that tried it again, the earliest first
	children map[engine.Status]int // parts of it that are runs themselves
}

// readRecord reads a run, which may go on meanwhile: its events are what counts.
func readRecord(ctx context.Context, j journal.Journal, run journal.Run) (record, error) {
	r := record{run: run}
	var err error
	if r.events, err = j.Events(ctx, run.ID, 0); err != nil {
		return r, err
	}
	if r.sights, err = j.Sights(ctx, run.ID); err != nil {
		return r, err
	}
	if r.children, err = j.Children(ctx, run.ID); err != nil {
		return r, err
	}
	if r.retries, err = retriesOf(ctx, j, run); err != nil {
		return r, err
	}
	if len(r.events) > 0 && r.events[0].Start != nil {
		r.start = *r.events[0].Start
	}
	if n := len(r.events); n > 0 && r.events[n-1].End != nil {
		r.run.Status, r.run.Ended = r.events[n-1].End.Status, r.events[n-1].Time
	}
	sources, err := j.Sources(ctx, run.ID)
	if err != nil {
		return r, err
	}
	if r.program, err = compileStored(sources); err != nil {
		r.unread = err.Error()
		return r, nil
	}
	if r.unread = strangeEvent(r.events); r.unread == "" {
		r.traced = engine.Trace(r.program, r.events)
	}
	return r, nil
}

// strangeEvent says which event is of a kind that only newer versions know; empty: none.
func strangeEvent(events []engine.Event) string {
	known := []engine.EventKind{
		engine.RunStarted, engine.StepStarted, engine.StepDone, engine.TimerFired, engine.CancelRequested,
		engine.PauseRequested, engine.ResumeRequested, engine.RunEnded,
	}
	for _, e := range events {
		if !slices.Contains(known, e.Kind) {
			return fmt.Sprintf("event %d is of a kind that it does not know: %s", e.Seq, clean(string(e.Kind)))
		}
	}
	return ""
}

// retriesOf are the runs that tried a run again.
func retriesOf(ctx context.Context, j journal.Journal, run journal.Run) ([]string, error) {
	retries := []string{}
	for other, err := range eachRun(ctx, j, journal.Filter{RetryOf: run.ID, Parent: run.Parent}) {
		if err != nil {
			return nil, err
		}
		retries = append(retries, other.ID)
	}
	slices.Reverse(retries)
	return retries, nil
}

// showRecord draws a run.
func (a *app) showRecord(ctx context.Context, j openJournal, s screen, r record, f showFlags, now time.Time) error {
	short, err := shortIn(ctx, j, r.run.ID, shortEnd(r.run.ID))
	if err != nil {
		return err
	}
	a.showHead(s, r, now)
	if r.traced == nil {
		a.showUnread(s, r)
		return nil
	}
	p := &picture{
		lines: lines{screen: s, out: a.out}, Traced: r.traced, now: now, state: stateOf(r.run), all: f.all, values: f.values,
		sights: sightsByPlace(r.sights),
	}
	p.device = clean(firstDevice(r.traced))
	io.WriteString(a.out, p.draw())
	a.showEnd(p, r)
	if what := a.whatNext(r.run, short); what != "" {
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

func sightsByPlace(all []journal.Sight) map[engine.Address]journal.Sight {
	sights := make(map[engine.Address]journal.Sight, len(all))
	for _, s := range all {
		sights[s.At] = s
	}
	return sights
}

// showHead says what run it is and how it stands.
func (a *app) showHead(s screen, r record, now time.Time) {
	fmt.Fprintf(a.out, "%s · %s\n\n", s.paint(bold, clean(r.run.Workflow)), headline(s, r, now))
	row := func(label, text string) {
		if text != "" {
			fmt.Fprintf(a.out, "  %s %s\n", s.paint(dim, pad(label, len("driven by"))), clean(text))
		}
	}
	row("run", r.run.ID)
	row("file", r.run.File)
	row("hub", r.run.Hub)
	row("inputs", inputsText(r.start.Inputs))
	row("began", joined(whenExactly(r.run.Started, now), triggerText(r.start.Trigger)))
	if r.run.Status != "" {
		row("ended", whenExactly(r.run.Ended, now))
	}
	row("driven by", r.run.Driver)
	if r.traced != nil && r.run.Status == "" {
		a.showWishes(row, r.traced, now)
	}
	row("retry of", r.run.RetryOf)
	row("retried", strings.Join(r.retries, ", "))
	row("part of", joined(r.run.Parent, r.run.Key))
	row("parts", counts(r.children).String())
	fmt.Fprintln(a.out)
}

// showWishes says what bounds a run that has not ended, and who asked for what.
func (a *app) showWishes(row func(label, text string), t *engine.Traced, now time.Time) {
	if !t.Deadline.IsZero() {
		row("ends", "at the latest "+whenExactly(t.Deadline, now))
	}
	row("paused", requestText(t.Paused, now))
	row("cancelled", requestText(t.Cancel, now))
}

func requestText(r *engine.Request, now time.Time) string {
	if r == nil {
		return ""
	}
	text := whenExactly(r.Time, now)
	if r.By != "" {
		text += " by " + r.By
	}
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	return text
}

// headline is a run's state with how long it took.
func headline(s screen, r record, now time.Time) string {
	words, look := stateWords(r.run, now)
	took := elapsed(tookUntil(r.run, now))
	var tolerated int
	if n := len(r.events); n > 0 && r.events[n-1].End != nil {
		tolerated = r.events[n-1].End.Tolerated
	}
	switch {
	case r.run.Status == engine.Succeeded && tolerated > 0:
		return s.paint(yellow, "succeeded with "+counted(tolerated, "tolerated failure")) + " in " + took
	case r.run.Status == engine.Succeeded:
		return s.paint(look, words) + " in " + took
	case r.run.Status != "":
		return s.paint(look, words) + " after " + took
	case stateOf(r.run) == runLeft:
		return s.paint(look, "left behind") + ": it has not ended, and no process drives it"
	}
	return s.paint(look, words) + ", began " + took + " ago"
}

func inputsText(inputs map[string]any) string {
	parts := []string{}
	for _, m := range named(inputs, nil) {
		parts = append(parts, m.name+": "+m.short())
	}
	return strings.Join(parts, ", ")
}

func triggerText(trigger any) string {
	if trigger == nil {
		return ""
	}
	return "by " + valueText(trigger)
}

// mostUnread is how many events of such a run are shown.
const mostUnread = 100

// showUnread prints the events of a run of whose steps nothing can be said.
func (a *app) showUnread(s screen, r record) {
	fmt.Fprintf(a.out, "%s\n", s.paint(yellow, "This version of twinbook cannot show the steps of this run, only its events."))
	for line := range strings.Lines(r.unread) {
		fmt.Fprintf(a.out, "  %s\n", clean(strings.TrimRight(line, "\n")))
	}
	fmt.Fprintln(a.out)
	events := r.events
	if more := len(events) - mostUnread; more > 0 {
		fmt.Fprintf(a.out, "  … %d events before; %s shows all\n", more, a.command("runs events "+r.run.ID))
		events = events[more:]
	}
	for _, e := range events {
		io.WriteString(a.out, s.eventLine(e))
	}
}

// showEnd shows outputs and errors of a run that has ended, as `run` does.
func (a *app) showEnd(p *picture, r record) {
	end := r.traced.End
	if end == nil {
		return
	}
	if len(end.Outputs) > 0 {
		fmt.Fprintln(a.out)
	}
	for _, o := range r.program.Workflow.Outputs {
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

// errors shows what went wrong, and what came on top of it.
func (p *picture) errors(end *engine.Outcome) {
	if end.Status == engine.Cancelled && !end.Error.MaybeDone {
		fmt.Fprintf(p.out, "\n%s: %s\n", p.paint(yellow, "cancelled"), clean(end.Error.Message))
	} else {
		io.WriteString(p.out, "\n"+p.failure(end.Error))
	}
	for _, also := range end.Error.Also {
		io.WriteString(p.out, "\n"+p.paint(bold, "On top of that, while ending:")+"\n"+p.failure(also))
	}
}

// whatNext is what can be done about a run that has not succeeded.
func (a *app) whatNext(run journal.Run, short string) string {
	switch state := stateOf(run); {
	case state == runLeft:
		return "To go on with it: " + a.command("runs resume "+short)
	case state == runPaused:
		return "To let it go on: " + a.command("runs resume "+short)
	case run.Status == engine.Failed || run.Status == engine.Cancelled:
		return "To try again what failed, and keep what was done: " + a.command("runs retry "+short)
	}
	return ""
}
