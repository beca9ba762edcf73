package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

// A Value is a value in a file: literal but for the expressions that stand in ${{ }}.
type Value struct {
	Pos   Pos
	Kind  ValueKind
	Lit   any             // ValueLiteral: nil, bool, float64 or string
	Keys  []Named[*Value] // ValueObject
	Items []*Value        // ValueList
	Parts []TextPart      // ValueTemplate
}

// A ValueKind says how a value is written.
type ValueKind int

const (
	ValueLiteral ValueKind = iota
	ValueObject
	ValueList
	ValueTemplate
)

// A TextPart is a piece of a template; one of Text, Expr and Secret is set.
type TextPart struct {
	Pos    Pos // of an expression or a secret
	Text   string
	Expr   *Expression
	Secret string // the NAME of ${{ secrets.NAME }}
}

// A ValueError is a value that could not be made while a run was under way.
type ValueError struct {
	Pos  Pos
	Path string // inside the parameter: "desired.interval"
	Msg  string
}

func (e *ValueError) Error() string {
	if e.Path == "" {
		return e.Msg
	}
	return e.Path + ": " + e.Msg
}

// Whole is the expression of a value that is one ${{ }} and nothing else, or nil.
func (v *Value) Whole() *Expression {
	if v.Kind == ValueTemplate && len(v.Parts) == 1 {
		return v.Parts[0].Expr
	}
	return nil
}

// Constant is the value as JSON if it holds no expression at any depth.
func (v *Value) Constant() (value any, ok bool) {
	switch v.Kind {
	case ValueLiteral:
		return v.Lit, true
	case ValueObject:
		object := make(map[string]any, len(v.Keys))
		for _, k := range v.Keys {
			if object[k.Name], ok = k.Value.Constant(); !ok {
				return nil, false
			}
		}
		return object, true
	case ValueList:
		list := make([]any, len(v.Items))
		for i, item := range v.Items {
			if list[i], ok = item.Constant(); !ok {
				return nil, false
			}
		}
		return list, true
	}
	return nil, false
}

// Expressions calls f for each expression in the value, in the order of the file.
func (v *Value) Expressions(f func(*Expression)) {
	for _, part := range v.Parts {
		if part.Expr != nil {
			f(part.Expr)
		}
	}
	for _, k := range v.Keys {
		k.Value.Expressions(f)
	}
	for _, item := range v.Items {
		item.Expressions(f)
	}
}

// nulls says what a null from an expression means.
type nulls int

const (
	nullIsError nulls = iota // in a parameter: a typo must never delete a property
	nullIsValue              // in set, log and outputs
)

// Eval gives the value as JSON; a null from an expression is an error.
func (v *Value) Eval(env expr.Env) (any, error) { return v.eval(env, nullIsError) }

// EvalParam is Eval for what stands under a name, which its errors tell.
func (v *Value) EvalParam(env expr.Env, name string) (any, error) {
	return v.evalAt(env, nullIsError, name)
}

// EvalTexts is EvalParam for a mapping of texts.
func (v *Value) EvalTexts(env expr.Env, name string) (map[string]string, error) {
	value, err := v.EvalParam(env, name)
	if err != nil {
		return nil, err
	}
	if value, err = acceptTextMap(value); err != nil {
		return nil, &ValueError{Pos: v.Pos, Path: name, Msg: err.Error()}
	}
	texts := map[string]string{}
	for name, text := range value.(map[string]any) {
		texts[name], _ = text.(string)
	}
	return texts, nil
}

// eval gives the value as JSON; texts that hold secrets come as Masked.
func (v *Value) eval(env expr.Env, null nulls) (any, error) { return v.evalAt(env, null, "") }

func (v *Value) evalAt(env expr.Env, null nulls, path string) (any, error) {
	switch v.Kind {
	case ValueObject:
		object := make(map[string]any, len(v.Keys))
		for _, k := range v.Keys {
			member, err := k.Value.evalAt(env, null, expr.JoinPath(path, k.Name))
			if err != nil {
				return nil, err
			}
			object[k.Name] = member
		}
		return object, nil
	case ValueList:
		list := make([]any, len(v.Items))
		for i, item := range v.Items {
			element, err := item.evalAt(env, null, fmt.Sprintf("%s[%d]", path, i))
			if err != nil {
				return nil, err
			}
			list[i] = element
		}
		return list, nil
	case ValueTemplate:
		return v.evalTemplate(env, null, path)
	}
	return v.Lit, nil
}

