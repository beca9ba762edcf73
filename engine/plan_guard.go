package engine

import (
	"slices"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// guard runs catch and finally after the steps they stand beside.
type guard struct {
	r       *Run
	path    Address
	scope   *scope
	began   time.Time // what catch and finally look back to
	catch   *Catch
	finally *Finally
	done    func(res result, caught *Error)

	cut       bool // ended from outside: nothing is caught
	catching  *seqRun
	finishing *seqRun
	caught    *Error
	effect    bool // of steps, catch and finally together
	over      bool
	gate      gate // before finally
}

// active says whether the guard has taken over from the steps.
func (g *guard) active() bool {
	return g.catching != nil || g.finishing != nil || g.over || g.gate.closed()
}

// after takes the steps' result: catch if it applies, then finally.
func (g *guard) after(res result) {
	g.effect = g.effect || res.effect
	if g.cut || res.end != nil || res.status != Failed || !g.catch.takes(res.err) {
		g.finish(res)
		return
	}
	g.caught = res.err
	inner := g.scope.with(map[string]any{"error": res.err.record()}).beginning(g.began)
	g.catching = newSeq(g.r, g.catch.Steps, g.path.child("catch"), inner, g.catchDone).of(g.path)
	g.catching.start()
}

// catchDone hands on what came of the catch; where that is a failure, what it was to catch stands beside it.
func (g *guard) catchDone(res result) {
	g.effect = g.effect || res.effect
	switch {
	case res.end != nil && res.end.Failed:
		res.fail(res.end.failure.with(RoleCause, g.caught))
	case res.end == nil && res.err != nil && !res.tolerated:
		res.err = res.err.with(RoleCause, g.caught)
	}
	g.finish(res)
}

// finish runs finally, whatever happened; it is not ended from outside but by its own timeout.
func (g *guard) finish(res result) {
	g.catching = nil
	if g.finally == nil || len(g.finally.Steps) == 0 {
		g.end(res)
		return
	}
	if g.r.holds(&g.gate, func() { g.finish(res) }) {
		return
	}
	inner := g.scope.with(map[string]any{"error": res.err.record(), "outcome": string(res.outcome())}).beginning(g.began)
	limit, given, err := inner.duration(g.finally.Timeout, "finally.timeout")
	if err != nil {
		g.end(joinFinally(res, result{status: Failed, err: err}))
		return
	}
	if !given {
		limit = FinallyTimeout
	}
	path, expired := g.path.child("finally"), false
	g.finishing = newSeq(g.r, g.finally.Steps, path, inner, func(last result) {
		g.r.stopTimer(path + "!timeout")
		g.effect = g.effect || last.effect
		if expired && last.status == Cancelled {
			last = result{status: Failed, err: timedOut(last.err)}
		}
		g.end(joinFinally(res, last))
	}).of(g.path)
	g.r.timer(path+"!timeout", g.r.now.Add(limit), func() {
		expired = true
		g.finishing.cancel(cause{text: "finally did not finish within " + expr.FormatDuration(limit)})
	})
	g.finishing.start()
}

// outcome is what a finally sees: an end by fail or stop counts as what it asks for.
func (res result) outcome() Status {
	switch {
	case res.end != nil && res.end.Failed:
		return Failed
	case res.end != nil:
		return Succeeded
	}
	return res.status
}

// joinFinally is a result after its finally: a failure there fails what had succeeded and is shown
// beside what had failed.
func joinFinally(res, last result) result {
	failure := last.err
	if last.end != nil && last.end.Failed {
		failure = last.end.failure
	}
	if failure == nil || last.end != nil && !last.end.Failed {
		return res
	}
	switch {
	case res.end != nil && res.end.Failed:
		res.fail(res.end.failure.with(RoleEnding, failure))
	case res.end != nil:
		res.fail(failure)
	case res.err != nil:
		res.err = res.err.with(RoleEnding, failure)
	default:
		res = result{status: Failed, err: failure}
	}
	return res
}

// fail makes a result end the nearest run with a failure.
func (res *result) fail(failure *Error) {
	res.err = failure
	res.end = &End{Failed: true, Message: failure.Message, failure: failure}
}

func (g *guard) end(res result) {
	g.finishing, g.over = nil, true
	res.effect = g.effect
	g.done(res, g.caught)
}

func (g *guard) cancel(why cause) {
	g.cut = true
	if g.catching != nil {
		g.catching.cancel(why)
	}
}

// takes says whether a catch handles an error.
func (c *Catch) takes(err *Error) bool {
	if c == nil || err.Kind == KindCancelled || err.Kind == KindInternal {
		return false
	}
	return len(c.On) == 0 || slices.Contains(c.On, err.Kind)
}
