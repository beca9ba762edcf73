package query

import "math"

// An expr computes a value from a document; undefined if it cannot.
type expr interface {
	eval(doc Object) any
}

type constant struct{ value any }

func (e *constant) eval(Object) any { return e.value }

// logic is AND or OR over two or more operands. What is no boolean counts as undefined: it can
// neither make an AND true nor an OR false.
type logic struct {
	or       bool
	operands []expr
}

func (e *logic) eval(doc Object) any {
	decisive := e.or // one true decides an OR, one false an AND
	var result any = !decisive
	for _, x := range e.operands {
		b, ok := x.eval(doc).(bool)
		if !ok {
			result = undefined
		} else if b == decisive {
			return decisive
		}
	}
	return result
}

type not struct{ operand expr }

func (e *not) eval(doc Object) any {
	if b, ok := e.operand.eval(doc).(bool); ok {
		return !b
	}
	return undefined
}

type comparison struct {
	op          string // = != < > <= >=
	left, right expr
}

// eval compares primitives only. Those of different kinds are unequal and have no order.
func (e *comparison) eval(doc Object) any {
	l, r := e.left.eval(doc), e.right.eval(doc)
	lk, rk := kindOf(l), kindOf(r)
	switch {
	case !lk.primitive() || !rk.primitive():
		return undefined
	case e.op == "=":
		return lk == rk && l == r
	case e.op == "!=":
		return lk != rk || l != r
	case lk != rk:
		return undefined
	}
	order := compare(l, r)
	switch e.op {
	case "<":
		return order < 0
	case ">":
		return order > 0
	case "<=":
		return order <= 0
	default:
		return order >= 0
	}
}

// in is IN or NIN: an = or a != with each of the list.
type in struct {
	left   expr
	nin    bool
	list   []any
	values map[any]bool // the list as a set
}

func (e *in) add(v any) {
	e.list = append(e.list, v)
	e.values[v] = true
}

func (e *in) eval(doc Object) any {
	v := e.left.eval(doc)
	switch {
	case !kindOf(v).primitive():
		return undefined
	case e.values[v]:
		return !e.nin
	case e.values[undefined]: // v might be that one
		return undefined
	default:
		return e.nin
	}
}

type arithmetic struct {
	op          byte // + - * / %
	left, right expr
}

func (e *arithmetic) eval(doc Object) any {
	l, lok := e.left.eval(doc).(float64)
	r, rok := e.right.eval(doc).(float64)
	if !lok || !rok {
		return undefined
	}
	switch e.op {
	case '+':
		return finite(l + r)
	case '-':
		return finite(l - r)
	case '*':
		return finite(l * r)
	case '/':
		return finite(l / r)
	default:
		return finite(math.Mod(l, r))
	}
}

type minus struct{ operand expr }

func (e *minus) eval(doc Object) any {
	if f, ok := e.operand.eval(doc).(float64); ok {
		return -f
	}
	return undefined
}

type isDefined struct{ path *path }

// eval is true for null, too.
func (e *isDefined) eval(doc Object) any { return e.path.eval(doc) != undefined }

// call is any other function.
type call struct {
	name string
	f    function
	args []expr
}

func (e *call) eval(doc Object) any {
	args := make([]any, len(e.args))
	for i, a := range e.args {
		args[i] = a.eval(doc)
	}
	return e.f.apply(args)
}
