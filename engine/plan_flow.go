package engine

import (
	"fmt"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

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

// parallelRun runs branches at the same time.
type parallelRun struct {
	r        *Run
	parallel *Parallel
	branches []*seqRun
	results  []*result
	open     int
	done     func(result)
	cut      *cause
}

func startParallel(r *Run, p *Parallel, path Address, s *scope, done func(result)) *parallelRun {
	run := &parallelRun{r: r, parallel: p, open: len(p.Branches), results: make([]*result, len(p.Branches)), done: done}
	for i, b := range p.Branches {
		seq := newSeq(r, b.Value, path.child(b.Name), s, func(res result) { run.branchDone(i, res) })
		run.branches = append(run.branches, seq)
		seq.start()
	}
	if run.open == 0 {
		r.post(func() { done(succeeded) })
	}
	return run
}

func (p *parallelRun) branchDone(i int, res result) {
	p.results[i] = &res
	p.open--
	if res.end != nil || res.status == Failed && p.parallel.FailFast {
		p.stopOthers(fmt.Sprintf("branch %s ended the others", p.parallel.Branches[i].Name))
	}
	if p.open == 0 {
		p.done(p.result())
	}
}

func (p *parallelRun) stopOthers(text string) {
	for i, b := range p.branches {
		if p.results[i] == nil {
			b.cancel(cause{text: text})
		}
	}
}

// result is decided in the order of the file, not of arrival, so that a restart tells the same story.
func (p *parallelRun) result() result {
	sum := newSum(p.cut)
	branches := make(map[string]any, len(p.results))
	for i, b := range p.parallel.Branches {
		res := *p.results[i]
		branches[b.Name] = map[string]any{"outcome": string(res.outcome()), "error": res.err.record()}
		sum.add(res, func() string { return "branch " + b.Name })
	}
	return sum.result(map[string]any{"branches": branches})
}

func (p *parallelRun) cancel(why cause) {
	if p.cut == nil {
		p.cut = &why
		for i, b := range p.branches {
			if p.results[i] == nil {
				b.cancel(why)
			}
		}
	}
}

// sum puts the results of branches or items together: an end first, then a cut from outside, then
// the first failure.
type sum struct {
	cut    *cause
	end    *result
	failed *Error
	cutErr *Error
}

func newSum(cut *cause) *sum { return &sum{cut: cut} }

// add takes the next result; who names it in the message of the failure.
func (s *sum) add(res result, who func() string) {
	switch {
	case res.end != nil && s.end == nil:
		s.end = &res
	case res.status == Failed && !res.tolerated && s.failed == nil:
		e := *res.err
		e.Message = who() + ": " + e.Message
		s.failed = &e
	case res.status == Cancelled && s.cutErr == nil:
		s.cutErr = res.err
	}
}

func (s *sum) result(outputs map[string]any) result {
	switch {
	case s.end != nil:
		return *s.end
	case s.cut != nil:
		res := s.cut.result()
		if s.cutErr != nil {
			res.err = s.cutErr
		}
		res.outputs = outputs
		return res
	case s.failed != nil:
		return result{status: Failed, err: s.failed, outputs: outputs}
	}
	return result{status: Succeeded, outputs: outputs}
}

// repeatRun runs its steps, then asks whether to run them again.
type repeatRun struct {
	r          *Run
	repeat     *Repeat
	path       Address
	scope      *scope
	inner      *scope
	done       func(result)
	every      time.Duration
	max        float64
	iteration  int
	began      time.Time
	body       *seqRun
	cut        *cause
	waitingFor Address
}

func startRepeat(r *Run, rep *Repeat, path Address, s *scope, done func(result)) *repeatRun {
	run := &repeatRun{r: r, repeat: rep, path: path, scope: s, done: done}
	every, _, err := s.duration(rep.Every, "every")
	if err == nil {
		run.every = every
		run.max, err = s.number(rep.Max, "max", 1, 0)
	}
	if err != nil {
		r.post(func() { done(result{status: Failed, err: err}) })
		return run
	}
	r.post(run.again)
	return run
}

func (p *repeatRun) again() {
	p.waitingFor = ""
	if p.cut != nil {
		p.finish(p.cut.result())
		return
	}
	p.began = p.r.now
	p.inner = p.scope.body(map[string]any{"index": float64(p.iteration)})
	p.body = newSeq(p.r, p.repeat.Steps, p.path.item(p.iteration), p.inner, p.iterated)
	p.iteration++
	p.body.start()
}

func (p *repeatRun) iterated(res result) {
	p.body = nil
	if res.stops() {
		p.finish(res)
		return
	}
	more, err := p.more()
	switch {
	case err != nil:
		p.finish(result{status: Failed, err: err})
	case !more:
		p.finish(succeeded)
	case p.max > 0 && float64(p.iteration) >= p.max:
		p.finish(result{status: Failed, err: p.exhausted()})
	case p.every > 0 && p.began.Add(p.every).After(p.r.now):
		p.waitingFor = p.path.item(p.iteration) + "!every"
		p.r.timer(p.waitingFor, p.began.Add(p.every), p.again)
	default:
		p.r.post(p.again)
	}
}

// more asks the condition, which sees the steps of the iteration that just ended.
func (p *repeatRun) more() (bool, *Error) {
	condition, wanted := p.repeat.Until, false
	if condition == nil {
		condition, wanted = p.repeat.While, true
	}
	value, err := condition.Expr.Test(p.inner.env())
	if err != nil {
		return false, conditionFailure(condition, err)
	}
	return value == wanted, nil
}

func (p *repeatRun) exhausted() *Error {
	text := "until " + condition(p.repeat.Until)
	if p.repeat.While != nil {
		text = "while " + condition(p.repeat.While)
	}
	return &Error{Kind: KindTimeout, Message: fmt.Sprintf("repeated %d times, the most allowed, and still: %s", p.iteration, text)}
}

func condition(e *Expression) string {
	if e == nil {
		return ""
	}
	return expr.Shorten(e.Source, 120)
}

func (p *repeatRun) finish(res result) {
	res.outputs = map[string]any{"iterations": float64(p.iteration), "last": nil}
	if p.inner != nil {
		res.outputs["last"] = recordsJSON(p.inner.records)
	}
	p.done(res)
}

func (p *repeatRun) cancel(why cause) {
	if p.cut != nil {
		return
	}
	p.cut = &why
	switch {
	case p.body != nil:
		p.body.cancel(why)
	case p.waitingFor != "":
		p.r.stopTimer(p.waitingFor)
		p.r.post(p.again)
	}
}

// conditionFailure is the failure of a step whose condition has no boolean answer.
func conditionFailure(e *Expression, err error) *Error {
	return &Error{Kind: KindExpression, Where: e.Pos.String(), Message: fmt.Sprintf("%s: %v", expr.Shorten(e.Source, 120), err)}
}
