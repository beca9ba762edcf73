package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/engine/journal"
)

// ending shows how a run ended: outputs as results, then what went wrong, then the last line.
func (l *lines) ending(s summary) {
	if l.terminal && len(s.outcome.Outputs) > 0 {
		l.write("\n")
	}
	for _, o := range s.program.Workflow.Outputs {
		if value, ok := s.outcome.Outputs[o.Name]; ok {
			fmt.Fprintf(l.out, "%s: %s\n", o.Name, valueText(value))
		}
	}
	if e := s.outcome.Error; e != nil && s.outcome.Status != engine.Succeeded {
		l.failures(s.outcome.Status, e)
	}
	l.write(l.verdict(s) + l.paint(dim, " · "+clean(hubTitle(s.hubs))+s.name()) + "\n")
	if s.recorded && s.outcome.Status != engine.Succeeded {
		again := "tries again from the step that failed"
		if s.waitsForTurn() {
			again = "wants it again; it may have to wait for its turn again"
		}
		l.hints(s.command, s.start.ID, "show", "shows all of it", "retry", again)
	}
}

// hints says which commands there are for a run, and what each does.
func (l *lines) hints(command func(string) string, id string, pairs ...string) {
	longest := 0
	for i := 0; i < len(pairs); i += 2 {
		longest = max(longest, width(command("runs "+pairs[i]+" "+id)))
	}
	for i := 0; i < len(pairs); i += 2 {
		l.write("  " + l.paint(cyan, pad(command("runs "+pairs[i]+" "+id), longest)) + "  " + l.paint(dim, pairs[i+1]) + "\n")
	}
}

// leaving shows a run that stops where it is: why, what is known of what was under way, and how to go on with it.
func (l *lines) leaving(t *tracker, s summary, why error) {
	how, taken := "left unfinished", errors.Is(why, journal.ErrLost)
	if taken {
		how = "driven here no more"
	}
	l.write("\n" + l.paint(red, how) + " after " + elapsed(s.took(s.ended)) + ": " + clean(why.Error()) + "\n")
	for _, step := range t.unsure() {
		l.write("  " + l.paint(yellow, "known:") + " " + l.title(t, step.at, step.title, step.device) + " was under way; whether it took effect is unknown\n")
	}
	switch {
	case taken:
		l.hints(s.command, s.start.ID, "show", "shows how it stands, and who drives it")
	case s.recorded:
		l.hints(s.command, s.start.ID, "resume", "goes on with it", "show", "shows all of it")
	}
}

// failures shows the error of a run and those beside it. A run that was cancelled says so in its last
// line, so only what may have happened and what stands beside it needs words.
func (l *lines) failures(status engine.Status, e *engine.Error) {
	if status == engine.Failed || e.Unsure() {
		l.write("\n" + l.failure(e))
	}
	l.write(l.beside(e) + "\n")
}

// beside is what stands beside an error, each part under what it is to it.
func (l *lines) beside(e *engine.Error) string {
	var b strings.Builder
	for i, also := range e.Also {
		b.WriteString("\n")
		if i == 0 || also.Role != e.Also[i-1].Role {
			b.WriteString(l.paint(bold, roleText(also.Role)) + "\n")
		}
		b.WriteString(l.failure(also))
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\n%s\n", l.paint(bold, "And "+counted(e.More, "error")+" more beside these."))
	}
	return b.String()
}

// roleText says what the errors below it are to the one above.
func roleText(role engine.Role) string {
	switch role {
	case engine.RoleCause:
		return "What went wrong first:"
	case engine.RoleBeside:
		return "Beside that:"
	case engine.RoleEnding:
		return "On top of that, while ending:"
	}
	return "On top of that:"
}

// verdict is the last line without the hub.
func (l *lines) verdict(s summary) string {
	took := elapsed(s.took(s.ended))
	switch s.outcome.Status {
	case engine.Succeeded:
		text := l.paint(green, "succeeded") + " in " + took
		if n := s.outcome.Tolerated; n > 0 {
			text = l.paint(yellow, "succeeded with "+counted(n, "tolerated failure")) + " in " + took
		}
		if s.outcome.Message != "" {
			text += ": " + clean(s.outcome.Message)
		}
		return text
	case engine.Cancelled:
		why := s.signal
		if why == "" && s.outcome.Error != nil {
			why = clean(s.outcome.Error.Message)
		}
		return strings.TrimSuffix(l.paint(yellow, "cancelled")+" after "+took+": "+why, ": ")
	}
	return l.paint(red, "failed") + " after " + took
}

