package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// showHead says what run it is and how it stands; queued is why it waits for its turn, empty if it does not.
func (a *app) showHead(s screen, r record.Record, queued string, now time.Time) {
	fmt.Fprintf(a.out, "%s · %s\n\n", s.paint(bold, clean(r.Run.Workflow)), headline(s, r, now))
	row := func(label, text string) {
		if text != "" {
			fmt.Fprintf(a.out, "  %s %s\n", s.paint(dim, pad(label, len("driven by"))), clean(text))
		}
	}
	row("run", r.Run.ID)
	row("file", r.Run.File)
	row("hub", r.Run.Hub)
	row("inputs", inputsText(r.Start.Inputs))
	row("began", joined(whenExactly(r.Run.Started, now), startedBy(r.Start)))
	row("queued", queued)
	if r.Traced != nil && !r.Traced.Admitted.IsZero() {
		row("queued", fmt.Sprintf("until %s (%s)", whenExactly(r.Traced.Admitted, now), elapsed(r.Traced.Admitted.Sub(r.Run.Started))))
	}
	if r.Run.Status != "" {
		row("ended", whenExactly(r.Run.Ended, now))
	}
	row("driven by", r.Run.Driver)
	if r.Traced != nil && r.Run.Status == "" && !r.Traced.Deadline.IsZero() {
		row("ends", "at the latest "+whenExactly(r.Traced.Deadline, now))
	}
	showRequests(row, r, now)
	row("retry of", r.RetryOf())
	row("retried", retriesText(r.Retries))
	row("part of", joined(r.Run.Parent, r.Run.Key))
	row("parts", counts(r.Children).String())
	fmt.Fprintln(a.out)
}

// showRequests says who asked for what: first what was heard, then what nobody has answered yet.
func showRequests(row func(label, text string), r record.Record, now time.Time) {
	paused := ""
	for _, q := range r.Requests() {
		text := requestText(q.Time, "+"+elapsed(q.Time.Sub(r.Run.Started)), q.By, q.Reason, now)
		switch q.Kind {
		case engine.PauseRequested:
			paused = text
		case engine.ResumeRequested:
			row("paused", paused+", until "+text)
			paused = ""
		case engine.CancelRequested:
			if paused != "" {
				row("paused", paused+", until the cancel")
				paused = ""
			}
			row("cancelled", text)
		}
	}
	row("paused", paused)
	if r.Traced != nil {
		for _, told := range r.Traced.Signals {
			row("told", toldText(told, now))
		}
	}
	for _, w := range r.Wishes {
		row("asked", "to "+wishWord(w.Kind)+", "+requestText(w.Time, "", w.By, w.Reason, now))
	}
}

func wishWord(kind engine.EventKind) string {
	switch kind {
	case engine.CancelRequested:
		return "be cancelled"
	case engine.PauseRequested:
		return "pause"
	case engine.RunAdmitted:
		return "begin, since its turn has come"
	case engine.SignalReceived:
		return "hear of a signal"
	}
	return "go on"
}

// requestText says when somebody asked for something, who, and why; offset is that time as the steps have theirs.
func requestText(t time.Time, offset, by, reason string, now time.Time) string {
	text := whenExactly(t, now)
	if offset != "" {
		text += " (" + offset + ")"
	}
	if by != "" {
		text += " by " + by
	}
	if reason != "" {
		text += ": " + reason
	}
	return text
}

// headline is a run's state with how long it took.
func headline(s screen, r record.Record, now time.Time) string {
	words, look := stateWords(r.Run, now)
	took := elapsed(tookUntil(r.Run, now))
	if r.Run.Status != "" && r.Traced != nil && !r.Traced.Admitted.IsZero() {
		took = elapsed(r.Run.Ended.Sub(r.Traced.Admitted))
	}
	var tolerated int
	if n := len(r.Events); n > 0 && r.Events[n-1].End != nil {
		tolerated = r.Events[n-1].End.Tolerated
	}
	switch {
	case r.Run.Status == engine.Succeeded && tolerated > 0:
		return s.paint(yellow, "succeeded with "+counted(tolerated, "tolerated failure")) + " in " + took
	case r.Run.Status == engine.Succeeded:
		return s.paint(look, words) + " in " + took
	case r.Run.Status != "":
		return s.paint(look, words) + " after " + took
	case record.StateOf(r.Run) == record.Left:
		return s.paint(look, words) + ": it has not ended, and the process that drove it is gone or silent"
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

// retriesText names the runs that tried a run again, and says how those ended that have.
func retriesText(retries []journal.Run) string {
	parts := make([]string, len(retries))
	for i, run := range retries {
		parts[i] = retryText(run.ID, run)
	}
	return strings.Join(parts, ", ")
}

// retryText is a run that tried another one again, and how it ended if it has.
func retryText(name string, run journal.Run) string {
	if run.Status == "" {
		return name
	}
	return name + ": " + string(run.Status)
}

// startedBy says who or what began a run.
func startedBy(s engine.RunStart) string {
	trigger, by := triggerText(s.Trigger), s.By
	switch {
	case by == "" || by == trigger:
		by, trigger = trigger, ""
	case trigger != "":
		trigger = "(" + trigger + ")"
	}
	if by == "" {
		return ""
	}
	return "by " + joined(by, trigger)
}

// triggerText is what began a run: a word, or something of a kind.
func triggerText(trigger any) string {
	about, _ := trigger.(map[string]any)
	text := func(key string) string { text, _ := about[key].(string); return text }
	switch kind := text("kind"); kind {
	case "":
	case "api":
		return "API"
	case "schedule":
		return joined("schedule", text("schedule"), labelled("due", about["nominal"]))
	case "twin":
		return joined("twin trigger", text("id"), labelled("for", about["device"]))
	default:
		return joined(kind, text("id"))
	}
	if trigger == nil {
		return ""
	}
	return valueText(trigger)
}

// toldText is what somebody told the run that no step has taken, or why. What was told without a reason, the step that took
// it shows: then it is empty.
func toldText(s engine.TracedSignal, now time.Time) string {
	what := signalText(s.Signal)
	switch {
	case s.Ignored != "":
		return what + ", " + requestText(s.Time, "", s.By, s.Reason, now) + "; it changed nothing: " + s.Ignored
	case s.At == "":
		return what + ", " + requestText(s.Time, "", s.By, s.Reason, now) + "; no step has waited for it yet"
	case s.Reason != "":
		return what + " to " + string(s.At.Step()) + ", " + requestText(s.Time, "", s.By, s.Reason, now)
	}
	return ""
}
