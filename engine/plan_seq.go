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
	effect  bool
}

func newSeq(r *Run, steps []*Step, path Address, s *scope, done func(result)) *seqRun {
	return &seqRun{r: r, steps: steps, path: path, scope: s, done: done}
}

func (q *seqRun) start() { q.r.post(q.step) }

func (q *seqRun) step() {
	switch {
	case q.cut != nil:
		q.end(q.cut.result())
	case q.next == len(q.steps):
		q.end(succeeded)
	default:
		step := q.steps[q.next]
		q.next++
		q.current = &stepRun{r: q.r, step: step, path: q.path.step(step, q.next), scope: q.scope, done: q.stepDone}
		q.current.start()
	}
}

func (q *seqRun) stepDone(res result) {
	q.current = nil
	q.effect = q.effect || res.effect
	switch {
	case q.cut != nil && res.status == Failed && res.end == nil:
		cut := q.cut.result()
		cut.err = cut.err.with(res.err)
		q.end(cut)
	case res.stops():
		res.outputs = nil // those are the step's, not the list's
		q.end(res)
	default:
		q.r.post(q.step)
	}
}

func (q *seqRun) end(res result) {
	res.effect = q.effect
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
}
