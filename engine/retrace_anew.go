package engine

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// anew says what becomes of a step where something is done anew that would have been kept.
type anew int

const (
	notAnew   anew = iota
	partAnew       // something inside it is: it goes on as if it had not ended well, from there
	wholeAnew      // it is
)

// doAnew has steps done anew, and what is around them go on from there.
func (r *retracing) doAnew(steps []*TracedStep) {
	r.anew = map[*TracedStep]anew{}
	for _, s := range steps {
		r.anew[s] = wholeAnew
	}
	for _, s := range steps {
		for around := s.in.of; around != nil && r.anew[around] == notAnew; around = around.in.of {
			r.anew[around] = partAnew
		}
	}
}

// passes is how many passes of a repeat count: those before and with the one in which something is done anew,
// and none if it came to its max, since it would be there at once.
func (r *retracing) passes(s *TracedStep) int {
	count, well := math.MaxInt, true
	for _, part := range s.Parts {
		if part.Kind != PartPass || part.Attempt != s.Tries {
			continue
		}
		well = well && part.well()
		if slices.ContainsFunc(part.Steps, func(inner *TracedStep) bool { return r.anew[inner] != notAnew }) {
			count = min(count, part.Index+1)
		}
	}
	if well && s.Step.Repeat != nil && s.Error != nil && s.Error.exhausted {
		return 0
	}
	return count
}

// A HopelessError says that a retry has nothing left to do but what fails again because of what was done.
type HopelessError struct {
	Run      string
	Failure  *Error
	Decisive []string // steps, as --again names them, of which another answer could change that
}

func (e *HopelessError) Error() string {
	text := fmt.Sprintf("there is nothing left to do in run %s: it would fail again at once, with what was done before (%s)", e.Run, e.Failure)
	for i, step := range e.Decisive {
		if i == 0 {
			text += "; to do again what that follows from:"
		}
		text += " --again " + step
	}
	return text
}

// hopeless is the error that what is kept leaves nothing to do, and fails all the same; nil: it does not. That a
// finally is done again changes nothing, if it ended well.
func (r *retracing) hopeless(kept []Event) error {
	end := r.foresee(kept).end
	if end == nil {
		end = r.foresee(r.keep(true)).end
	}
	if end == nil || end.Status != Failed {
		return nil
	}
	e := &HopelessError{Run: r.past.out.Start.ID, Failure: end.Error}
	for _, s := range r.decisive {
		if name := s.name(); !slices.Contains(e.Decisive, name) {
			e.Decisive = append(e.Decisive, name)
		}
	}
	return e
}

// name is what names this instance of a step, and as a rule no other one.
func (s *TracedStep) name() string {
	at := s.At.instance()
	if s.Step.ID != "" && !strings.Contains(string(at), "[") {
		return s.Step.ID
	}
	return string(at)
}
