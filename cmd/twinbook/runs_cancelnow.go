package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// cancelNow ends runs that nobody drives in the journal alone: nothing of them is done any more.
func (k control) cancelNow(ctx context.Context, runs []journal.Run, reason string) error {
	for _, run := range runs {
		if run.Status == "" && run.Driver != "" {
			return fmt.Errorf("run %s: %s drives it; %s has it end the run in good order, and --now is for runs that no process drives", run.ID, run.Driver, k.command("runs cancel "+run.ID))
		}
	}
	for _, run := range runs {
		if run.Status != "" {
			k.over(run)
		} else if err := k.endNow(ctx, run, reason); err != nil {
			return err
		}
	}
	return k.documents(ctx, nil, idsOf(runs))
}

// endNow ends a run, and says what was under way in it.
func (k control) endNow(ctx context.Context, run journal.Run, reason string) error {
	err := k.journal.Claim(ctx, run.ID)
	if errors.Is(err, journal.ErrDriven) {
		return coded{exitFailed, err}
	}
	var past []engine.Event
	if err == nil {
		past, err = k.journal.Events(ctx, run.ID, 0)
	}
	if err != nil {
		return err
	}
	if run.Standing.Queued && slices.ContainsFunc(past, func(e engine.Event) bool { return e.Kind == engine.RunAdmitted }) {
		return coded{exitFailed, fmt.Errorf("run %s has begun just now; %s ends it", run.ID, k.command("runs cancel "+run.ID))}
	}
	asked := engine.Event{Time: after(past), Kind: engine.CancelRequested, Reason: reason, By: k.whoAsks()}
	failure := k.endedWhereItStood(ctx, run, past, asked)
	events := []engine.Event{asked, {Time: asked.Time, Kind: engine.RunEnded, End: &engine.Outcome{Status: engine.Cancelled, Error: failure}}}
	if err := k.journal.Append(ctx, run.ID, events, journal.Standing{}); err != nil {
		return err
	}
	k.audit(k.journal, "runs.cancel", run.ID, reason)
	fmt.Fprintf(k.err, "run %s: cancelled after %s, %s\n", run.ID, elapsed(asked.Time.Sub(run.Started)), clean(failure.Message))
	return nil
}

// endedWhereItStood is the error of a run that is ended without a further step. Effects whose answer nobody waits for may
// have happened.
func (k control) endedWhereItStood(ctx context.Context, run journal.Run, past []engine.Event, asked engine.Event) *engine.Error {
	why := "ended where it stood by " + asked.By
	if asked.Reason != "" {
		why += " (" + asked.Reason + ")"
	}
	failure := &engine.Error{Kind: engine.KindCancelled, Message: why + "; its finally did not run"}
	if run.Standing.Queued {
		failure.Message = why + "; nothing of it had begun"
		return failure
	}
	p, err := k.stored(ctx, run, map[string]*engine.Program{})
	if err != nil { // a newer version wrote it: what is not known to be harmless may have happened
		failure.MaybeDone = true
		return failure
	}
	began := map[engine.Address]engine.Event{}
	for _, e := range past {
		if e.Kind == engine.StepStarted {
			began[e.At] = e
		}
	}
	plan := engine.NewRun(p)
	plan.Next(past...)
	var known []string
	for _, c := range plan.Outstanding() {
		e, ok := began[c.At]
		if !ok || c.Kind != engine.CommandDo || c.Delivery == engine.Read {
			continue
		}
		what := c.Type.Name
		if c.Device != "" && !c.Type.NoDevice {
			what += " on " + c.Device
			failure.Device = c.Device
		}
		known = append(known, fmt.Sprintf("%s was under way: the request was sent at %s, and whether it took effect is unknown", what, e.Time.UTC().Format("15:04:05 UTC on 2006-01-02")))
		failure.MaybeDone = true
	}
	if len(known) > 1 {
		failure.Device = "" // the message has all
	}
	if len(known) > 0 {
		failure.Message += "; " + strings.Join(known, "; ")
	}
	return failure
}
