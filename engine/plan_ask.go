package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// What people and programs tell a run, with SignalReceived:
//
//   - A signal has a name. The first step that waits for that name takes it, and where none does it is kept, in
//     order, from the beginning of the run on, also while it is queued. Each is taken by one wait.
//   - An answer has the address of the approve that asks, with the number of its attempt or without. It is for
//     the ask that is open now; what is not, or comes from somebody whom the approve does not ask, is ignored.
//
// No driver has to do anything for a wait: it is no command, only its timeout is.

// An Ask is what a run waits for somebody to tell it.
type Ask struct {
	At       Address   `json:"at"`                // the attempt of a waitForSignal or an approve
	Signal   string    `json:"signal,omitempty"`  // the name of the signal; empty: it is an approve
	Message  string    `json:"message,omitempty"` // of an approve: what is to be approved
	Roles    []string  `json:"roles,omitempty"`   // of an approve: who may answer has one of them, see MayAnswer
	Title    string    `json:"title"`             // of the step
	Device   string    `json:"device,omitempty"`  // that the step has in scope
	Since    time.Time `json:"since"`
	Deadline time.Time `json:"deadline,omitzero"` // when its own timeout ends it; zero: it has none
}

// MayAnswer says whether somebody who has some roles may do what needs one of others. An admin may do all, an
// operator what a viewer may; other names stand for themselves.
func MayAnswer(needed, has []string) bool {
	return slices.ContainsFunc(has, func(role string) bool {
		return role == "admin" || slices.Contains(needed, role) || role == "operator" && slices.Contains(needed, "viewer")
	})
}

// mostSignals is how many signals are kept that nobody has waited for yet.
const mostSignals = 10_000

// Asks are what the run waits for somebody to tell it now, in the order in which it began to.
func (r *Run) Asks() []Ask {
	var asks []Ask
	for _, p := range r.asking() {
		asks = append(asks, *p.ask)
	}
	return asks
}

// asking are the open asks in their order.
func (r *Run) asking() []*pending {
	var all []*pending
	for _, p := range r.asks {
		if !p.kept {
			all = append(all, p)
		}
	}
	return all
}

// receive takes a signal or an answer.
func (r *Run) receive(e Event) {
	switch {
	case e.Signal == nil || r.root == nil && !r.queued:
	case e.Signal.Name != "":
		r.signal(e)
	default:
		r.decided(e)
	}
}

func (r *Run) signal(e Event) {
	if r.unheard == mostSignals {
		r.ignored(e, fmt.Sprintf("%d signals are kept already that no step has waited for", mostSignals))
		return
	}
	if r.signals == nil {
		r.signals = map[string][]Event{}
	}
	r.signals[e.Signal.Name] = append(r.signals[e.Signal.Name], e)
	r.unheard++
	if r.tracer != nil {
		r.tracer.signalled(e, "", "")
	}
	r.deliver(e.Signal.Name)
}

// deliver gives the signals of a name that are there to the steps that wait for it, the first to the first.
func (r *Run) deliver(name string) {
	for _, p := range r.asking() {
		waiting := r.signals[name]
		if p.ask.Signal != name || len(waiting) == 0 {
			continue
		}
		if r.signals[name] = waiting[1:]; len(waiting) == 1 {
			delete(r.signals, name)
		}
		r.unheard--
		if r.tracer != nil {
			r.tracer.taken(p.ask)
		}
		r.tell(p, waiting[0])
	}
}

// isThere says whether a signal is there for a step that begins to wait.
func (r *Run) isThere(name string) bool {
	there := len(r.signals[name])
	for _, p := range r.asking() {
		if p.ask.Signal == name {
			there--
		}
	}
	return there > 0
}

// decided takes an answer to an approve.
func (r *Run) decided(e Event) {
	for _, p := range r.asking() {
		if p.ask.Signal != "" || p.ask.At != e.At && p.ask.At.Step() != e.At {
			continue
		}
		if !MayAnswer(p.ask.Roles, e.Signal.Roles) {
			r.ignored(e, fmt.Sprintf("it needs the role %s; %s", expr.OrList(p.ask.Roles), hasRoles(e)))
			return
		}
		if r.tracer != nil {
			r.tracer.signalled(e, p.ask.At, "")
		}
		r.tell(p, e)
		return
	}
	r.ignored(e, "nothing asks for it now")
}

func hasRoles(e Event) string {
	who := cmp.Or(e.By, "who answered")
	if len(e.Signal.Roles) == 0 {
		return who + " has none"
	}
	return who + " has " + strings.Join(e.Signal.Roles, ", ")
}

// ignored says that what somebody told the run changes nothing.
func (r *Run) ignored(e Event, why string) {
	r.note(Note{Kind: NoteIgnored, At: e.At, By: e.By, Reason: why})
	if r.tracer != nil {
		r.tracer.signalled(e, "", why)
	}
}

// tell gives a signal or an answer to the step that waits for it, as the outcome of its attempt.
func (r *Run) tell(p *pending, e Event) {
	r.close(p)
	done := answerOf(p.ask, e)
	if r.tracer != nil {
		r.tracer.answered(p.command, done)
	}
	p.answer(done)
}

// saidNo begins the message of an approve that somebody has answered with a no.
const saidNo = "rejected by "

// SaidNo says whether the error is somebody's no to an approve, and not an answer that does not meet an expect.
func (e *Error) SaidNo() bool { return e.Kind == KindRejected && strings.HasPrefix(e.Message, saidNo) }

// answerOf is what a signal or an answer is to the attempt that waited for it.
func answerOf(ask *Ask, e Event) Event {
	done := Event{Seq: e.Seq, Time: e.Time, Kind: StepDone, At: ask.At}
	if ask.Signal == "" && !e.Signal.Approved {
		text := saidNo + cmp.Or(e.By, "somebody")
		if e.Reason != "" {
			text += ": " + e.Reason
		}
		done.Error = &Error{Kind: KindRejected, Message: text}
	}
	done.Value = map[string]any{"payload": e.Signal.Payload, "by": e.By}
	return done
}

// ask waits for somebody to tell the run something; answer gets that as a StepDone. It says whether that is
// there already: kept from another run, or a signal that came before.
func (r *Run) ask(ask *Ask, command Command, answer func(Event)) (there bool) {
	there = ask.Signal != "" && r.isThere(ask.Signal)
	r.issued++
	p := &pending{command: command, number: r.issued, answer: answer, ask: ask}
	r.pending[ask.At], r.asks = p, append(r.asks, p)
	if r.tracer != nil {
		r.tracer.issued(command)
	}
	if r.recognise(p) {
		return true
	}
	if there {
		r.post(func() { r.deliver(ask.Signal) })
	}
	return there
}
