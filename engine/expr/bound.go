package expr

import (
	"maps"
	"time"
)

// A Bound is an expression with the values it refers to, safe to use from another goroutine and
// while the run goes on. Names that are not known yet (twin, message, response) are given later.
type Bound struct {
	expr  *Expr
	names map[string]any
	noise func() float64
}

// Bind looks up what the expression refers to, and only that.
func (e *Expr) Bind(env Env) *Bound {
	b := &Bound{expr: e, names: make(map[string]any, len(e.refs)), noise: env.Noise}
	for name, members := range e.refs {
		value, ok := env.Names[name]
		if !ok {
			continue
		}
		if getter, ok := value.(Getter); ok {
			copied := make(map[string]any, len(members))
			for _, m := range members {
				if v := getter.Get(m); v != nil {
					copied[m] = v
				}
			}
			value = copied
		}
		b.names[name] = value
	}
	return b
}

func (b *Bound) env(now time.Time, extra map[string]any) Env {
	names := make(map[string]any, len(b.names)+len(extra))
	maps.Copy(names, b.names)
	maps.Copy(names, extra)
	return Env{Names: names, Now: now, Noise: b.noise}
}

// Test is the value of the condition at a time, with more names.
func (b *Bound) Test(now time.Time, extra map[string]any) (bool, error) {
	return b.expr.Test(b.env(now, extra))
}

// Explain gives the condition's parts with their values, as Expr.Explain does.
func (b *Bound) Explain(now time.Time, extra map[string]any) []Part {
	return b.expr.Explain(b.env(now, extra))
}

// Why says why the condition is not met, as Expr.Why does.
func (b *Bound) Why(now time.Time, extra map[string]any) string {
	return b.expr.Why(b.env(now, extra))
}

// Source is the condition as written.
func (b *Bound) Source() string { return b.expr.source }

// UsesNow says whether the condition may become true with the time alone.
func (b *Bound) UsesNow() bool { return b.expr.clock }
