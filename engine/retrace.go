package engine

import (
	"fmt"
	"slices"
	"strings"
)

// Retrace says what of a run that failed or was cancelled still holds for another one that does again what
// failed: started is RunStarted of that other run, of the same program and inputs; past are the events of
// the run that it retries. kept are the events to feed after started. Then the run wants exactly what is left.
//
// What is kept:
//
//   - A step that ended well is kept as it was: it succeeded, was skipped, or failed and continueOnError let
//     it. For a block, loop or call that goes for all inside, also for failures that its catch took, for its
//     catch and its finally.
//   - Of what did not end well, that is kept which did inside it: the steps before the one that failed, items
//     and branches that are done, passes of a repeat. Its catch and its finally are not: each run has its own,
//     and does again what succeeded there. What may have happened there and is not known is a doubt.
//   - Attempts are not counted on: what is kept is the answer to the last one, as the answer to the first. Of
//     a block that did not end well the last attempt counts, and goes on as the first.
//   - Where a run failed in something that follows from values (assert, fail, an expression), it would fail
//     again with the same ones. So the reads before it are done again, back to the last effect or sleep.
//   - Kept events have the time of started, so that timeouts are not used up by what is past.
//
// Everything else is done again. doubts are the steps of delivery once among that of which it is not certain
// that they had no effect; again names those, by id or address, that may be repeated all the same. An id or
// address of something around them stands for all inside.
//
// It is an error that past has not ended, or has succeeded, or that again names what is not to be done again.
func Retrace(p *Program, started Event, past []Event, again []string) (kept []Event, doubts []Doubt, err error) {
	if err := canRetry(past); err != nil {
		return nil, nil, err
	}
	r := &retracing{
		program: p, started: started, past: trace(p, past),
		places: map[*TracedStep]place{}, others: map[Address]bool{}, forgotten: map[Address]bool{}, beside: map[Address]bool{},
	}
	r.placeAll()
	r.lookAgain()
	kept, left := r.settle()
	doubts, err = r.doubts(left, again)
	return kept, doubts, err
}

// canRetry says why a run cannot be retried.
func canRetry(past []Event) error {
	if len(past) == 0 || past[0].Kind != RunStarted || past[0].Start == nil {
		return fmt.Errorf("the journal of the run does not begin with its start")
	}
	id, last := past[0].Start.ID, past[len(past)-1]
	switch {
	case last.Kind != RunEnded || last.End == nil:
		return fmt.Errorf("run %s has not ended; twinbook runs resume %s goes on with it", id, id)
	case last.End.Status == Succeeded:
		return fmt.Errorf("run %s has succeeded, so there is nothing to retry", id)
	}
	return nil
}

// retracing is one call of Retrace.
type retracing struct {
	program   *Program
	started   Event
	past      *tracer
	places    map[*TracedStep]place
	order     []*TracedStep // of the tree
	items     []item
	others    map[Address]bool // items in the new run that are others than they were
	forgotten map[Address]bool // answers of the past, by their addresses there, that are not kept
	beside    map[Address]bool // attempts of loops and parallels in which all that was read is forgotten
}

// A place is what becomes of a step of the past.
type place struct {
	state placeState
	at    Address // in the new run
	own   bool    // it is in a catch or finally that each run has for itself
}

type placeState int

const (
	lost placeState = iota // of another attempt, or in a catch or finally: it is not looked at
	open                   // it did not end well: what did inside it is kept
	held                   // it, or what is around it, ended well
)

// An item is what a loop did its steps for, and its address in the new run.
type item struct {
	at    Address
	value any
}

func (r *retracing) placeAll() {
	for _, part := range r.past.out.Parts {
		r.placePart(part, place{state: open}, 1)
	}
}

// placePart finds the places of the steps in a part of what stands around, whose last attempt counts.
func (r *retracing) placePart(part *TracedPart, around place, attempts int) {
	in := around
	switch {
	case around.state == held && part.of != nil:
		in.at += part.address[len(part.of.At):]
	case part.Kind == PartCatch || part.Kind == PartFinally:
		in.state, in.own = lost, true
	default:
		in.at = part.within(around.at)
		if part.Attempt != attempts {
			in.state = lost
		}
	}
	if part.Kind == PartItem && in.state != lost {
		r.items = append(r.items, item{in.at, part.Item})
	}
	for _, s := range part.Steps {
		r.placeStep(s, in, around)
	}
}

func (r *retracing) placeStep(s *TracedStep, in, around place) {
	_, name := s.At.last()
	at := in
	if strings.HasSuffix(name.name, "@0") { // it reads the tags of the step's device, once for all attempts
		at.state = around.state
	}
	at.at = in.at.child(name.name)
	if at.state == open && s.well() {
		at.state = held
	}
	r.places[s] = at
	r.order = append(r.order, s)
	for _, inner := range s.Parts {
		r.placePart(inner, at, s.Tries)
	}
}

// within is the address of a part in the first attempt of what stands around.
func (p *TracedPart) within(around Address) Address {
	switch p.Kind {
	case PartItem, PartPass:
		return around.item(p.Index)
	case PartBranch:
		return around.child(p.Branch)
	case PartElse:
		return around.child("else")
	}
	return around
}

// well says whether what comes after the step was begun.
func (s *TracedStep) well() bool {
	return s.Status == Succeeded || s.Status == Skipped || s.Tolerated
}

// keep is what is kept, in the order in which it happened; but that somebody waited before another attempt
// comes first, see plan_kept.go.
func (r *retracing) keep() []Event {
	var delays, rest []Event
	for _, h := range r.past.heard {
		at, ok := r.translate(h.command.At)
		if !ok || r.ofOtherItem(at) {
			continue
		}
		e := h.event
		e = Event{Time: r.started.Time, Kind: e.Kind, At: at, Value: e.Value, Error: e.Error, Device: h.command.Device, Kept: true}
		if _, last := at.last(); last.timer == "retry" {
			delays = append(delays, e)
		} else {
			rest = append(rest, e)
		}
	}
	for _, e := range r.past.run.notRecalled() {
		if at, ok := r.carry(e.At); ok {
			e.Time, e.At = r.started.Time, at
			rest = append(rest, e)
		}
	}
	return slices.Concat(delays, rest)
}

// translate gives the address in the new run of what was answered in the past, if that is kept.
func (r *retracing) translate(at Address) (Address, bool) {
	in, last := at.last()
	owner := in.child(last.name)
	if last.timer == "timeout" && last.name == "finally" {
		owner = in.owner()
	}
	s := r.past.steps[owner]
	if s == nil || r.forgotten[at] {
		return "", false
	}
	to, rest := r.places[s], at[len(owner):]
	switch {
	case last.timer == "every" && to.state == open:
		return to.at.item(last.item) + "!every", last.attempt == s.Tries
	case to.state != held || last.timer == "retry" && s.Step.Do != nil:
		return "", false
	case last.timer == "":
		return to.at.attempt(1), last.attempt == s.Tries
	}
	return to.at + rest, true
}

// carry gives the address of an answer that the past run itself had kept from another one, and for which
// its turn had not come.
func (r *retracing) carry(at Address) (Address, bool) {
	if r.past.steps[at.owner()] != nil {
		return "", false
	}
	for around := at.owner(); around != ""; {
		inner := around
		around, _ = around.last()
		if s := r.past.steps[around.owner()]; s != nil {
			_, name := inner.last()
			ownGuard := name.name == "catch" || name.name == "finally"
			return r.places[s].at + at[len(s.At):], r.places[s].state == open && s.Tries <= 1 && !ownGuard
		}
	}
	return at, true
}
