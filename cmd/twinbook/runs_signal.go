package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// heardWithin is how long the process that drives a run may take to hear what it is told.
const heardWithin = 10 * time.Second

// A message is what somebody at this terminal tells a run.
type message struct {
	at     engine.Address // of an answer: the approve
	signal engine.Signal
	reason string
	wait   time.Duration
}

// action is what the audit trail calls it.
func (m *message) action() string {
	switch {
	case m.signal.Name != "":
		return "runs.signal"
	case m.signal.Approved:
		return "runs.approve"
	}
	return "runs.reject"
}

func (m *message) flags(c *cobra.Command) {
	c.Flags().StringVar(&m.reason, "reason", "", "why, for the run's record")
	c.Flags().DurationVar(&m.wait, "wait", heardWithin, "how long the process that drives the run may take to hear it")
}

func (a *app) runsSignal(f *runsFlags) *cobra.Command {
	var m message
	var payload string
	c := &cobra.Command{
		Use:   "signal RUN NAME",
		Short: "Tell a run what a waitForSignal of it waits for",
		Long: "Sends a run a signal, for the first step that waits for its name. One that comes before is kept until a step does.\n" +
			"A run that no process drives hears of it when one goes on with it.\n\n" +
			"Exit codes: 0 the run has heard it, or will; 1 it has ended, or was not heard in time; 2 a run, flag or configuration is wrong.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New("runs signal needs a RUN and the NAME of the signal. See: twinbook runs signal --help")
			}
			return nil
		},
		ValidArgsFunction: a.completeFirstRun(hasNotEnded),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withControl(c.Context(), f, "", func(k control) (err error) {
				if m.signal.Name = strings.TrimSpace(args[1]); m.signal.Name == "" {
					return errors.New("an empty text is no name of a signal")
				}
				if m.signal.Payload, err = a.readPayload(c.Context(), payload); err != nil {
					return err
				}
				run, err := findRun(c.Context(), k.journal, args[0])
				if err != nil {
					return err
				}
				return first(k.send(c.Context(), run, m), k.documents(c.Context(), nil, []string{run.ID}))
			})
		},
	}
	c.Flags().StringVar(&payload, "payload", "", "what comes with it: JSON, or @FILE that holds some (@- is stdin)")
	m.flags(c)
	return c
}

// mostPayload is how long what comes with a signal may be, as JSON.
const mostPayload = 1 << 20

// readPayload reads JSON from a flag, or from the file that it names.
func (a *app) readPayload(ctx context.Context, flag string) (any, error) {
	text := []byte(flag)
	if file, ok := strings.CutPrefix(flag, "@"); ok {
		var err error
		if text, err = a.readStdinOr(ctx, file); err != nil {
			return nil, fmt.Errorf("--payload: %w", err)
		}
	}
	switch {
	case flag == "":
		return nil, nil
	case len(text) > mostPayload:
		return nil, fmt.Errorf("--payload has %.1f MiB, and 1 MiB is the most that a run keeps", float64(len(text))/(1<<20))
	}
	value, err := expr.ParseJSON(text)
	if err != nil {
		return nil, fmt.Errorf("--payload is no JSON: %w (a text needs quotes of its own: '\"text\"'; @FILE takes what a file holds)", err)
	}
	return value, nil
}

// send tells a run something, and waits until it has heard.
func (k control) send(ctx context.Context, run journal.Run, m message) error {
	if run.Status != "" {
		fmt.Fprintf(k.err, "run %s has ended already: %s\n", run.ID, run.Status)
		return coded{code: exitFailed}
	}
	m.signal.Roles = []string{"admin"} // whoever may write the journal may do all
	asked := journal.Request{
		Run: run.ID, Kind: engine.SignalReceived, At: m.at, Signal: &m.signal, Reason: m.reason, By: k.whoAsks(), Time: time.Now().UTC(),
	}
	var before *journal.AnsweredError
	if err := k.journal.Ask(ctx, asked); errors.As(err, &before) {
		return coded{exitFailed, before}
	} else if errors.Is(err, journal.ErrEnded) {
		return coded{exitFailed, fmt.Errorf("run %s has ended meanwhile", run.ID)}
	} else if err != nil {
		return err
	}
	k.audit(k.journal, m.action(), run.ID, m.signal.Name)
	if run.Driver == "" {
		fmt.Fprintf(k.err, "run %s: %s is kept until somebody goes on with it; no process drives it now: %s\n", run.ID, m.words(), k.command("runs resume "+run.ID))
		return nil
	}
	heard := func(now journal.Run) bool { return now.Status != "" || now.Driver == "" || k.heard(ctx, asked) }
	now, err := until(ctx, k.journal, run.ID, m.wait, heard)
	switch {
	case errors.Is(err, errWaited):
		return coded{exitFailed, fmt.Errorf("run %s is told, but %s, which drives it, has not answered within %s; it will when it does", run.ID, run.Driver, m.wait)}
	case err != nil:
		return err
	case now.Status == "" && now.Driver == "":
		fmt.Fprintf(k.err, "run %s: %s is kept until somebody goes on with it; %s, which drove it, is gone\n", run.ID, m.words(), run.Driver)
		return nil
	}
	return k.became(ctx, run.ID, asked, m)
}

// heard says whether a run has answered what it was told.
func (k control) heard(ctx context.Context, asked journal.Request) bool {
	wishes, err := k.journal.Wishes(ctx, asked.Run)
	for _, w := range wishes {
		if w.Kind == asked.Kind && w.Time.Equal(asked.Time) && w.By == asked.By {
			return false
		}
	}
	return err == nil
}

// became says what came of what a run was told.
func (k control) became(ctx context.Context, run string, asked journal.Request, m message) error {
	r, err := k.recordOf(ctx, run)
	if err != nil {
		return err
	}
	if r.Traced == nil { // a newer version drives it
		fmt.Fprintf(k.err, "run %s has heard of %s\n", run, m.words())
		return nil
	}
	for _, s := range r.Traced.Signals {
		if s.By != asked.By || s.Signal.Name != m.signal.Name || s.Time.Before(asked.Time) {
			continue
		}
		switch {
		case s.Ignored != "":
			return coded{exitFailed, fmt.Errorf("run %s has heard of %s, which changes nothing: %s", run, m.words(), clean(s.Ignored))}
		case s.At == "":
			fmt.Fprintf(k.err, "run %s keeps %s for a step that waits for it; none does now\n", run, m.words())
		default:
			fmt.Fprintf(k.err, "run %s: %s goes to %s\n", run, m.words(), clean(string(s.At.Step())))
		}
		return nil
	}
	return coded{exitFailed, fmt.Errorf("run %s has ended before it heard of %s", run, m.words())}
}

// recordOf is what the journal knows of a run by now.
func (k control) recordOf(ctx context.Context, id string) (record.Record, error) {
	run, err := k.journal.Run(ctx, id)
	if err != nil {
		return record.Record{}, err
	}
	return record.Read(ctx, k.journal, run, compileStored)
}

// words are what is told, in short.
func (m message) words() string {
	switch {
	case m.signal.Name != "":
		return "the signal " + clean(m.signal.Name)
	case m.signal.Approved:
		return "the yes"
	}
	return "the no"
}
