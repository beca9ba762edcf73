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
//   - What somebody has said is kept like any answer: a yes counts, and a signal that a step took. Signals that no
//     step had taken are not.
//   - Attempts are not counted on: what is kept is the answer to the last one, as the answer to the first. Of
//     a block that did not end well the last attempt counts, and goes on as the first.
//   - Where a run failed in something that follows from values (assert, fail, an expression), it would fail
//     again with the same ones. So the reads before it are done again, back to the last effect or sleep.
//   - Kept events have the time of started, so that timeouts are not used up by what is past.
//   - A repeat that came to its max begins anew with its first pass: what its passes came to is used up.
//
// Everything else is done again. doubts are the steps of delivery once among that of which it is not certain
// that they had no effect; again names those, by id or address, that may be repeated all the same. An id or
// address of something around them stands for all inside. Where again names what would be kept, that is done
// again, with all that came after it: behind it in its list, and behind what is around it.
//
// It is an error that past has not ended, or has succeeded, that again names what no run does again because
// somebody says so, or that the new run would fail at once, in the same way: a *HopelessError, beside which kept
// is what it would fail with.
func Retrace(p *Program, started Event, past []Event, again []string) (kept []Event, doubts []Doubt, err error) {
	if err := canRetry(past); err != nil {
		return nil, nil, err
	}
	r := &retracing{program: p, started: begun(started), past: trace(p, past)}
	kept, left := r.decide()
	waived, anew, err := r.named(again, r.todo(left))
	if err != nil {
		return nil, nil, err
	}
	if len(anew) > 0 {
		r.doAnew(anew)
		kept, left = r.decide()
	}
	if doubts = r.doubts(left, waived); len(doubts) == 0 {
		err = r.hopeless(kept)
	}
	return kept, doubts, err
}

// begun is the start of a run as if it had not to wait for its turn: what it comes to is the same.
func begun(started Event) Event {
	if started.Start != nil && started.Start.Queued {
		start := *started.Start
		start.Queued = false
		started.Start = &start
	}
	return started
}

// decide finds what is kept, and what that comes to.
func (r *retracing) decide() (kept []Event, left future) {
	r.places, r.order, r.items = map[*TracedStep]place{}, nil, nil
	r.others, r.forgotten, r.beside = map[Address]bool{}, map[Address]bool{}, map[Address]bool{}
	r.decisive = nil
	r.placeAll()
	r.lookAgain()
	return r.settle()
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
	decisive  []*TracedStep    // effects and sleeps before what failed because of values
	anew      map[*TracedStep]anew
}

// A place is what becomes of a step of the past.
type place struct {
	state  placeState
	at     Address // in the new run
	own    bool    // it is in a catch or finally that each run has for itself: what it did is not kept
	idle   bool    // it is in such a finally, which ended well: that changed nothing in how the run ended
	after  bool    // it came after something that is done anew
	passes int     // of a repeat that is open: how many of its first passes count
}

// isKept says whether what a step did is kept.
func (p place) isKept() bool { return p.state == held && !p.own }

type placeState int

const (
	lost placeState = iota // of another attempt, or done anew: it is not looked at
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
		in.at, in.own = around.at.child(string(part.Kind)), true
		in.idle = part.Kind == PartFinally && (!around.own || around.idle) && part.well()
	default:
		in.at = part.within(around.at)
		if part.Attempt != attempts || part.Kind == PartPass && part.Index >= around.passes {
			in.state = lost
		}
	}
	if part.Kind == PartItem && in.state != lost && !in.own {
		r.items = append(r.items, item{in.at, part.Item})
	}
	for _, s := range part.Steps {
		r.placeStep(s, in, around)
		if r.anew[s] != notAnew {
			in.state, in.after = lost, true
		}
	}
}

func (r *retracing) placeStep(s *TracedStep, in, around place) {
	_, name := s.At.last()
	at := in
	if strings.HasSuffix(name.name, "@0") { // it reads the tags of the step's device, once for all attempts
		at.state = around.state
	}
	at.at = in.at.child(name.name)
	switch {
	case r.anew[s] == wholeAnew:
		at.state = lost
	case at.state == open && r.anew[s] == notAnew && s.well():
		at.state = held
	}
	at.passes = r.passes(s)
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

// well says whether all steps of a part that began ended well.
func (p *TracedPart) well() bool {
	return !slices.ContainsFunc(p.Steps, func(s *TracedStep) bool { return !s.well() })
}

// well says whether what comes after the step was begun.
func (s *TracedStep) well() bool {
	return s.Status == Succeeded || s.Status == Skipped || s.Tolerated
}

// keep is what is kept, in the order in which it happened; but that somebody waited before another attempt
// comes first, see plan_kept.go.
// With idle, that goes for every finally that changed nothing, too.
func (r *retracing) keep(idle bool) []Event {
	var delays, rest []Event
	for _, h := range r.past.heard {
		at, ok := r.translate(h.command.At, idle)
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
	kept := slices.Concat(delays, rest)
	for i := range kept {
		kept[i].Seq = int64(i) + 2 // RunStarted is the first
	}
	return kept
}

// translate gives the address in the new run of what was answered in the past, if that is kept.
func (r *retracing) translate(at Address, idle bool) (Address, bool) {
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
	case to.own && !(idle && to.idle):
		return "", false
	case last.timer == "every" && to.state == open:
		return to.at.item(last.item) + "!every", last.attempt == s.Tries && last.item < to.passes
	case to.state != held || last.timer == "retry" && s.Step.Do != nil:
		return "", false
	case last.timer == "":
		return to.at.attempt(1), last.attempt == s.Tries
	case last.timer == "timeout" && s.Step.Do != nil: // of an attempt
		return to.at.attempt(1) + "!timeout", last.attempt == s.Tries
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
			to := r.places[s]
			return to.at + at[len(s.At):], (to.state == open || to.after) && !to.own && s.Tries <= 1 && !ownGuard
		}
	}
	return at, true
}
