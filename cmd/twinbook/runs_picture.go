package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/record"
)

// A picture makes lines of what the events of a run tell: one for each step, and below it what went in and out.
type picture struct {
	lines
	*engine.Traced
	now    time.Time
	state  record.State
	all    bool   // items of long loops, and all attempts
	values string // valuesShort, valuesFull or valuesNone
	kept   string // marks what the run did not do itself
	of     record.Record
	drawn  []drawn
}

// What --values can be.
const (
	valuesShort = "short"
	valuesFull  = "full"
	valuesNone  = "none"
)

// drawn is one line. That of a step has columns; the others are free: only a text, perhaps behind a label.
type drawn struct {
	depth        int
	free         bool
	mark         string // painted
	title        string
	look         style // of the title
	offset, took string
	label        string
	text         string
	style        style // of the text
}

// around is what stands around a list of steps.
type around struct {
	label  string // of the list, for its first line that is shown
	device string // steps name theirs where it is another
	depth  int
}

// draw gives the lines of the whole tree.
func (p *picture) draw() string {
	p.parts(p.Parts, around{device: p.device})
	columns := p.screenWidth()
	title := 20
	for i := range p.drawn {
		if n := 2*p.drawn[i].depth + width(p.drawn[i].title); !p.drawn[i].free && n <= widestTitle {
			title = max(title, n)
		}
	}
	var b strings.Builder
	for i := range p.drawn {
		b.WriteString(p.lineOf(&p.drawn[i], title, columns))
	}
	return b.String()
}

// freeWidth is how long lines are where there is no terminal.
const freeWidth = 120

func (p *picture) screenWidth() int {
	if p.columns == nil {
		return freeWidth
	}
	return p.columns() - 1
}

func (p *picture) lineOf(l *drawn, title, columns int) string {
	indent := strings.Repeat("  ", l.depth+1)
	if l.free {
		return p.freeLine(l, indent, columns)
	}
	room := columns - len(indent) - 2
	if l.offset == "" && l.text == "" {
		return indent + l.mark + " " + p.paint(l.look, fit(l.title, room)) + "\n"
	}
	name := fit(l.title, max(12, room-18))
	gap := strings.Repeat(" ", max(0, title-2*l.depth-width(name)))
	text := indent + l.mark + " " + p.paint(l.look, name) + gap
	times := fmt.Sprintf("  %8s  %7s", l.offset, l.took)
	rest := room - width(name) - len(gap) - width(times) - 2
	if l.text == "" || rest <= 0 {
		return text + p.paint(dim, strings.TrimRight(times, " ")) + "\n"
	}
	return text + p.paint(dim, times) + "  " + p.paint(l.style, fit(l.text, rest)) + "\n"
}

// freeLine is cut to the screen unless values are shown in full.
func (p *picture) freeLine(l *drawn, indent string, columns int) string {
	head := indent + "  "
	if l.label != "" {
		head += pad(l.label, len("sees")) + "  "
	}
	text := l.text
	if p.values != valuesFull {
		text = fit(text, columns-width(head))
	}
	return p.paint(dim, head) + p.paint(l.style, text) + "\n"
}

func (p *picture) free(depth int, label, text string, st style) {
	p.drawn = append(p.drawn, drawn{depth: max(0, depth), free: true, label: label, text: text, style: st})
}

// parts draws lists of steps that stand beside each other.
func (p *picture) parts(parts []*engine.TracedPart, a around) {
	if len(parts) > longLoop && !p.all && isItem(parts[longLoop]) {
		p.longLoop(parts, a)
		return
	}
	for _, part := range parts {
		p.part(part, a)
	}
}

func (p *picture) part(part *engine.TracedPart, a around) {
	if label := partLabel(part); label != "" {
		a.label = label
	}
	for _, s := range part.Steps {
		p.step(s, a)
	}
	if part.Kind == engine.PartFinally && !part.Deadline.IsZero() && part.Ended.IsZero() {
		p.until(a.depth-1, "finally: at most until ", part.Deadline)
	}
}

