package engine

// seqRun runs steps one after another.
type seqRun struct {
	r       *Run
	steps   []*Step
	path    Address
	scope   *scope
	done    func(result)
	next    int
	current *stepRun
	cut     *cause
}

func newSeq(r *Run, steps []*Step, path Address, s *scope, done func(result)) *seqRun {
	return &seqRun{r: r, steps: steps, path: path, scope: s, done: done}
}

func (q *seqRun) start() { q.r.post(q.step) }

func (q *seqRun) step() {
	switch {
	case q.cut != nil:
		q.done(q.cut.result())
	case q.next == len(q.steps):
		q.done(succeeded)
	default:
		step := q.steps[q.next]
		q.next++
		q.current = &stepRun{r: q.r, step: step, path: q.path.step(step, q.next), scope: q.scope, done: q.stepDone}
		q.current.start()
	}
}

func (q *seqRun) stepDone(res result) {
	q.current = nil
	switch {
	case q.cut != nil && res.status == Failed:
		cut := q.cut.result()
		cut.err.Also = []*Error{res.err}
		q.done(cut)
	case res.stops():
		res.outputs = nil // those are the step's, not the list's
		q.done(res)
	default:
		q.r.post(q.step)
	}
}

func (q *seqRun) cancel(why cause) {
	if q.cut != nil {
		return
	}
	q.cut = &why
	if q.current != nil {
		q.current.cancel(why)
	}
}
