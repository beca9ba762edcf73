package engine

import "time"

// seqRun runs steps one after another.
//
// Each step knows since when things may have happened that it waits for: since the step before it began.
// Steps that take no time (set, log, assert and the like) and skipped ones do not count. For the first
// step of a list that is what it is for the block or loop around it; a workflow, also one that is called,
// begins anew; each further iteration of a repeat goes on behind what the one before has heard.
type seqRun struct {
	r       *Run
	steps   []*Step
	path    Address
	in      Address // the step around
	scope   *scope
	done    func(result)
	next    int
	current *stepRun
	since   time.Time // for the next step
	heard   time.Time // result.heard of the first step that has one
	cut     *cause
	effect  bool
	gate    gate
}

func newSeq(r *Run, steps []*Step, path Address, s *scope, done func(result)) *seqRun {
	return &seqRun{r: r, steps: steps, path: path, in: path.owner(), scope: s, since: s.since, done: done}
}

// of says which step the list is a part of, where its path names the part: a branch, else, catch or finally.
func (q *seqRun) of(step Address) *seqRun {
	q.in = step.owner()
	return q
}

func (q *seqRun) start() { q.r.post(q.step) }

func (q *seqRun) step() {
	switch {
	case q.cut != nil:
		q.end(q.cut.result())
	case q.next == len(q.steps):
		q.end(succeeded)
	case q.r.holds(&q.gate, q.step):
	default:
		step := q.steps[q.next]
		q.next++
		q.current = &stepRun{r: q.r, step: step, path: q.path.step(step, q.next), in: q.in, scope: q.scope, since: q.since, done: q.stepDone}
		q.current.start()
	}
}

func (q *seqRun) stepDone(res result) {
	if s := q.current; res.status != Skipped && !s.step.takesNoTime() {
		q.since = s.began
	}
	if q.heard.IsZero() {
		q.heard = res.heard
	}
	q.current = nil
	q.effect = q.effect || res.effect
	switch {
	case q.cut != nil && res.status == Failed && res.end == nil:
		cut := q.cut.result()
		cut.err = cut.err.with(RoleEnding, res.err)
		q.end(cut)
	case res.stops():
		res.outputs = nil // those are the step's, not the list's
		q.end(res)
	default:
		q.r.post(q.step)
	}
}

// takesNoTime says whether a step is over in the moment in which it begins.
func (s *Step) takesNoTime() bool { return s.Do != nil && s.Do.Type.eval != nil }

func (q *seqRun) end(res result) {
	res.effect, res.heard = q.effect, q.heard
	q.done(res)
}

func (q *seqRun) cancel(why cause) {
	if q.cut != nil {
		return
	}
	q.cut = &why
	if q.current != nil {
		q.current.cancel(why)
	}
	q.r.release(&q.gate)
}