// partLabel is what the lines of a list of steps begin with: the item or pass of a loop, the branch, catch,
// finally. It is empty where the step around it says it all.
func partLabel(part *engine.TracedPart) string {
	switch part.Kind {
	case engine.PartItem:
		return itemLabel(part.Item, engine.Address(fmt.Sprintf("[%d]", part.Index)))
	case engine.PartPass:
		return fmt.Sprint(part.Index + 1)
	case engine.PartBranch:
		return clean(part.Branch)
	case engine.PartSteps:
		if part.Attempt > 1 {
			return fmt.Sprintf("attempt %d", part.Attempt)
		}
		return ""
	}
	return string(part.Kind)
}

// step draws a step and all inside it. A block without a name only groups its steps.
func (p *picture) step(s *engine.TracedStep, a around) {
	if groups(s.Step) && (s.Ended.IsZero() || s.Status == engine.Succeeded) {
		p.parts(s.Parts, a)
		return
	}
	for _, line := range s.Logs {
		p.logged(line, a)
	}
	if len(s.Logs) > 0 && s.Status == engine.Succeeded {
		return
	}
	p.drawn = append(p.drawn, p.head(s, a))
	p.retries(s, a.depth)
	if p.values != valuesNone {
		p.putIn(s, a.depth)
		p.putOut(s, a.depth)
	}
	if s.Ended.IsZero() {
		p.waits(s, a.depth)
	}
	p.parts(s.Parts, around{device: clean(s.Device), depth: a.depth + 1})
}

// head is the line of the step itself.
func (p *picture) head(s *engine.TracedStep, a around) drawn {
	l := drawn{depth: a.depth, mark: p.mark(s.Status), title: titleIn(s, a), offset: p.offset(s.Started), style: dim}
	until := s.Ended
	if until.IsZero() {
		until = p.now
	}
	if took := until.Sub(s.Started); took >= time.Millisecond {
		l.took = elapsed(took)
	}
	switch s.Status {
	case "":
		l.text, l.style = p.underWay(s), cyan
	case engine.Skipped:
		l.offset, l.took, l.look, l.text = "", "", dim, "skipped"
	case engine.Failed:
		l.text, l.style = failureText(s.Error), red
		if so := gave(s.Step, s.Value); so != "" && s.Step.Do == nil {
			l.text = so + "; " + l.text
		}
		if s.Tolerated {
			l.mark, l.text, l.style = p.paint(yellow, "!"), "tolerated: "+l.text, yellow
		}
	case engine.Cancelled:
		l.text, l.style = cancelledText(s.Step, s.Error), yellow
	case engine.Succeeded:
		if s.Step.Do == nil || p.values == valuesNone {
			l.text = gave(s.Step, s.Value)
		}
	}
	if s.Kept {
		l.text = strings.TrimSuffix(p.kept+"; "+l.text, "; ")
	}
	return l
}

// offset is how long after the run's beginning something was, or, if the run had to wait for its turn, after that.
func (p *picture) offset(t time.Time) string {
	if !p.Admitted.IsZero() {
		return "+" + elapsed(t.Sub(p.Admitted))
	}
	return "+" + elapsed(t.Sub(p.Started))
}

// titleIn is a step's title behind the item or branch it belongs to, with its device where it is another
// than around it.
func titleIn(s *engine.TracedStep, a around) string {
	text, device := clean(s.Title), clean(s.Device)
	if device != "" && device != a.device && device != a.label && !strings.Contains(text, device) {
		text += " · " + device
	}
	return labelledTitle(a.label, text)
}

func labelledTitle(label, text string) string {
	if label == "" {
		return text
	}
	return "[" + label + "] " + text
}

// logged draws what a log step said.
func (p *picture) logged(line *engine.LogLine, a around) {
	l := drawn{depth: a.depth, mark: "·", title: clean(line.Message)}
	switch line.Level {
	case "debug":
		l.look = dim
	case "warn":
		l.mark, l.look = p.paint(yellow, "!"), yellow
	case "error":
		l.mark, l.look = p.paint(red, "!"), red
	}
	if line.Level != "info" {
		l.title = clean(line.Level) + ": " + l.title
	}
	if len(line.Fields) > 0 {
		l.title += " " + clean(shortJSON(line.Fields))
	}
	l.title = labelledTitle(a.label, l.title)
	p.drawn = append(p.drawn, l)
}
