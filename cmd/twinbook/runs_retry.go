package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
)

func (a *app) runsRetry(f *runsFlags) *cobra.Command {
	var again []string
	var hub string
	c := &cobra.Command{
		Use:   "retry RUN",
		Short: "Try a run again from the step that failed",
		Long: "Makes a new run of one that failed or was cancelled, with the same workflow, inputs and hub, and follows it to its\n" +
			"end. What was done before the step that failed is kept. A step that must not happen twice and may have happened is\n" +
			"not done again unless --again names it. Where --again names a step that would be kept, that is done again, with all\n" +
			"that came after it.\n\n" +
			"Exit codes: 0 succeeded; 1 failed; 2 a bad run, flag or configuration, or a step that may have happened: nothing was\n" +
			"touched; 3 the hub could not be reached or refused us before the first effect; 130, 143 interrupted.",
		Args:              exactly("one RUN"),
		ValidArgsFunction: a.completeRuns(hasFailed),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withControl(c.Context(), f, hub, func(k control) error {
				run, err := findRun(c.Context(), k.journal, args[0])
				if err != nil {
					return err
				}
				return k.retry(c.Context(), run, again)
			})
		},
	}
	c.Flags().StringArrayVar(&again, "again", nil, "a step to do again although it may have happened, or was done, by its id or address; may be repeated")
	a.controlHubFlag(c, &hub)
	return c
}

func hasFailed(r journal.Run) bool { return hasEnded(r) && r.Status != engine.Succeeded }

// retry makes a new run of one that failed, and brings it to its end.
func (k control) retry(ctx context.Context, run journal.Run, again []string) error {
	if err := k.canRetry(ctx, run); err != nil {
		return err
	}
	kept, err := k.retraced(ctx, run, again)
	if err != nil {
		return err
	}
	w, courses, err := k.prepare(ctx, []journal.Run{run})
	if err != nil {
		return err
	}
	defer w.close()
	c := course{program: courses[0].program, hub: run.Hub, kept: kept}
	c.begin = func(ctx context.Context, r *runner.Runner, c course) (*runner.Handle, error) {
		h, err := r.Retry(ctx, run.ID, again, w.hosts(run.Hub, c.program), k.whoAsks())
		if err == nil {
			k.audit(k.journal, "runs.retry", run.ID, "as "+h.ID())
		}
		return h, err
	}
	outcomes, err := k.drive(ctx, drive{
		world: w, journal: k.journal, runs: []course{c}, show: func(course) reporter { return k.reporter(k.format, w) },
	})
	var retried *journal.RetriedError
	switch {
	case errors.As(err, &retried): // just now
		return k.retriedAs(ctx, run.ID, retried.Retry)
	case err != nil:
		return err
	}
	return w.verdict(ctx, outcomes[0])
}

// canRetry says what to do about a run that cannot be tried again because of how it stands.
func (k control) canRetry(ctx context.Context, run journal.Run) error {
	switch {
	case run.Retry != "":
		return k.retriedAs(ctx, run.ID, run.Retry)
	case run.Status == "" && run.Driver != "":
		return fmt.Errorf("run %s has not ended, %s drives it: %s shows what it does", run.ID, run.Driver, k.command("runs show "+run.ID))
	case run.Status == "":
		return fmt.Errorf("run %s has not ended; %s goes on with it", run.ID, k.command("runs resume "+run.ID))
	}
	return nil
}

