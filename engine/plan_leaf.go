package engine

import (
	"fmt"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// leafRun is one attempt of a step type.
type leafRun struct {
	s    *stepRun
	at   Address
	done func(result)
	cut  *cause
}

func startLeaf(s *stepRun, done func(result)) *leafRun {
	leaf := &leafRun{s: s, at: s.path.attempt(s.attempt), done: done}
	t := s.step.Do.Type
	params, err := s.step.Do.resolve(s.scope.env())
	if err != nil {
		leaf.end(result{status: Failed, err: valueFailure(err)})
		return leaf
	}
	if _, given := params.values[t.since]; t.since != "" && !given {
		params.values[t.since] = s.since.UTC().Format(time.RFC3339Nano)
	}
	switch {
	case t.eval != nil:
		leaf.eval(t, params)
	case t.wait != nil:
		leaf.wait(t, params)
	case t.asks != nil:
		leaf.ask(t, params)
	default:
		leaf.command(t, params)
	}
	return leaf
}

func (l *leafRun) end(res result) { l.s.r.post(func() { l.done(res) }) }

func (l *leafRun) context() EvalContext { return EvalContext{Now: l.s.r.now, Env: l.s.scope.env()} }

// eval carries out a pure step in place.
func (l *leafRun) eval(t *StepType, params resolved) {
	effect, err := t.eval(l.context(), params)
	if err != nil {
		l.end(result{status: Failed, err: asFailure(err)})
		return
	}
	for name, value := range effect.Set {
		l.s.scope.vars.set(name, value)
	}
	if effect.Log != nil {
		l.s.r.note(Note{Kind: NoteLog, At: l.s.path, In: l.s.in, Step: l.s.step, Device: l.s.scope.device(), Log: effect.Log})
	}
	res := result{status: Succeeded, end: effect.End, outputs: effect.Outputs}
	if end := effect.End; end != nil && end.Failed {
		end.failure = l.s.locate(&Error{Kind: KindFailed, Message: end.Message})
		res.err = end.failure
	}
	l.end(res)
}

func asFailure(err error) *Error {
	switch err := err.(type) {
	case *Error:
		return err
	case *ValueError:
		return valueFailure(err)
	}
	return &Error{Kind: KindExpression, Message: err.Error()}
}

// wait asks for a timer; the step's own timeout may come first.
func (l *leafRun) wait(t *StepType, params resolved) {
	due, err := t.wait(l.context(), params)
	if err != nil {
		l.end(result{status: Failed, err: asFailure(err)})
		return
	}
	timeout, bounded, failure := l.timeout()
	if failure != nil {
		l.end(result{status: Failed, err: failure})
		return
	}
	res := succeeded
	if limit := l.s.r.now.Add(timeout); bounded && limit.Before(due) {
		due = limit
		res = result{status: Failed, err: &Error{Kind: KindTimeout, Message: "did not end within " + expr.FormatDuration(timeout)}}
	}
	if kept := l.s.r.command(Command{Kind: CommandTimer, At: l.at, Due: due}, func(e Event) { l.done(l.keep(e, res)) }); !kept {
		l.s.r.note(l.s.about(Note{Kind: NoteStepWaits, Due: due}))
	}
}

// timeout is that of one attempt: the step's, else its type's.
func (l *leafRun) timeout() (time.Duration, bool, *Error) {
	timeout, given, err := l.s.scope.duration(l.s.step.Timeout, "timeout")
	if err != nil || given {
		return timeout, given, err
	}
	timeout = l.s.step.Do.Type.Timeout
	return timeout, timeout > 0, nil
}

// command hands an attempt to whoever drives the run.
func (l *leafRun) command(t *StepType, params resolved) {
	timeout, bounded, failure := l.timeout()
	if failure != nil {
		l.end(result{status: Failed, err: failure})
		return
	}
	c := Command{
		Kind: CommandDo, At: l.at, Step: l.s.step, Type: t, Title: l.s.title, Device: l.s.scope.device(), Hub: l.s.scope.hub,
		Params: params.values, Conds: params.conds, Timeout: timeout, Delivery: t.Delivery,
	}
	if t.delivery != nil {
		c.Delivery = t.delivery(params)
	}
	l.s.delivery = c.Delivery
	if bounded {
		most := timeout
		if t.most != nil {
			most = t.most(params, timeout)
		}
		c.Limit, c.Deadline = most, l.s.r.now.Add(most)
	}
	l.s.r.command(c, l.answer)
}

// answer takes the outcome of an attempt.
func (l *leafRun) answer(e Event) {
	res := l.keep(e, l.judge(e))
	res.effect = l.s.delivery == Once && (e.Error == nil || e.Error.MaybeDone)
	res.heard = l.heard(res.outputs)
	l.done(res)
}

// keep marks what happened in the run that this one retries.
func (l *leafRun) keep(e Event, res result) result {
	l.s.kept = e.Kept
	if res.err != nil && e.Kept {
		failure := *res.err
		failure.kept = true
		res.err = &failure
	}
	return res
}

// heard is where a step that looks at what has happened has stopped: not before it began, if it failed.
func (l *leafRun) heard(outputs map[string]any) time.Time {
	if l.s.step.Do.Type.since == "" {
		return time.Time{}
	}
	text, _ := outputs["next"].(string)
	next, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return l.s.since
	}
	return next
}

