package main

import (
	"fmt"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// opening is how a run is announced: which one it is, where, and whether something lies behind it.
func (l *lines) opening(h header) string {
	text := l.paint(bold, clean(h.program.Workflow.Name)) + l.paint(dim, " · "+clean(hubTitle(h.hubs))+h.name()) + "\n"
	for _, more := range h.history() {
		text += l.paint(dim, more) + "\n"
	}
	return text
}

// name is how the first and the last line name a run that can be looked at later.
func (h header) name() string {
	if !h.recorded {
		return ""
	}
	return " · run " + h.start.ID
}

// history says what lies behind a run that does not begin with nothing.
func (h header) history() (all []string) {
	done := counted(stepsEnded(h.past), "step")
	if h.start.RetryOf != "" && h.resumed.IsZero() {
		all = append(all, fmt.Sprintf("tries run %s again, of which it keeps %s", h.start.RetryOf, done))
	}
	if h.resumed.IsZero() {
		return all
	}
	all = append(all, fmt.Sprintf("goes on: it began at %s, and %s had ended", h.began.Format("15:04:05 UTC on 2006-01-02"), done))
	for _, hub := range h.hubs {
		if strings.HasPrefix(hub.title, simulatorTitle) {
			all = append(all, "the devices of "+hub.title+" begin anew: they ended with the process that simulated them")
		}
	}
	return all
}

// stepsEnded counts the actions that have ended, whatever came of them.
func stepsEnded(notes []engine.Note) (n int) {
	for i := range notes {
		if notes[i].Kind == engine.NoteStepEnded && notes[i].Step.Do != nil {
			n++
		}
	}
	return n
}

// remember brings what is known of the run up to where this process begins to show it.
func (l *lines) remember(t *tracker, past []engine.Note) {
	for i := range past {
		if past[i].Kind == engine.NoteStepStarted {
			l.see(past[i].Device)
		}
		t.take(runner.Update{Note: &past[i]})
	}
}
