package engine

import (
	"fmt"
	"math"
	"net/url"
	"reflect"
	"strings"
	"time"

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
		value, err = v.evalText(env, f.Name, url.PathEscape)
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

// accept holds a JSON value against the field's kind and returns it as the journal keeps it:
// durations and times as text, whole numbers as numbers.
func (f *Field) accept(value any) (any, error) {
	switch f.Kind {
	case KindText, KindQuery, KindURL:
		return f.acceptText(value)
	case KindInt, KindNumber:
		return f.acceptNumber(value)
	case KindBool:
		if _, ok := value.(bool); !ok {
			return nil, fmt.Errorf("expected true or false, got %s", expr.Describe(value))
		}
	case KindDuration:
		return f.acceptDuration(value)
	case KindTime:
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("expected a time, got %s", expr.Describe(value))
		}
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return nil, fmt.Errorf("expected a time like 2026-03-01T02:30:00Z, got %s", expr.Describe(value))
		}
	case KindObject:
		if _, ok := value.(map[string]any); !ok {
			return nil, fmt.Errorf("expected an object, got %s", expr.Describe(value))
		}
	case KindTextMap:
		return acceptTextMap(value)
	case KindTextList:
		return acceptTextList(value)
	}
	return value, nil
}

func (f *Field) acceptText(value any) (any, error) {
	if masked, ok := value.(Masked); ok {
		return masked, nil
	}
	text, ok := scalarText(value)
	if !ok {
		return nil, fmt.Errorf("expected text, got %s", expr.Describe(value))
	}
	if len(f.OneOf) > 0 {
		for _, allowed := range f.OneOf {
			if text == allowed {
				return text, nil
			}
		}
		return nil, fmt.Errorf("expected %s, got %q", expr.OrList(f.OneOf), expr.Shorten(text, 40))
	}
	return text, nil
}

func (f *Field) acceptNumber(value any) (any, error) {
	n, ok := value.(float64)
	if !ok {
		return nil, fmt.Errorf("expected a number, got %s", expr.Describe(value))
	}
	if f.Kind == KindInt && n != math.Trunc(n) {
		return nil, fmt.Errorf("expected a whole number, got %v", n)
	}
	if f.Min != nil && n < *f.Min {
		return nil, fmt.Errorf("%s is less than %s, the least allowed", expr.CompactJSON(n), expr.CompactJSON(*f.Min))
	}
	if f.Max != nil && n > *f.Max {
		return nil, fmt.Errorf("%s is more than %s, the most allowed", expr.CompactJSON(n), expr.CompactJSON(*f.Max))
	}
	return n, nil
}

func (f *Field) acceptDuration(value any) (any, error) {
	text, ok := value.(string)
	if !ok {
		return nil, fmt.Errorf("expected a duration like 60s, got %s", expr.Describe(value))
	}
	d, err := expr.ParseDuration(text)
	if err != nil {
		return nil, err
	}
	if f.Min != nil && d.Seconds() < *f.Min {
		return nil, fmt.Errorf("%s is shorter than %vs, the least allowed", text, *f.Min)
	}
	if f.Max != nil && d.Seconds() > *f.Max {
		return nil, fmt.Errorf("%s is longer than %vs, the most allowed", text, *f.Max)
	}
	return text, nil
}

func acceptTextMap(value any) (any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("expected an object of texts, got %s", expr.Describe(value))
	}
	out := make(map[string]any, len(object))
	for k, v := range object {
		if _, masked := v.(Masked); masked {
			out[k] = v
			continue
		}
		text, ok := scalarText(v)
		if !ok {
			return nil, fmt.Errorf("%s: expected text, got %s", k, expr.Describe(v))
		}
		out[k] = text
	}
	return out, nil
}

func acceptTextList(value any) (any, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("expected a list of texts, got %s", expr.Describe(value))
	}
	out := make([]any, len(list))
	for i, v := range list {
		text, ok := scalarText(v)
		if !ok {
			return nil, fmt.Errorf("[%d]: expected text, got %s", i, expr.Describe(v))
		}
		out[i] = text
	}
	return out, nil
}

// into fills a parameter struct; target points to it.
func (r resolved) into(target any, fields []Field) error {
	v := reflect.ValueOf(target).Elem()
	for i := range fields {
		f := &fields[i]
		if f.index < 0 {
			continue // the planner's own
		}
		to := v.Field(f.index)
		switch f.Kind {
		case KindCond:
			if bound := r.conds[f.Name]; bound != nil {
				to.Set(reflect.ValueOf(bound))
			}
		case KindChecks:
			to.Set(reflect.ValueOf(r.checks))
		case KindNames:
			to.Set(reflect.ValueOf(r.values))
		default:
			value, ok := r.values[f.Name]
			if !ok && f.Default == "" {
				continue
			}
			if !ok {
				value = f.defaultValue()
			}
			if err := fill(to, f, value); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
		}
	}
	return nil
}

// defaultValue is the default tag as the JSON that accept would give.
func (f *Field) defaultValue() any {
	switch f.Kind {
	case KindInt, KindNumber:
		return *bound(f.Default)
	case KindBool:
		return f.Default == "true"
	}
	return f.Default
}

func fill(to reflect.Value, f *Field, value any) error {
	switch f.Kind {
	case KindText, KindQuery, KindURL:
		text, _ := value.(string)
		to.SetString(text)
	case KindInt:
		n, _ := value.(float64)
		to.SetInt(int64(n))
	case KindNumber:
		n, _ := value.(float64)
		to.SetFloat(n)
	case KindBool:
		b, _ := value.(bool)
		to.SetBool(b)
	case KindDuration:
		text, _ := value.(string)
		d, err := expr.ParseDuration(text)
		to.SetInt(int64(d))
		return err
	case KindTime:
		text, _ := value.(string)
		t, err := time.Parse(time.RFC3339, text)
		to.Set(reflect.ValueOf(t))
		return err
	case KindTextMap:
		out := map[string]string{}
		object, _ := value.(map[string]any)
		for k, v := range object {
			out[k], _ = v.(string)
		}
		to.Set(reflect.ValueOf(out))
	case KindTextList:
		list, _ := value.([]any)
		out := make([]string, len(list))
		for i, v := range list {
			out[i], _ = v.(string)
		}
		to.Set(reflect.ValueOf(out))
	default:
		if value != nil {
			to.Set(reflect.ValueOf(value))
		}
	}
	return nil
}
