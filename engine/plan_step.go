package engine

import (
	"fmt"
	"maps"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// stepRun is one instance of a step: its condition, its attempts, and what surrounds them.
type stepRun struct {
	r     *Run
	step  *Step
	path  Address
	in    Address // the step around
	scope *scope  // with the step's device
	inner *scope  // with its variables, too; new at each attempt
	since time.Time
	done  func(result)

	began   time.Time
	attempt int
	tried   time.Time // when that attempt began
	body    node
	guard   *guard
	cut     *cause
	expired bool
	backoff Address // the timer that the next attempt waits for
	kept    bool    // of an action: the latest attempt was made in the run that this one retries
	gate    gate
	outputs map[string]any

	delivery  Delivery // of the latest attempt
	otherwise bool     // the condition is false: else runs
	title     string
}

// begin starts a step that is in no list, unless the run is paused.
func (s *stepRun) begin() {
	if s.cut != nil || !s.r.holds(&s.gate, s.begin) {
		s.start()
	}
}

func (s *stepRun) start() {
	s.began = s.r.now
	if s.step.If != nil {
		holds, err := s.step.If.Expr.Test(s.scope.env())
		if err != nil {
			s.announce()
			s.finish(result{status: Failed, err: conditionFailure(s.step.If, err)}, nil)
			return
		}
		if !holds && len(s.step.Else) == 0 {
			s.finish(result{status: Skipped}, nil)
			return
		}
		s.otherwise = !holds
	}
	scope, err := s.scope.on(s.step.Device, s.step.Hub)
	if err == nil {
		s.scope = scope
	}
	s.announce()
	s.guard = &guard{r: s.r, path: s.path, scope: s.scope, began: s.began, catch: s.step.Catch, finally: s.step.Finally, done: s.finish}
	if err != nil {
		s.guard.after(result{status: Failed, err: s.locate(err)})
		return
	}
	if reader := scope.frame.program.deviceReader(); reader != nil && s.step.Device != nil {
		s.body = readDevice(s.r, reader, s.path, scope, s.enter)
		return
	}
	s.enter(scope, succeeded)
}

// enter begins the first attempt in the scope of the step's device.
func (s *stepRun) enter(scope *scope, read result) {
	s.body = nil
	s.scope, s.guard.scope = scope, scope
	if read.stops() {
		s.guard.after(read)
		return
	}
	s.try()
}

// announce says that the step began.
func (s *stepRun) announce() {
	s.title = s.step.title(s.scope)
	s.r.note(s.about(Note{Kind: NoteStepStarted}))
}

// about is a note with what is the same in all notes about the step.
func (s *stepRun) about(n Note) Note {
	n.At, n.In, n.Step, n.Title, n.Device, n.Hub = s.path, s.in, s.step, s.title, s.scope.device(), s.scope.hub
	return n
}

// title is what people see of a step: its name, else its id, else its action.
func (s *Step) title(scope *scope) string {
	if s.Name != nil {
		if value, err := s.Name.evalText(scope.env(), "name", nil); err == nil {
			return value.(string)
		}
	}
	if s.ID != "" {
		return s.ID
	}
	return s.Action
}

// try makes one attempt.
func (s *stepRun) try() {
	s.backoff = ""
	if s.cut != nil {
		s.guard.after(s.cut.result())
		return
	}
	if s.r.holds(&s.gate, s.try) {
		return
	}
	s.attempt++
	s.tried = s.r.now
	if s.step.Do != nil {
		s.body = startLeaf(s, s.bodyDone)
		return
	}
	if s.attempt > 1 {
		s.step.forget(s.scope.records)
	}
	inner, err := s.scope.declare(s.step.Vars)
	if err == nil {
		inner = inner.beginning(s.since)
		s.inner, s.guard.scope = inner, inner
	}
	timeout, bounded, failed := s.scope.duration(s.step.Timeout, "timeout")
	if err == nil {
		err = failed
	}
	if err != nil {
		s.guard.after(result{status: Failed, err: s.locate(err)})
		return
	}
	if bounded {
		s.r.timer(s.timer(), s.r.now.Add(timeout), func() { s.expire(timeout) })
	}
	s.body = s.startFlow()
}

// flowPath is the address below which the steps inside are; a second attempt has others.
func (s *stepRun) flowPath() Address {
	if s.attempt > 1 {
		return s.path.attempt(s.attempt)
	}
	return s.path
}

func (s *stepRun) timer() Address { return s.flowPath() + "!timeout" }

func (s *stepRun) startFlow() node {
	path, step := s.flowPath(), s.step
	switch {
	case step.Parallel != nil:
		return startParallel(s.r, step.Parallel, path, s.inner, s.bodyDone)
	case step.ForEach != nil:
		return startForEach(s.r, step.ForEach, path, s.inner, s.bodyDone)
	case step.Repeat != nil:
		return startRepeat(s.r, step.Repeat, path, s.inner, s.bodyDone)
	case step.Call != nil:
		return startCall(s.r, step.Call, path, s.inner, s.bodyDone)
	}
	steps := step.Steps
	if s.otherwise {
		steps, path = step.Else, path.child("else")
	}
	seq := newSeq(s.r, steps, path, s.inner, s.bodyDone).of(s.path)
	seq.start()
	return seq
}

// expire ends a block, loop or call whose own time is up.
func (s *stepRun) expire(timeout time.Duration) {
	s.expired = true
	s.body.cancel(cause{text: fmt.Sprintf("did not finish within %s", expr.FormatDuration(timeout))})
}

func (s *stepRun) bodyDone(res result) {
	s.body = nil
	if s.step.Do == nil {
		s.r.stopTimer(s.timer())
		if s.expired && s.cut == nil && res.status == Cancelled {
			res.status, res.err = Failed, timedOut(res.err)
		}
		s.expired = false
	}
	if res.err != nil {
		res.err = s.locate(res.err)
	}
	s.guard.effect = s.guard.effect || res.effect
	if s.cut == nil && res.end == nil && res.status == Failed {
		again, err := s.retry(res.err)
		if again {
			return
		}
		res.err = res.err.with(RoleEnding, err)
	}
	s.outputs = res.outputs
	s.guard.after(res)
}

// forget takes out what an attempt before has left of the steps inside, but for those of loops,
// which nobody sees from outside.
func (s *Step) forget(records map[string]any) {
	for _, list := range s.lists() {
		for _, inner := range list {
			delete(records, inner.ID)
			inner.forget(records)
		}
	}
}

// locate says where an error happened, if nothing inside has said so.
func (s *stepRun) locate(err *Error) *Error {
	if err.Step != "" {
		return err
	}
	e := *err
	e.Step = s.step.ID
	if e.Step == "" {
		e.Step = s.step.Action
	}
	if e.Where == "" {
		e.Where = s.step.Pos.String()
	}
	if e.Device == "" {
		e.Device = s.scope.device()
	}
	return &e
}

// finish ends the step: its record, its note, and on to whoever waits.
func (s *stepRun) finish(res result, caught *Error) {
	if res.err != nil {
		res.err = s.locate(res.err)
	}
	if res.status == Failed && res.end == nil && s.step.ContinueOnError {
		res.tolerated = true
		s.r.tolerated++
	}
	err := res.err
	if err == nil {
		err = caught
	}
	if s.title == "" {
		s.title = s.step.title(s.scope)
	}
	s.record(res, err)
	s.r.note(s.about(Note{
		Kind: NoteStepEnded, Started: s.began, Tried: s.tried, Attempt: s.attempt,
		Status: res.outcome(), Tolerated: res.tolerated, Error: res.err, Value: s.outputs, Kept: s.kept,
	}))
	s.done(res)
}

// record puts what is known of the step where expressions find it.
func (s *stepRun) record(res result, err *Error) {
	if s.step.ID == "" {
		return
	}
	record := make(map[string]any, len(s.outputs)+5)
	maps.Copy(record, s.outputs)
	record["outcome"] = string(res.outcome())
	err.recordIn(record)
	record["startedAt"] = s.began
	record["finishedAt"] = s.r.now
	record["attempts"] = float64(s.attempt)
	s.scope.records[s.step.ID] = record
}

func (s *stepRun) cancel(why cause) {
	if s.cut != nil {
		return
	}
	s.cut = &why
	if s.guard != nil {
		s.guard.cut = true
		if s.guard.active() {
			s.guard.cancel(why)
			return
		}
	}
	switch {
	case s.body != nil:
		s.body.cancel(why)
	case s.backoff != "":
		s.r.stopTimer(s.backoff)
		s.r.post(s.try)
	default:
		s.r.release(&s.gate)
	}
}
