package engine

import (
	"fmt"
	"maps"

	"github.com/twinbook/twinbook/engine/expr"
)

// frameRun is one execution of a workflow: the run itself, or a call inside it. fail and stop end it.
type frameRun struct {
	r       *Run
	program *Program
	path    Address
	extra   map[string]any
	scope   *scope
	body    node
	guard   *guard
	cut     *cause
	expired bool
	done    func(result)
}

func newFrame(r *Run, p *Program, path Address, done func(result)) *frameRun {
	return &frameRun{r: r, program: p, path: path, done: done}
}

func (f *frameRun) start(inputs map[string]any, done func(result)) {
	f.done = done
	w := f.program.Workflow
	s := &scope{frame: f, records: map[string]any{}, hub: w.Hub, since: f.r.now}
	s.names = map[string]any{"inputs": inputs, "steps": s, "vars": s.vars, "run": runRecord(f.r.info, f.r.started)}
	maps.Copy(s.names, f.extra)
	s, err := s.declare(w.Vars)
	if err == nil {
		s, err = s.on(w.Device, "")
	}
	if err != nil {
		f.r.post(func() { f.done(result{status: Failed, err: err}) })
		return
	}
	f.scope = s
	if timeout, ok, err := s.duration(w.Timeout, "timeout"); err != nil {
		f.r.post(func() { f.done(result{status: Failed, err: err}) })
		return
	} else if ok {
		f.r.timer(f.timer(), f.r.now.Add(timeout), func() { f.expire(expr.FormatDuration(timeout)) })
	}
	f.guard = &guard{r: f.r, path: f.path, scope: s, began: s.since, catch: w.Catch, finally: w.Finally, done: f.guarded}
	if reader := f.program.deviceReader(); reader != nil && w.Device != nil {
		f.body = readDevice(f.r, reader, f.path, s, f.enter)
		return
	}
	f.enter(s, succeeded)
}

// enter begins the steps, unless the device could not be read.
func (f *frameRun) enter(s *scope, read result) {
	f.scope, f.guard.scope = s, s
	if read.stops() {
		f.bodyDone(read)
		return
	}
	steps := newSeq(f.r, f.program.Workflow.Steps, f.path, s, f.bodyDone)
	f.body = steps
	steps.start()
}

// timer is not that of the step that calls, which has a timeout of its own.
func (f *frameRun) timer() Address {
	if f.path == "" {
		return "!timeout"
	}
	return f.path + "!workflow"
}

// expire ends the steps, or the catch that followed them, when the workflow's own time is up. No
// catch follows, since it would have no time left to bound what it waits for; finally does.
func (f *frameRun) expire(after string) {
	f.expired = true
	why := cause{text: "the workflow did not finish within its timeout of " + after}
	if f.guard.active() {
		f.guard.cancel(why)
		return
	}
	f.guard.cut = true
	f.body.cancel(why)
}

func (f *frameRun) bodyDone(res result) { f.guard.after(f.inTime(res)) }

// inTime makes what the workflow's timeout has cut a failure.
func (f *frameRun) inTime(res result) result {
	if f.expired && f.cut == nil && res.status == Cancelled {
		res.status, res.err = Failed, timedOut(res.err)
	}
	return res
}

// timedOut is the failure of what ran into a deadline; inner is what was cut.
func timedOut(inner *Error) *Error {
	e := *inner
	e.Kind = KindTimeout
	return &e
}

func (f *frameRun) guarded(res result, _ *Error) {
	f.r.stopTimer(f.timer())
	res = f.inTime(res)
	if end := res.end; end != nil {
		res = result{status: Succeeded, end: end, effect: res.effect}
		if end.Failed {
			res = result{status: Failed, err: end.failure, effect: res.effect}
		}
	}
	res.outputs = nil
	if res.status == Succeeded {
		outputs, err := f.outputs()
		if err != nil {
			res.status, res.err = Failed, err
		}
		res.outputs = outputs
	}
	f.done(res)
}

func (f *frameRun) outputs() (map[string]any, *Error) {
	outputs := make(map[string]any, len(f.program.Workflow.Outputs))
	for _, o := range f.program.Workflow.Outputs {
		value, err := o.Value.evalAt(f.scope.env(), nullIsValue, o.Name)
		if err != nil {
			failure := valueFailure(err)
			failure.Message = fmt.Sprintf("output %s", failure.Message)
			return nil, failure
		}
		outputs[o.Name] = value
	}
	return outputs, nil
}

func (f *frameRun) cancel(why cause) {
	if f.cut != nil || f.guard == nil {
		return
	}
	f.cut = &why
	if f.guard.active() {
		f.guard.cancel(why)
		return
	}
	f.guard.cut = true
	f.body.cancel(why)
}
