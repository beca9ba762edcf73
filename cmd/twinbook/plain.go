package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// tellAgain is how often a log hears that a step still waits, if it sees something new.
const tellAgain = 5 * time.Second

// A plainReporter shows a run where there is no terminal: one line for each event, with its time.
type plainReporter struct {
	lines
	tracker *tracker
	told    map[engine.Address]time.Time // when a step was last said to wait
}

func newPlain(s screen, out io.Writer) *plainReporter {
	return &plainReporter{lines: lines{screen: s, out: out}, tracker: newTracker(), told: map[engine.Address]time.Time{}}
}

func (p *plainReporter) begin(h header) {
	p.lines.begin(h)
	p.write(p.opening(h))
	p.remember(p.tracker, h.past)
	p.standing(h)
}

// standing says what a run waits for when it goes on. The answer to what is done once is not waited for any more, nor
// a time that has come meanwhile.
func (p *plainReporter) standing(h header) {
	lost := p.tracker.unsure()
	for _, s := range p.tracker.order {
		over := !s.due.IsZero() && !s.due.After(h.resumed)
		if !s.ended && s.why != "" && !over && !slices.Contains(lost, s) {
			p.say(h.resumed, "waiting", p.path(s.at)+p.title(p.tracker, s.at, s.title, s.device)+": "+s.why)
		}
	}
}

func (p *plainReporter) update(u runner.Update) {
	if u.Note != nil && u.Note.Kind != engine.NoteStepEnded {
		p.tracker.take(u)
	}
	switch {
	case u.Note != nil:
		p.note(u.Note)
	case u.Progress != nil:
		p.tracker.take(u)
		p.progress(u)
	}
	if u.Note != nil && u.Note.Kind == engine.NoteStepEnded {
		p.tracker.take(u)
		delete(p.told, u.Note.At)
	}
}

func (p *plainReporter) say(at time.Time, word, text string) {
	p.write(fmt.Sprintf("%s %-9s  %s\n", at.Local().Format(toTheMillisecond), word, text))
}

func (p *plainReporter) note(n *engine.Note) {
	if n.Kind == engine.NoteStepStarted {
		p.see(n.Device)
	}
	title := p.path(n.At) + p.title(p.tracker, n.At, n.Title, n.Device)
	switch n.Kind {
	case engine.NoteStepStarted:
		if n.Step.Do == nil && !groups(n.Step) || n.Step.Do != nil && n.Step.Do.Type.TalksToWorld() {
			p.say(n.Time, "started", title)
		}
	case engine.NoteStepWaits:
		p.say(n.Time, "waiting", title+": until "+clockTime(n.Due, n.Time, toTheMillisecond))
	case engine.NoteAsks:
		p.say(n.Time, "waiting", title+": "+p.asks(n))
	case engine.NoteIgnored:
		p.say(n.Time, "ignored", ignoredText(n))
	case engine.NoteAdmitted:
		p.say(n.Time, "begins", "its turn has come")
	case engine.NoteStepRetry:
		p.say(n.Time, "retry", fmt.Sprintf("%s: attempt %d: %s; the next in %s", title, n.Attempt, failureText(n.Error), elapsed(n.Due.Sub(n.Time))))
	case engine.NoteLog:
		text := clean(n.Log.Message)
		if len(n.Log.Fields) > 0 {
			text += " " + clean(jsonLine(n.Log.Fields))
		}
		p.say(n.Time, n.Log.Level, text)
	case engine.NoteStepEnded:
		p.ended(n, title)
	}
}

func (p *plainReporter) ended(n *engine.Note, title string) {
	word, text, took := string(n.Status), "", ""
	switch n.Status {
	case engine.Succeeded:
		if n.Step.Action == "log" || groups(n.Step) {
			return
		}
		text, took = fit(gave(n.Step, n.Value), 100), elapsed(n.Time.Sub(n.Started))
	case engine.Failed:
		text, took = failureText(n.Error), elapsed(n.Time.Sub(n.Started))
		if n.Tolerated {
			word = "tolerated"
		}
	case engine.Cancelled:
		if text = cancelledText(n.Step, n.Error); text == word {
			text = ""
		}
	}
	if n.Kept {
		if n.Status == engine.Failed {
			text = word + ": " + text
		}
		word, took = "kept", ""
	}
	if text != "" {
		title += ": " + text
	}
	if took != "" {
		title += " (" + took + ")"
	}
	p.say(n.Time, word, title)
}

// progress tells what a waiting step sees, but not each time it looks.
func (p *plainReporter) progress(u runner.Update) {
	at := u.Progress.At.Step()
	s := p.tracker.active[at]
	if last, told := p.told[at]; s == nil || told && u.Time.Sub(last) < tellAgain {
		return
	}
	p.told[at] = u.Time
	p.say(u.Time, "waiting", p.path(at)+p.title(p.tracker, at, s.title, s.device)+": "+s.why)
}

// path names the blocks around an address, since lines of a log stand alone.
func (p *plainReporter) path(at engine.Address) string {
	text := ""
	for _, s := range p.tracker.shownAround(at) {
		text += p.title(p.tracker, s.at, s.title, s.device) + " › "
	}
	return text
}

// interrupting is called beside updates, so it touches nothing but the screen.
func (p *plainReporter) interrupting(why string) { p.write(why + "\n") }

func (p *plainReporter) end(s summary) { p.ending(s) }

func (p *plainReporter) left(s summary, why error) { p.leaving(p.tracker, s, why) }
