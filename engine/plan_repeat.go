package engine

import (
	"fmt"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

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
	since      time.Time // for the first step of the next iteration
	body       *seqRun
	cut        *cause
	effect     bool
	waitingFor Address
	gate       gate
}

func startRepeat(r *Run, rep *Repeat, path Address, s *scope, done func(result)) *repeatRun {
	run := &repeatRun{r: r, repeat: rep, path: path, scope: s, since: s.since, done: done}
	every, _, err := s.duration(rep.Every, "every")
	if err == nil {
		run.every = every
		run.max, err = s.count(rep.Max, "max", 0)
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
	if p.r.holds(&p.gate, p.again) {
		return
	}
	p.began = p.r.now
	p.inner = p.scope.body(map[string]any{"index": float64(p.iteration)}).beginning(p.since)
	p.body = newSeq(p.r, p.repeat.Steps, p.path.item(p.iteration), p.inner, p.iterated)
	p.iteration++
	p.body.start()
}

func (p *repeatRun) iterated(res result) {
	p.body = nil
	if p.since = res.heard; p.since.IsZero() {
		p.since = p.r.now.Add(1)
	}
	p.effect = p.effect || res.effect
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
	return &Error{Kind: KindTimeout, exhausted: true, Message: fmt.Sprintf("repeated %d times, the most allowed, and still: %s", p.iteration, text)}
}

func condition(e *Expression) string {
	if e == nil {
		return ""
	}
	return expr.Shorten(e.Source, 120)
}

func (p *repeatRun) finish(res result) {
	res.effect = p.effect
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
	default:
		p.r.release(&p.gate)
	}
}
