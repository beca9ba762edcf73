package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// TestTracePages has pages with "> show", which prints what the events so far tell.
func TestTracePages(t *testing.T) { playPages(t, "testdata/trace/*.txtar") }

func printTraced(run *Traced, began time.Time) string {
	p := &tracePrinter{began: began}
	text := "run"
	if run.End != nil {
		text += " " + string(run.End.Status) + " at " + p.at(run.Ended)
	}
	if !run.Deadline.IsZero() {
		text += " until " + p.at(run.Deadline)
	}
	if run.Paused != nil {
		text += fmt.Sprintf(" paused by %s at %s: %s", run.Paused.By, p.at(run.Paused.Time), run.Paused.Reason)
	}
	for _, r := range run.Requests {
		text += strings.TrimRight(fmt.Sprintf(" · %s at %s by %s: %s", r.Kind, p.at(r.Time), r.By, r.Reason), ": ")
	}
	if run.Queued {
		text += " queued"
	}
	if !run.Admitted.IsZero() {
		text += " admitted at " + p.at(run.Admitted)
	}
	p.line(0, text)
	for _, s := range run.Signals {
		p.line(1, strings.TrimSpace(fmt.Sprintf("told %q %v by %s at %s: %s, to %q %s", s.Signal.Name, s.Signal.Payload, s.By, p.at(s.Time), s.Reason, s.At, s.Ignored)))
	}
	p.parts(1, run.Parts)
	return p.b.String()
}

type tracePrinter struct {
	b     strings.Builder
	began time.Time
}

func (p *tracePrinter) at(t time.Time) string { return expr.FormatDuration(t.Sub(p.began)) }

func (p *tracePrinter) line(depth int, text string) {
	fmt.Fprintf(&p.b, "<   %s%s\n", strings.Repeat("  ", depth), text)
}

func (p *tracePrinter) parts(depth int, parts []*TracedPart) {
	for _, part := range parts {
		text := fmt.Sprintf("[%s%s] #%d from %s", part.Kind, part.Branch, part.Attempt, p.at(part.Started))
		if part.Kind == PartItem || part.Kind == PartPass {
			text = fmt.Sprintf("[%s %d %v] from %s", part.Kind, part.Index, part.Item, p.at(part.Started))
		}
		if part.Status != "" {
			text += fmt.Sprintf(" %s at %s", part.Status, p.at(part.Ended))
		}
		if !part.Deadline.IsZero() {
			text += " until " + p.at(part.Deadline)
		}
		p.line(depth, text)
		for _, s := range part.Steps {
			p.step(depth+1, s)
		}
	}
}

func (p *tracePrinter) step(depth int, s *TracedStep) {
	text := fmt.Sprintf("%s %q %s", s.At, s.Title, p.at(s.Started))
	if s.Device != "" {
		text += " on " + s.Device
	}
	if s.Status != "" {
		text += fmt.Sprintf(" %s at %s after %d", s.Status, p.at(s.Ended), s.Tries)
	}
	if s.Waits != "" {
		text += " waits for " + string(s.Waits)
	}
	if s.Ask != nil {
		text += fmt.Sprintf(" %s%s %v", s.Ask.Signal, s.Ask.Message, s.Ask.Roles)
	}
	if !s.Due.IsZero() {
		text += " due " + p.at(s.Due)
	}
	if !s.Deadline.IsZero() {
		text += " until " + p.at(s.Deadline)
	}
	if s.Kept {
		text += " kept"
	}
	if s.Error != nil {
		text += " " + printError(s.Error)
	}
	p.line(depth, text)
	for _, l := range s.Logs {
		p.line(depth+1, "log "+l.Message)
	}
	for _, a := range s.Attempts {
		p.line(depth+1, p.attempt(a))
	}
	for _, r := range s.Retries {
		p.line(depth+1, fmt.Sprintf("failed attempt %d at %s: %s, again at %s", r.Attempt, p.at(r.Time), r.Error.Message, p.at(r.Due)))
	}
	p.parts(depth+1, s.Parts)
}

func (p *tracePrinter) attempt(a *TracedAttempt) string {
	text := fmt.Sprintf("%s %s", a.At, p.at(a.Started))
	if a.Params != nil {
		text += " " + expr.CompactJSON(a.Params)
	}
	if !a.Sent.IsZero() {
		text += " sent " + p.at(a.Sent)
	}
	if !a.Ended.IsZero() {
		text += " answered " + p.at(a.Ended)
	}
	if a.Value != nil {
		text += " " + expr.CompactJSON(a.Value)
	}
	return text
}

// TestAnyRunIsTracedAtAnyTime holds what random runs tell, cut anywhere, against what was decided.
func TestAnyRunIsTracedAtAnyTime(t *testing.T) {
	for seed := range 60 {
		program := mustProgram(t, randomProgram(rand.New(rand.NewPCG(uint64(seed), 1))))
		d := newDriver(rand.New(rand.NewPCG(uint64(seed), 2)))
		rec, err := playRandom(program, d)
		if err != nil {
			t.Fatal(err)
		}
		log := rec.log()
		for cut := 1; cut <= len(log); cut += 1 + len(log)/20 {
			if err := tracedRight(program, log[:cut]); err != nil {
				t.Errorf("seed %d, after event %d: %v", seed, cut, err)
			}
		}
	}
}

func tracedRight(p *Program, events []Event) error {
	run := NewRun(p)
	underWay := map[Address]bool{}
	ended := 0
	for _, e := range events {
		for _, n := range run.Next(e).Notes {
			switch n.Kind {
			case NoteStepStarted:
				underWay[n.At] = true
			case NoteStepEnded:
				delete(underWay, n.At)
				ended++
			}
		}
	}
	waiting := map[Address]bool{}
	for _, c := range run.Outstanding() {
		if _, last := c.At.last(); last.timer != "timeout" && c.At != turn {
			waiting[c.At.owner()] = true
		}
	}
	for _, ask := range run.Asks() {
		waiting[ask.At.owner()] = true
	}
	var check func(parts []*TracedPart) error
	check = func(parts []*TracedPart) error {
		for _, part := range parts {
			for _, s := range part.Steps {
				if s.Status == "" && !underWay[s.At] || (s.Waits != "") != waiting[s.At] {
					return fmt.Errorf("%s: status %q, under way: %v, waits for %q, and that is to be: %v", s.At, s.Status, underWay[s.At], s.Waits, waiting[s.At])
				}
				if s.Status == "" {
					delete(underWay, s.At)
				} else {
					ended--
				}
				delete(waiting, s.At)
				if err := check(s.Parts); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := check(Trace(p, events).Parts); err != nil {
		return err
	}
	if len(underWay) > 0 || len(waiting) > 0 || ended != 0 {
		return fmt.Errorf("missing are %v, waiting %v, and %d that have ended", underWay, waiting, ended)
	}
	return nil
}