// failure is an error as a block: where, what, what is known of the effect, what to do.
func (l *lines) failure(e *engine.Error) string {
	var b strings.Builder
	head := clean(string(e.Kind))
	if e.Device != "" {
		head += " on " + clean(e.Device)
	}
	b.WriteString(l.paint(red, head))
	if e.Where != "" {
		b.WriteString(l.paint(dim, "  "+place(e)))
	}
	b.WriteString("\n")
	if len(e.Failed) == 0 && e.Message != "" {
		fmt.Fprintf(&b, "  %s\n", clean(e.Message))
	}
	for _, check := range e.Failed {
		l.check(&b, check)
	}
	if e.Unsure() {
		fmt.Fprintf(&b, "  %s %s\n", l.paint(yellow, "known:"), maybeDone(e))
	}
	if what := advice(e); what != "" {
		fmt.Fprintf(&b, "  %s %s\n", l.paint(cyan, "to do:"), what)
	}
	return b.String()
}

// place is where an error happened. Outputs, and the workflow's own vars and device, belong to no step.
func place(e *engine.Error) string {
	if e.Step == "" {
		return clean(e.Where)
	}
	return fmt.Sprintf("step %s, %s", e.Step, clean(e.Where))
}

// check shows one line of an assert that was not true, and the values it came from.
func (l *lines) check(b *strings.Builder, c engine.CheckFailure) {
	if c.Message != "" {
		fmt.Fprintf(b, "  %s\n", clean(c.Message))
	}
	fmt.Fprintf(b, "  %s  %s\n", l.paint(bold, clean(c.Source)), l.paint(dim, clean(c.Where)))
	fmt.Fprintf(b, "    %s\n", clean(c.Reason))
	for _, p := range c.Parts {
		value := expr.Show(p.Value)
		switch {
		case p.Missing:
			value = "missing"
		case p.Type != "":
			value += " (" + p.Type + ")"
		}
		fmt.Fprintf(b, "    %s = %s\n", clean(p.Source), clean(value))
	}
}

// maybeDone says what an error of a step that may have had its effect means for the device.
func maybeDone(e *engine.Error) string {
	who := "the other side"
	if e.Device != "" {
		who = clean(e.Device)
	}
	switch e.Kind {
	case engine.KindTimeout, engine.KindInterrupted, engine.KindCancelled:
		return who + " may have acted on it: the request was sent, and no verdict came back"
	case engine.KindRejected:
		return who + " answered, so it may have acted on the request"
	}
	return who + " may have acted on it: the request was sent"
}

// advice says what to do about a kind of error; empty where the message says it all.
func advice(e *engine.Error) string {
	look := "look at the device before you repeat the step"
	if e.Device == "" {
		look = "see whether it took effect before you repeat the step"
	}
	switch e.Kind {
	case engine.KindInterrupted, engine.KindCancelled:
		if e.Unsure() {
			return look
		}
	case engine.KindTimeout:
		if e.Unsure() {
			return look + "; a longer timeout: gives it more time"
		}
		return "look at what the device says now, or give it more time with timeout:"
	case engine.KindOffline:
		return "see that the device is connected; deliverWithin: 1m in invokeMethod waits for it"
	case engine.KindNotFound:
		return "check the device's id; twinbook devices list shows those that the hub knows"
	case engine.KindUnauthorized:
		return "check the connection string: its key, and the rights of its policy (service)"
	case engine.KindThrottled:
		return "the hub's quota is used up: try again later, or lower concurrency:"
	case engine.KindUnavailable:
		return "check the address and the network, then try again"
	case engine.KindConflict:
		return "somebody else changed the twin meanwhile: read it again"
	case engine.KindRejected:
		if e.SaidNo() {
			return ""
		}
		return "look at what was answered; expect: says which answers are good"
	case engine.KindExpression, engine.KindInvalid:
		return "correct the step; twinbook plan shows the values that are known before a run"
	case engine.KindInternal:
		return "this is a bug in twinbook: please report it"
	}
	return ""
}
