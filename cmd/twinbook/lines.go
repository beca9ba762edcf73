package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// lines are what both text reporters share: how a run's parts read on one line each.
type lines struct {
	screen
	out        io.Writer // outputs go here
	titleWidth int
	device     string // of the run, if the workflow has one; others are named where they differ
	known      bool   // device has been seen

	answer func(verb string, at engine.Address) string // the command that answers what an approve asks; empty: there is none
}

func (l *lines) begin(h header) {
	l.titleWidth = titleColumns(h.program.Workflow)
	l.known = h.program.Workflow.Device == nil
	l.answer = func(verb string, at engine.Address) string {
		if !h.recorded {
			return ""
		}
		return h.command("runs " + verb + " " + h.start.ID + " " + shellWord(string(at.Step())))
	}
}

func (l *lines) write(text string) { io.WriteString(l.w, text) }

// see takes the device of the first step for the run's.
func (l *lines) see(device string) {
	if !l.known {
		l.known, l.device = true, device
	}
}

// title is a step's title behind the loop's item or the branch it belongs to, with its device where that is
// not the one around it.
func (l *lines) title(t *tracker, at engine.Address, title, device string) string {
	text, label, around := clean(title), t.label(at), l.device
	for _, s := range t.around(at) {
		around = s.device
	}
	if device != "" && device != around && device != label && !strings.Contains(text, device) {
		text += " · " + clean(device)
	}
	if label != "" {
		text = "[" + label + "] " + text
	}
	return text
}

// mark is the sign before a step that ended so; the empty status is a step under way.
func (l *lines) mark(status engine.Status) string {
	switch status {
	case engine.Succeeded:
		return l.paint(green, "✓")
	case engine.Failed:
		return l.paint(red, "✗")
	case engine.Skipped:
		return l.paint(dim, "–")
	case engine.Cancelled:
		return l.paint(yellow, "◌")
	}
	return "▸"
}

// block is what a note adds to the screen: whole lines, or nothing.
func (l *lines) block(t *tracker, n *engine.Note) string {
	if n.Kind == engine.NoteStepStarted {
		l.see(n.Device)
	}
	switch n.Kind {
	case engine.NoteStepEnded:
		return l.heads(t, n.At) + l.ended(t, n)
	case engine.NoteStepRetry:
		text := fmt.Sprintf("attempt %d: %s: %s; the next in %s", n.Attempt, n.Error.Kind, clean(n.Error.Message), elapsed(n.Due.Sub(n.Time)))
		return l.heads(t, n.At) + l.line(t, n.At, l.paint(yellow, "↻"), l.title(t, n.At, n.Title, n.Device), "", text, plain)
	case engine.NoteLog:
		return l.heads(t, n.At) + l.logLine(t, n)
	case engine.NoteAsks:
		if n.Ask.Signal == "" {
			return l.heads(t, n.At) + l.question(t, n)
		}
	case engine.NoteIgnored:
		return "  " + l.paint(yellow, "!") + " ignored: " + ignoredText(n) + "\n"
	case engine.NoteAdmitted:
		return l.paint(dim, "its turn has come") + "\n"
	}
	return ""
}

// question is what an approve asks, and how to answer it.
func (l *lines) question(t *tracker, n *engine.Note) string {
	indent := "  " + strings.Repeat("  ", len(t.shownAround(n.At)))
	text := indent + l.paint(yellow, "?") + " " + l.paint(bold, fit(clean(n.Ask.Message), l.columns()-len(indent)-3)) + "\n"
	if yes := l.answer("approve", n.Ask.At); yes != "" {
		text += indent + "  " + l.paint(cyan, yes) + l.paint(dim, "  or reject") + "\n"
	}
	return text
}

// asks says in a line what a step waits to be told, and how to tell it.
func (l *lines) asks(n *engine.Note) string {
	text := untold(n.Ask)
	if n.Ask.Signal != "" {
		return text
	}
	text = clean(n.Ask.Message)
	if yes := l.answer("approve", n.Ask.At); yes != "" {
		text += "  (" + yes + ", or reject)"
	}
	return text
}

