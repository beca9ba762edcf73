package engine

import (
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

// resolved are the parameters of one attempt: values as JSON by name, conditions with what they see.
type resolved struct {
	values map[string]any
	conds  map[string]*expr.Bound
	checks []Check
}

// resolve evaluates an action's parameters for one attempt. What an expression gave is held against
// the field's kind, as the check before the run did with what was literal.
func (a *Action) resolve(env expr.Env) (resolved, error) {
	r := resolved{values: make(map[string]any, len(a.Params))}
	for _, p := range a.Params {
		switch p.Field.Kind {
		case KindCond:
			if p.Field.index < 0 {
				continue // evaluated by the planner when the answer is there
			}
			if r.conds == nil {
				r.conds = map[string]*expr.Bound{}
			}
			r.conds[p.Field.Name] = p.Cond.Expr.Bind(env)
		case KindChecks:
			r.checks = p.Checks
		case KindNames:
			for _, n := range p.Names {
				value, err := n.Value.evalAt(env, nullIsValue, n.Name)
				if err != nil {
					return r, err
				}
				r.values[n.Name] = value
			}
		default:
			value, err := p.Field.evaluate(p.Value, env, a.Type.nulls())
			if err != nil {
				return r, err
			}
			r.values[p.Field.Name] = value
		}
	}
	return r, nil
}

func (t *StepType) nulls() nulls {
	if t.Nulls {
		return nullIsValue
	}
	return nullIsError
}

func (f *Field) evaluate(v *Value, env expr.Env, null nulls) (any, error) {
	var value any
	var err error
	switch {
	case v.Kind == ValueTemplate && f.Kind == KindQuery:
		value, err = v.evalText(env, f.Name, escapeQuery)
	case v.Kind == ValueTemplate && f.Kind == KindURL:
		value, err = v.evalURL(env, f.Name)
	default:
		value, err = v.evalAt(env, null, f.Name)
	}
	if err != nil {
		return nil, err
	}
	if value, err = f.accept(value); err != nil {
		return nil, &ValueError{Pos: v.Pos, Path: f.Name, Msg: err.Error()}
	}
	return value, nil
}

// escapeQuery makes text safe inside a quoted literal of the hub's query language.
func escapeQuery(text string) string {
	return strings.NewReplacer(`\`, `\\`, `'`, `\'`, `"`, `\"`).Replace(text)
}