func (l *leafRun) judge(e Event) result {
	outputs, _ := e.Value.(map[string]any)
	switch {
	case e.Error == nil:
		return l.expect(outputs)
	case l.cut != nil && e.Error.Kind == KindCancelled:
		failure := *e.Error
		failure.Message = l.cut.text
		if e.Error.Message != "" {
			failure.Message += ": " + e.Error.Message
		}
		return result{status: Cancelled, err: &failure, outputs: outputs}
	}
	return result{status: Failed, err: l.verdict(e.Error), outputs: outputs}
}

// verdict is the failure of an attempt. A request without an answer matters only where it must not
// be repeated; for others the hub was not to be had.
func (l *leafRun) verdict(err *Error) *Error {
	if err.Kind != KindInterrupted || l.s.delivery == Once {
		return err
	}
	e := *err
	e.Kind = KindUnavailable
	return &e
}

// expect holds an answer against the step's expectation.
func (l *leafRun) expect(outputs map[string]any) result {
	a := l.s.step.Do
	met := result{status: Succeeded, outputs: outputs}
	if a.Type.expect == nil {
		return met
	}
	wanted, words := a.Type.expect, a.Type.ExpectText
	env := expr.Env{Names: map[string]any{"response": outputs}, Now: l.s.r.now, Machine: &l.s.r.machine}
	if given := a.expectation(); given != nil {
		wanted, words = given.Expr, given.Source
		env = l.s.scope.with(env.Names).env()
	}
	holds, err := wanted.Test(env)
	switch {
	case err != nil:
		words += ": " + err.Error()
	case holds:
		return met
	}
	failure := &Error{Kind: KindRejected, MaybeDone: l.s.delivery == Once}
	if a.Type.Unmet != nil {
		if known := a.Type.Unmet(outputs); known != nil {
			failure = known
			failure.MaybeDone = known.MaybeDone && l.s.delivery == Once
		}
	}
	failure.Message = fmt.Sprintf("answered %s; expected %s", expr.Shorten(expr.CompactJSON(outputs), 300), words)
	return result{status: Failed, err: failure, outputs: outputs}
}

// expectation is the `expect` that the file gives, or nil.
func (a *Action) expectation() *Expression {
	for _, p := range a.Params {
		if p.Field.Name == expectField.Name {
			return p.Cond
		}
	}
	return nil
}

func (l *leafRun) cancel(why cause) {
	if l.cut != nil {
		return
	}
	l.cut = &why
	p := l.s.r.pending[l.at]
	switch {
	case p == nil: // it has ended, and its end is in the queue
	case p.ask != nil:
		l.closeAsk()
		l.end(why.result())
	case p.command.Kind == CommandTimer:
		l.s.r.stopTimer(l.at)
		l.end(why.result())
	default:
		l.s.r.stopAttempt(l.at)
	}
}