// untold is what nobody has told the run yet.
func untold(ask *engine.Ask) string {
	if ask.Signal != "" {
		return "the signal " + clean(ask.Signal) + " has not come yet"
	}
	return "nobody has said yes or no yet"
}

// ignoredText says what somebody told the run in vain.
func ignoredText(n *engine.Note) string {
	return "what " + cmp.Or(clean(n.By), "somebody") + " says changes nothing: " + clean(n.Reason)
}

// heads names the blocks around an address that no line has named yet.
func (l *lines) heads(t *tracker, at engine.Address) string {
	var b strings.Builder
	for i, s := range t.shownAround(at) {
		if !s.headed {
			s.headed = true
			text := strings.Repeat("  ", i+1) + "  " + l.title(t, s.at, s.title, s.device)
			b.WriteString(l.paint(dim, fit(text, l.columns()-1)) + "\n")
		}
	}
	return b.String()
}

func (l *lines) ended(t *tracker, n *engine.Note) string {
	if groups(n.Step) && n.Status == engine.Succeeded {
		return ""
	}
	title := l.title(t, n.At, n.Title, n.Device)
	took, text, st := elapsed(n.Time.Sub(n.Started)), gave(n.Step, n.Value), dim
	mark := l.mark(n.Status)
	switch n.Status {
	case engine.Skipped:
		return l.line(t, n.At, mark, title, "", "skipped", dim)
	case engine.Failed:
		text, st = failureText(n.Error), red
		if n.Tolerated {
			mark, text, st = l.paint(yellow, "!"), "tolerated: "+text, yellow
		}
	case engine.Cancelled:
		text, st = cancelledText(n.Step, n.Error), yellow
	}
	if n.Step.Action == "log" && n.Status == engine.Succeeded {
		return "" // its message was shown
	}
	if n.Time.Sub(n.Started) < time.Millisecond {
		took = ""
	}
	if n.Kept {
		took = "kept"
	}
	return l.line(t, n.At, mark, title, took, text, st)
}

func failureText(e *engine.Error) string {
	if e == nil {
		return ""
	}
	return clean(string(e.Kind)) + ": " + clean(e.Message)
}

func (l *lines) logLine(t *tracker, n *engine.Note) string {
	mark, st := "·", plain
	switch n.Log.Level {
	case "debug":
		st = dim
	case "warn":
		mark, st = l.paint(yellow, "!"), yellow
	case "error":
		mark, st = l.paint(red, "!"), red
	}
	text := clean(n.Log.Message)
	if n.Log.Level != "info" {
		text = n.Log.Level + ": " + text
	}
	if len(n.Log.Fields) > 0 {
		text += " " + clean(jsonLine(n.Log.Fields))
	}
	indent := "  " + strings.Repeat("  ", len(t.shownAround(n.At)))
	return indent + mark + " " + l.paint(st, fit(text, l.columns()-len(indent)-3)) + "\n"
}

// line is one line of the table: mark, title, how long it took, and a text that is cut to the terminal.
func (l *lines) line(t *tracker, at engine.Address, mark, title, took, text string, st style) string {
	indent := "  " + strings.Repeat("  ", len(t.shownAround(at)))
	columns := l.columns() - 1 - len(indent) - 2
	title = fit(title, max(12, columns-10))
	if n := width(title) + len(indent) - 2; n <= widestTitle {
		l.titleWidth = max(l.titleWidth, n)
	}
	if took != "" || text != "" {
		title = pad(title, l.titleWidth-len(indent)+2)
	}
	rest := ""
	if took != "" || text != "" {
		rest = fmt.Sprintf("  %7s", took)
	}
	if text != "" {
		rest += "  " + l.paint(st, fit(text, columns-width(title)-width(rest)-2))
	}
	if st == dim && text == "skipped" {
		title = l.paint(dim, title)
	}
	return indent + mark + " " + strings.TrimRight(title+rest, " ") + "\n"
}
