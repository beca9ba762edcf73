package main

import (
	"fmt"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/record"
)

// underWay says in a few words what a step that has not ended is about.
func (p *picture) underWay(s *engine.TracedStep) string {
	switch {
	case s.Waits == engine.WaitsTime:
		return "waits until " + whenExactly(s.Due, p.now)
	case s.Waits == engine.WaitsRetry:
		return "is tried again"
	case p.End != nil:
		return "was not brought to its end"
	case s.Waits == engine.WaitsAnswer && p.state == record.Left:
		return "was under way when its process went silent"
	case s.Waits == engine.WaitsAnswer, s.Waits == engine.WaitsSignal:
		return "waits"
	case s.Waits == engine.WaitsApproval:
		return "waits for approval"
	case len(soFar(s.Parts)) > 0:
		return soFar(s.Parts).String()
	case len(s.Parts) == 0 && p.Paused != nil:
		return "held by the pause"
	}
	return ""
}

// lostCall says whether a step waits for an answer that will not come, since its process is gone, and is not asked
// for again: it must not happen twice.
func (p *picture) lostCall(s *engine.TracedStep) bool {
	if s.Waits != engine.WaitsAnswer || p.state != record.Left || len(s.Attempts) == 0 {
		return false
	}
	last := s.Attempts[len(s.Attempts)-1]
	return !last.MayRepeat() && !last.Sent.IsZero()
}

// waits draws what a step that has not ended waits for, and how long at most.
func (p *picture) waits(s *engine.TracedStep, depth int) {
	switch s.Waits {
	case engine.WaitsAnswer:
		if p.lostCall(s) {
			sent := whenExactly(s.Attempts[len(s.Attempts)-1].Sent, p.now)
			p.free(depth, "", "sent "+sent+", so it may have happened; it ends as interrupted when the run goes on", yellow)
			return
		}
		p.sees(s, depth)
	case engine.WaitsSignal:
		p.free(depth, "for", "the signal "+clean(s.Ask.Signal), cyan)
	case engine.WaitsApproval:
		p.free(depth, "asks", clean(s.Ask.Message), cyan)
		p.free(depth, "of", "whoever has the role "+clean(orWords(s.Ask.Roles)), dim)
	case engine.WaitsRetry:
		p.until(depth, fmt.Sprintf("attempt %d at ", len(s.Retries)+1), s.Due)
	case engine.WaitsPass:
		p.until(depth, "the next pass at ", s.Due)
	}
	if !s.Deadline.IsZero() {
		p.until(depth, "at most until ", s.Deadline)
	}
}

// sees draws what a step under way saw last.
func (p *picture) sees(s *engine.TracedStep, depth int) {
	word := "sees"
	if p.state == record.Left {
		word = "saw"
	}
	sight, seen := p.of.SightOf(s)
	switch {
	case seen:
		since := fmt.Sprintf("since %s (%s)", whenExactly(sight.Since, p.now), elapsed(p.now.Sub(sight.Since)))
		p.free(depth, word, clean(sight.Text), cyan)
		p.free(depth, " ", since, dim)
	case p.state != record.Left:
		p.free(depth, word, waitsFor(s.Step, s.Device), dim)
	}
}

// until draws a time to come, and how far it is.
func (p *picture) until(depth int, words string, t time.Time) {
	left := "it is over"
	if t.After(p.now) {
		left = "in " + elapsed(t.Sub(p.now))
	}
	p.free(depth, "", fmt.Sprintf("%s%s, %s", words, whenExactly(t, p.now), left), dim)
}
