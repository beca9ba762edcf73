package expr

import (
	"errors"
	"time"
)

// A Bound is an expression with the values it refers to, safe to use from another goroutine and
// while the run goes on. Names that are not known yet (twin, message, response) are given later.
//
// It is small: it holds the values at the ends of the expression's paths, and nothing of what is around them.
// It knows no Noise: where there is some, in a simulator file, nothing is bound.
type Bound struct {
	expr   *Expr
	values []any // of the expression's paths, in their order; some are endsEarly
}

// Bind looks up what the expression refers to, and only that.
func (e *Expr) Bind(env Env) *Bound {
	b := &Bound{expr: e, values: make([]any, len(e.paths))}
	for i, p := range e.paths {
		value, there := p.follow(env)
		if there < p.length() {
			value = endsEarly(there)
		}
		b.values[i] = value
	}
	return b
}

func (b *Bound) env(now time.Time, extra map[string]any) Env {
	return Env{Names: extra, Now: now, bound: b}
}

// Holds is the condition's answer at a time, with more names, which hide those that were bound. A part that
// is missing means no; whatever else Expr.Test fails with is an error.
func (b *Bound) Holds(now time.Time, extra map[string]any) (bool, error) {
	env := b.env(now, extra)
	value, err := b.expr.run(b.expr.program, env)
	var f *fault
	if err == nil && value == nil || errors.As(err, &f) && f.missing {
		return false, nil
	}
	if holds, ok := value.(bool); ok && err == nil {
		return holds, nil
	}
	return b.expr.Test(env) // it finds the words
}

// Unmet says of a condition that does not hold what Expr.Explain and Expr.Why do.
func (b *Bound) Unmet(now time.Time, extra map[string]any) (parts []Part, why string) {
	return b.expr.unmet(b.env(now, extra))
}

// Source is the condition as written.
func (b *Bound) Source() string { return b.expr.source }

// UsesNow says whether the condition may become true with the time alone.
func (b *Bound) UsesNow() bool { return b.expr.clock }