func (v *Value) evalTemplate(env expr.Env, null nulls, path string) (any, error) {
	if e := v.Whole(); e != nil {
		value, err := evalJSON(e, env, path)
		if err == nil && null == nullIsError && hasNull(value) {
			return nil, &ValueError{Pos: e.Pos, Path: nullPath(value, path), Msg: nullMessage(e, value, path, env)}
		}
		return value, err
	}
	return v.evalText(env, path, nil)
}

// nullMessage says which part of an expression was missing, and what to do. Only inside a parameter can a
// null be meant: a device, a timeout or a method's name is never null.
func nullMessage(e *Expression, value any, path string, env expr.Env) string {
	is, todo := "is null", "give another value with ??"
	if value != nil {
		is, todo = "has a null there", "only a literal null sends null: leave it out, or give another value with ??"
	} else if strings.ContainsAny(path, ".[") {
		todo = "only a literal null sends null"
	}
	return fmt.Sprintf("${{ %s }} %s%s; %s", e.Source, is, missingNote(e, env), todo)
}

// missingNote says which part of an expression was missing, unless that is the whole and null itself.
func missingNote(e *Expression, env expr.Env) string {
	note := e.Expr.MissingNote(env)
	if note == " ("+e.Source+" is null)" {
		return ""
	}
	return note
}

// hasNull says whether there is a null anywhere in a JSON value.
func hasNull(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case map[string]any:
		for _, member := range value {
			if hasNull(member) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, hasNull)
	}
	return false
}

// nullPath is where the first null of a value is, by the names' order; the value itself stands at path.
func nullPath(value any, path string) string {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range sortedKeys(value) {
			if member := value[name]; hasNull(member) {
				return nullPath(member, expr.JoinPath(path, name))
			}
		}
	case []any:
		i := slices.IndexFunc(value, hasNull)
		return nullPath(value[i], fmt.Sprintf("%s[%d]", path, i))
	}
	return path
}

// evalText puts a template together; escape, if any, is applied to what expressions and secrets give.
func (v *Value) evalText(env expr.Env, path string, escape func(string) string) (any, error) {
	if v.Kind == ValueLiteral {
		text, _ := scalarText(v.Lit)
		return text, nil
	}
	var out Masked
	for _, part := range v.Parts {
		switch {
		case part.Secret != "":
			out.Parts = append(out.Parts, MaskedPart{Secret: part.Secret, escape: escape})
		case part.Expr != nil:
			value, err := evalJSON(part.Expr, env, path)
			if err != nil {
				return nil, err
			}
			text, ok := scalarText(value)
			if !ok {
				return nil, &ValueError{Pos: part.Expr.Pos, Path: path, Msg: textMessage(part.Expr, value, env)}
			}
			if escape != nil {
				text = escape(text)
			}
			out.add(text)
		default:
			out.add(part.Text)
		}
	}
	return out.value(), nil
}

func textMessage(e *Expression, value any, env expr.Env) string {
	if value == nil {
		return fmt.Sprintf("${{ %s }} is null%s and cannot stand within text; give another value with ??", e.Source, missingNote(e, env))
	}
	return fmt.Sprintf("${{ %s }} is %s and cannot stand within text; use toJSON(…)", e.Source, expr.Describe(value))
}

func evalJSON(e *Expression, env expr.Env, path string) (any, error) {
	value, err := e.Expr.Eval(env)
	if err == nil {
		value, err = expr.ToJSON(value)
	}
	if err != nil {
		return nil, &ValueError{Pos: e.Pos, Path: path, Msg: fmt.Sprintf("${{ %s }}: %v", e.Source, err)}
	}
	return value, nil
}

// scalarText is how a JSON scalar reads within text; null, objects and lists have no text.
func scalarText(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case bool, float64:
		return strings.TrimSpace(expr.CompactJSON(value)), true
	}
	return "", false
}
