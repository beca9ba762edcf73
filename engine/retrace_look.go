package engine

import "slices"

// lookAgain forgets the reads before every place in which the run failed because of values that it had.
func (r *retracing) lookAgain() {
	out := r.past.out
	if r.lookIn(out.Parts) || out.End.Status != Failed || len(r.anew) > 0 {
		return
	}
	for _, part := range out.Parts {
		if part.Kind == PartSteps {
			r.forgetSteps(part.Steps) // the outputs, or what the run itself says
		}
	}
}

// lookIn finds the steps that failed because of values, and says whether anything in the parts did not end
// well; what is in a catch or finally explains why others did not, and is not looked at.
func (r *retracing) lookIn(parts []*TracedPart) (failed bool) {
	for _, part := range parts {
		for _, s := range part.Steps {
			to := r.places[s]
			if to.own {
				failed = failed || !s.well()
				continue
			}
			failed = failed || to.state == open
			if to.state == open && !r.lookIn(s.Parts) && s.failedByValue() {
				r.forgetBefore(s)
			}
		}
	}
	return failed
}

// failedByValue says whether a step in which nothing failed did so without asking the world.
func (s *TracedStep) failedByValue() bool {
	if s.Status != Failed {
		return false
	}
	for _, a := range s.Attempts {
		if _, last := a.At.last(); last.attempt == s.Tries {
			return false
		}
	}
	return true
}

// forgetBefore forgets what was read before a step failed, back to the last effect or sleep: in the step
// itself, before it in its list, then around it.
func (r *retracing) forgetBefore(s *TracedStep) {
	for stop := r.forgetParts(s); !stop; {
		part := s.in
		for i, before := range part.Steps {
			if before == s {
				stop = r.forgetSteps(part.Steps[:i])
			}
		}
		if part.of == nil || stop {
			return
		}
		stop = r.forgetBeside(part)
		s = part.of
	}
}

// forgetBeside forgets what was read in the passes before one; or in the items and branches beside one, as
// long as nothing was done in them: then what was read before all of them is as good as it was.
func (r *retracing) forgetBeside(part *TracedPart) (stop bool) {
	var others []*TracedPart
	for _, other := range part.of.Parts {
		if other.Attempt == part.Attempt && (part.Kind != PartPass || other.Index < part.Index) {
			others = append(others, other)
		}
	}
	switch around := part.of.At.attempt(part.Attempt); part.Kind {
	case PartPass:
		r.forgotten[part.address+"!every"] = true
	case PartItem, PartBranch:
		if r.beside[around] || r.didAnything(others) { // what failed in another item has come this far before
			return true
		}
		r.beside[around] = true
	default:
		return false
	}
	return r.forgetAll(part.of.Step, others)
}

// didAnything says whether an effect or a sleep in some parts is kept.
func (r *retracing) didAnything(parts []*TracedPart) bool {
	for _, part := range parts {
		for _, s := range part.Steps {
			if r.places[s].isKept() && s.acts() || r.didAnything(s.Parts) {
				return true
			}
		}
	}
	return false
}

// acts says whether an action did more than read.
func (s *TracedStep) acts() bool {
	return slices.ContainsFunc(s.Attempts, func(a *TracedAttempt) bool { return !s.Step.Do.Type.runs || a.delivery != Read })
}

// forgetSteps forgets the reads at the end of a list, and says whether it came to an effect or a sleep.
func (r *retracing) forgetSteps(steps []*TracedStep) (stop bool) {
	for i := len(steps) - 1; i >= 0 && !stop; i-- {
		s := steps[i]
		if stop = r.forgetAnswer(s); !stop {
			stop = r.forgetParts(s)
		}
	}
	return stop
}

// forgetAnswer forgets what a step has read; stop says that it did something else.
func (r *retracing) forgetAnswer(s *TracedStep) (stop bool) {
	if !r.places[s].isKept() {
		return false // it is done again anyway, or not looked at
	}
	if s.acts() {
		r.decisive = append(r.decisive, s)
		return true
	}
	for _, a := range s.Attempts {
		r.forgotten[a.At] = true
	}
	return false
}

func (r *retracing) forgetParts(s *TracedStep) (stop bool) { return r.forgetAll(s.Step, s.Parts) }

// forgetAll forgets the reads at the end of each of some parts of a step: one after another, or beside each
// other. What has to be read again in one pass or attempt needs the wait before the next one, too.
func (r *retracing) forgetAll(step *Step, parts []*TracedPart) (stop bool) {
	beside := step.Parallel != nil || step.ForEach != nil
	for i := len(parts) - 1; i >= 0 && (beside || !stop); i-- {
		part := parts[i]
		if r.forgetSteps(part.Steps) {
			stop = true
			continue
		}
		if part.Kind == PartPass {
			r.forgotten[part.address+"!every"] = true
		}
		if part.Attempt > 1 && part.of != nil {
			r.forgotten[part.of.At.attempt(part.Attempt-1)+"!retry"] = true
		}
	}
	return stop
}