// retriedAs says what became of the retry of a run: a second one would do again what that has done.
func (k control) retriedAs(ctx context.Context, id, retry string) error {
	text := "run " + id + " was retried as " + retry
	run, err := k.journal.Run(ctx, retry)
	for err == nil && run.Retry != "" {
		retry = run.Retry
		text += ", and that as " + retry
		run, err = k.journal.Run(ctx, retry)
	}
	switch {
	case errors.Is(err, journal.ErrNotFound): // removed meanwhile
		return errors.New(text)
	case err != nil:
		return err
	case run.Status == engine.Succeeded:
		return fmt.Errorf("%s, which succeeded; %s shows it", text, k.command("runs show "+retry))
	case run.Status == engine.Cancelled:
		return fmt.Errorf("%s, which was cancelled; %s tries that one again", text, k.command("runs retry "+retry))
	case run.Status != "":
		return fmt.Errorf("%s, which %s; %s tries that one again", text, run.Status, k.command("runs retry "+retry))
	case run.Driver != "":
		return fmt.Errorf("%s, which has not ended, %s drives it; %s shows what it does", text, run.Driver, k.command("runs show "+retry))
	}
	return fmt.Errorf("%s, which has not ended; %s goes on with it", text, k.command("runs resume "+retry))
}

// retraced says how many answers a retry keeps, before anything is made ready for it. Steps that may have happened and
// must not be done twice are told of, and are the error.
func (k control) retraced(ctx context.Context, run journal.Run, again []string) (kept int, err error) {
	p, err := k.stored(ctx, run, map[string]*engine.Program{})
	if err != nil {
		return 0, err
	}
	past, err := k.journal.Events(ctx, run.ID, 0)
	if err != nil {
		return 0, err
	}
	started := engine.Event{Time: time.Now().UTC(), Kind: engine.RunStarted, Start: &engine.RunStart{}}
	if len(past) > 0 && past[0].Start != nil {
		*started.Start = *past[0].Start
		started.Start.RetryOf = run.ID
	}
	events, doubts, err := engine.Retrace(p, started, past, again)
	if err != nil {
		return 0, err
	}
	if len(doubts) > 0 {
		k.showDoubts(run, doubts, again)
		return 0, coded{code: exitUsage}
	}
	for _, e := range events {
		if e.Kind == engine.StepDone {
			kept++
		}
	}
	return kept, nil
}

// showDoubts says why a run is not tried again, what is known, and which command does it all the same.
func (k control) showDoubts(run journal.Run, doubts []engine.Doubt, again []string) {
	l := lines{screen: k.screenOf(k.err, k.errScreen)}
	l.write(fmt.Sprintf("run %s is not tried again, and nothing was touched: %s must not happen twice, and may have happened.\n\n", run.ID, counted(len(doubts), "step")))
	for _, d := range doubts {
		l.write(l.paint(red, clean(d.Title)) + l.paint(dim, clean(doubtPlace(d))) + "\n")
		l.write("  " + l.paint(yellow, "known:") + " " + clean(d.Known(d.Sent.Local().Format("15:04:05 on 2006-01-02"))) + "\n")
		if d.Allowed {
			l.write("  its retry: on: allows to repeat it within one run; a new run does so only with --again\n")
		}
	}
	io.WriteString(k.err, "\nLook at the devices. If it is safe to do it again:\n\n  "+k.command("runs retry "+run.ID+againFlags(doubts, again))+"\n")
}

// doubtPlace is where a doubtful step stands, behind its title: its id if that is another word, the items and
// branches around it, and its device.
func doubtPlace(d engine.Doubt) string {
	text := ""
	if d.Step != d.Title {
		text = "  " + d.Step
	}
	for _, part := range d.Around {
		text += " · " + part
	}
	if d.Device != "" {
		text += " · on " + d.Device
	}
	return text
}

// againFlags are the flags that let all doubts pass, with those that were given.
func againFlags(doubts []engine.Doubt, given []string) string {
	var b strings.Builder
	seen := map[string]bool{}
	add := func(step string) {
		if !seen[step] {
			seen[step] = true
			b.WriteString(" --again " + shellWord(step))
		}
	}
	for _, step := range given {
		add(step)
	}
	for _, d := range doubts {
		if at := string(d.At); at == d.Step || strings.HasSuffix(at, "/"+d.Step) {
			add(d.Step)
		} else {
			add(at)
		}
	}
	return b.String()
}

// shellWord is a word as shells read it; addresses have characters that mean something to them.
func shellWord(text string) string {
	if strings.ContainsAny(text, "[]@#!*?$&;()<>|'\"\\ `~") {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return text
}
