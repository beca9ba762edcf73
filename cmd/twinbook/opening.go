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
	if h.queued != "" {
		text += l.paint(yellow, h.queued) + "\n"
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
	switch {
	case !h.resumed.IsZero():
		all = append(all, fmt.Sprintf("goes on: it began %s, and %s had ended",
			whenExactly(h.began, h.resumed.Local()), counted(stepsEnded(h.past), "step")))
	case h.start.RetryOf != "":
		all = append(all, fmt.Sprintf("tries run %s again; %s of it %s kept", h.start.RetryOf, counted(h.kept, "answer"), isOrAre(h.kept)))
	default:
		return nil
	}
	for _, hub := range h.hubs {
		if strings.HasPrefix(hub.title, simulatorTitle) {
			all = append(all, hub.title+" begins anew: its devices ended with their process")
		}
	}
	return all
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
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
