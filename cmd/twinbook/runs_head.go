package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
)

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
	if r.traced != nil && r.run.Status == "" && !r.traced.Deadline.IsZero() {
		row("ends", "at the latest "+whenExactly(r.traced.Deadline, now))
	}
	showRequests(row, r, now)
	row("retry of", r.run.RetryOf)
	row("retried", strings.Join(r.retries, ", "))
	row("part of", joined(r.run.Parent, r.run.Key))
	row("parts", counts(r.children).String())
	fmt.Fprintln(a.out)
}

// showRequests says who asked for what: first what was heard, then what nobody has answered yet.
func showRequests(row func(label, text string), r record, now time.Time) {
	paused := ""
	for _, e := range r.events {
		text := requestText(e.Time, e.By, e.Reason, now)
		switch {
		case e.Kind == engine.PauseRequested && paused == "":
			paused = text
		case e.Kind == engine.PauseRequested || e.Kind == engine.ResumeRequested && paused == "":
		case e.Kind == engine.ResumeRequested:
			row("paused", paused+", until "+text)
			paused = ""
		case e.Kind == engine.CancelRequested:
			if paused != "" {
				row("paused", paused+", until the cancel")
			}
			row("cancelled", text)
			return
		}
	}
	if paused != "" {
		row("paused", paused)
	}
	for _, w := range r.wishes {
		row("asked", "to "+wishWord(w.Kind)+", "+requestText(w.Time, w.By, w.Reason, now))
	}
}

func wishWord(kind engine.EventKind) string {
	switch kind {
	case engine.CancelRequested:
		return "be cancelled"
	case engine.PauseRequested:
		return "pause"
	}
	return "go on"
}

// requestText says when somebody asked for something, who, and why.
func requestText(t time.Time, by, reason string, now time.Time) string {
	text := whenExactly(t, now)
	if by != "" {
		text += " by " + by
	}
	if reason != "" {
		text += ": " + reason
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
		return s.paint(look, words) + ": it has not ended, and no process drives it"
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
