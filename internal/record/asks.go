package record

import (
	"slices"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// Asks are what the run waits for somebody to tell it, in the order of its steps.
func (r Record) Asks() []engine.Ask {
	var asks []engine.Ask
	var walk func(parts []*engine.TracedPart)
	walk = func(parts []*engine.TracedPart) {
		for _, part := range parts {
			for _, s := range part.Steps {
				if s.Ask != nil && s.Ended.IsZero() {
					asks = append(asks, *s.Ask)
				}
				walk(s.Parts)
			}
		}
	}
	if r.Traced != nil {
		walk(r.Traced.Parts)
	}
	return asks
}

// Approvals are the approves that wait for an answer, and those of them that somebody means by a step: its address, or the end
// of it, such as the step's id. Where it is empty all are meant.
func (r Record) Approvals(step string) (open, meant []engine.Ask) {
	for _, ask := range r.Asks() {
		if ask.Signal != "" {
			continue
		}
		open = append(open, ask)
		if step == string(ask.At) || means(step, ask.At) {
			meant = append(meant, ask)
		}
	}
	return open, meant
}

// Answer is the latest answer that an approve has taken which somebody means by a step, as Approvals has it.
func (r Record) Answer(step string) (*journal.AnsweredError, bool) {
	if r.Traced == nil {
		return nil, false
	}
	for _, told := range slices.Backward(r.Traced.Signals) {
		if told.Signal.Name == "" && told.Ignored == "" && (step == string(told.At) || means(step, told.At)) {
			return &journal.AnsweredError{Run: r.Run.ID, At: told.At, By: told.By, Signal: told.Signal}, true
		}
	}
	return nil, false
}

func means(step string, at engine.Address) bool {
	address := string(at.Step())
	return step == "" || step == address || strings.HasSuffix(address, "/"+step)
}
