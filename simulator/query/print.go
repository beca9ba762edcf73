package query

import (
	"strconv"
	"strings"
)

// String is the query in one spelling: parsed again, it gives the same query. For what
// ParseCondition has read, it is the whole query with SELECT * in front.
func (q *Query) String() string {
	var w printer
	w.add("SELECT ")
	if q.Top > 0 {
		w.add("TOP ", strconv.Itoa(q.Top), " ")
	}
	if q.Star {
		w.add("*")
	}
	for i, c := range q.columns {
		w.comma(i)
		w.column(c)
	}
	w.add(" FROM ", q.From.String())
	if q.where != nil {
		w.add(" WHERE ")
		w.expr(q.where, 0)
	}
	for i, path := range q.group {
		if i == 0 {
			w.add(" GROUP BY ")
		}
		w.comma(i)
		w.add(path.String())
	}
	return w.String()
}

// String is the path as a query writes it.
func (p *path) String() string {
	var w printer
	first := p.names[0]
	if !isName(first) || isReserved(first) {
		w.add("devices")
		w.member(first)
	} else {
		w.add(first)
	}
	for _, name := range p.names[1:] {
		w.member(name)
	}
	return w.String()
}

type printer struct{ strings.Builder }

func (w *printer) add(parts ...string) {
	for _, s := range parts {
		w.WriteString(s)
	}
}

func (w *printer) comma(i int) {
	if i > 0 {
		w.add(", ")
	}
}

func (w *printer) member(name string) {
	if isName(name) {
		w.add(".", name)
	} else {
		w.add("[", quote(name), "]")
	}
}

func (w *printer) column(c column) {
	switch {
	case c.path == nil:
		w.add(c.aggregate, "()")
	case c.aggregate != "":
		w.add(c.aggregate, "(", c.path.String(), ")")
	default:
		w.add(c.path.String())
		if c.key == c.path.last() {
			return
		}
	}
	w.add(" AS ", c.key)
}

// How tightly operators bind; see parse_expr.go.
const (
	bindOr = iota + 1
	bindAnd
	bindNot
	bindCompare
	bindSum
	bindProduct
	bindMinus
	bindPrimary
)

func binding(e expr) int {
	switch e := e.(type) {
	case *logic:
		if e.or {
			return bindOr
		}
		return bindAnd
	case *not:
		return bindNot
	case *comparison, *in:
		return bindCompare
	case *arithmetic:
		if e.op == '+' || e.op == '-' {
			return bindSum
		}
		return bindProduct
	case *minus:
		return bindMinus
	default:
		return bindPrimary
	}
}

// expr writes e, in parentheses if it binds less tightly than its place wants.
func (w *printer) expr(e expr, least int) {
	if binding(e) < least {
		w.add("(")
		defer w.add(")")
	}
	switch e := e.(type) {
	case *constant:
		w.add(literal(e.value))
	case *path:
		w.add(e.String())
	case *logic:
		w.logic(e)
	case *not:
		w.add("NOT ")
		w.expr(e.operand, bindNot)
	case *comparison:
		w.binary(e.left, e.op, e.right, bindSum, bindSum)
	case *in:
		w.in(e)
	case *arithmetic:
		w.binary(e.left, string(e.op), e.right, binding(e), binding(e)+1)
	case *minus:
		w.add("-")
		w.expr(e.operand, bindMinus)
	case *isDefined:
		w.add("IS_DEFINED(", e.path.String(), ")")
	case *call:
		w.call(e)
	}
}

func (w *printer) logic(e *logic) {
	word := " AND "
	if e.or {
		word = " OR "
	}
	for i, operand := range e.operands {
		if i > 0 {
			w.add(word)
		}
		w.expr(operand, binding(e)+1)
	}
}

func (w *printer) binary(left expr, op string, right expr, leastLeft, leastRight int) {
	w.expr(left, leastLeft)
	w.add(" ", op, " ")
	w.expr(right, leastRight)
}

func (w *printer) in(e *in) {
	word := " IN ["
	if e.nin {
		word = " NIN ["
	}
	w.expr(e.left, bindSum)
	w.add(word)
	for i, v := range e.list {
		w.comma(i)
		w.add(literal(v))
	}
	w.add("]")
}

func (w *printer) call(e *call) {
	w.add(e.name, "(")
	for i, arg := range e.args {
		w.comma(i)
		w.expr(arg, bindSum)
	}
	w.add(")")
}

// literal writes a constant; a query can hold no others than these.
func literal(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		return quote(v)
	default:
		return "undefined"
	}
}
