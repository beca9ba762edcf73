package engine

import (
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

// vars adds the variables whose value cannot change: no step sets them.
func (v *preview) vars(w *Workflow) {
	set := map[string]bool{}
	eachStep(w, func(s *Step) {
		for _, n := range s.names() {
			set[n.Name] = true
		}
	})
	known := map[string]any{}
	v.env.Names["vars"] = known
	for _, n := range w.Vars {
		if value, ok := v.value(n.Value); ok && !set[n.Name] {
			known[n.Name] = value
		}
	}
}

// knows says whether all that an expression refers to is known now.
func (v *preview) knows(e *expr.Expr) bool {
	if e.UsesNow() {
		return false
	}
	for name, members := range e.Refs() {
		values, known := v.env.Names[name].(map[string]any)
		if !known {
			return false
		}
		for _, m := range members {
			if _, ok := values[m]; !ok {
				return false
			}
		}
	}
	return true
}

func (v *preview) value(value *Value) (any, bool) {
	known := true
	value.Expressions(func(e *Expression) { known = known && v.knows(e.Expr) })
	if !known {
		return nil, false
	}
	result, err := value.eval(v.env, nullIsValue)
	return result, err == nil
}

func (v *preview) expression(e *Expression) string {
	if v.knows(e.Expr) {
		if value, err := evalJSON(e, v.env, ""); err == nil {
			return expr.Show(value)
		}
	}
	return e.Source
}

// show is a value with what is known filled in; the rest reads as in the file.
func (v *preview) show(value *Value) string {
	if result, ok := v.value(value); ok {
		switch text := result.(type) {
		case string:
			return text
		case Masked:
			return text.String()
		}
		return expr.Show(result)
	}
	return expr.Shorten(v.source(value), 200)
}

func (v *preview) source(value *Value) string {
	switch value.Kind {
	case ValueObject:
		members := make([]string, len(value.Keys))
		for i, k := range value.Keys {
			members[i] = k.Name + ": " + v.show(k.Value)
		}
		return "{ " + strings.Join(members, ", ") + " }"
	case ValueList:
		items := make([]string, len(value.Items))
		for i, item := range value.Items {
			items[i] = v.show(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	var b strings.Builder
	for _, part := range value.Parts {
		switch {
		case part.Expr != nil && v.knows(part.Expr.Expr):
			text, _ := scalarText(first(evalJSON(part.Expr, v.env, "")))
			b.WriteString(text)
		case part.Expr != nil:
			b.WriteString("${{ " + part.Expr.Source + " }}")
		case part.Secret != "":
			b.WriteString("***")
		default:
			b.WriteString(part.Text)
		}
	}
	return b.String()
}

func first(value any, _ error) any { return value }
