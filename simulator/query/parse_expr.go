package query

import "strings"

// maxDepth bounds parentheses, NOTs, minus signs and calls inside each other, and so the stack.
const maxDepth = 64

// From the loosest to the tightest: OR, AND, NOT, comparisons, + and -, * / and %, minus sign.

func (p *parser) expr() expr { return p.or() }

func (p *parser) or() expr {
	first := p.and()
	if !p.tok.is("OR") {
		return first
	}
	list := []expr{first}
	for p.take("OR") {
		list = append(list, p.and())
	}
	return &logic{operands: list, or: true}
}

func (p *parser) and() expr {
	first := p.not()
	if !p.tok.is("AND") {
		return first
	}
	list := []expr{first}
	for p.take("AND") {
		list = append(list, p.not())
	}
	return &logic{operands: list}
}

func (p *parser) not() expr {
	at := p.tok
	if !p.take("NOT") {
		return p.comparison()
	}
	defer p.nest(at)()
	return &not{p.not()}
}

func (p *parser) comparison() expr {
	left := p.sum()
	switch {
	case p.take("IN"):
		return p.list(left, false)
	case p.take("NIN"):
		return p.list(left, true)
	case p.tok.is("NOT"):
		p.fail(p.tok.pos, "NOT stands in front of a condition, and for values not in a list write NIN")
	}
	op, ok := p.comparisonSign()
	if !ok {
		return left
	}
	right := p.sum()
	at := p.tok
	if _, again := p.comparisonSign(); again {
		p.fail(at.pos, "comparisons do not chain: write a %s b AND b %s c", op, at.text)
	}
	return &comparison{op: op, left: left, right: right}
}

func (p *parser) comparisonSign() (string, bool) {
	t := p.tok
	if t.kind != tokenSymbol {
		return "", false
	}
	switch t.text {
	case "<>":
		p.advance()
		return "!=", true
	case "=", "!=", "<", ">", "<=", ">=":
		p.advance()
		return t.text, true
	}
	return "", false
}

// list reads the [..] of IN and NIN.
func (p *parser) list(left expr, nin bool) expr {
	if !p.take("[") {
		p.unexpected("[ and a list of constants")
	}
	in := &in{left: left, nin: nin, values: map[any]bool{}}
	in.add(p.constant())
	for p.take(",") {
		in.add(p.constant())
	}
	if !p.take("]") {
		p.unexpected("a comma", "]")
	}
	return in
}

// constant reads a literal of a list; a number may have a sign.
func (p *parser) constant() any {
	if p.tok.is("-") {
		p.advance()
		if p.tok.kind != tokenNumber {
			p.unexpected("a number after the minus sign")
		}
		n := p.tok.num
		p.advance()
		return -n
	}
	v, ok := p.literal()
	if !ok {
		p.unexpected("a constant (a string, a number, true, false, null)")
	}
	return v
}

func (p *parser) literal() (any, bool) {
	t := p.tok
	switch {
	case t.kind == tokenString:
		p.advance()
		return t.text, true
	case t.kind == tokenNumber:
		p.advance()
		return t.num, true
	case p.take("true"):
		return true, true
	case p.take("false"):
		return false, true
	case p.take("null"):
		return nil, true
	case p.take("undefined"):
		return undefined, true
	}
	return undefined, false
}

func (p *parser) sum() expr {
	left := p.product()
	for p.tok.is("+") || p.tok.is("-") {
		left = p.binary(left, p.product)
	}
	return left
}

func (p *parser) product() expr {
	left := p.unary()
	for p.tok.is("*") || p.tok.is("/") || p.tok.is("%") {
		left = p.binary(left, p.unary)
	}
	return left
}

func (p *parser) binary(left expr, right func() expr) expr {
	op := p.tok.text
	p.advance()
	return &arithmetic{op: op[0], left: left, right: right()}
}

func (p *parser) unary() expr {
	at := p.tok
	if !p.take("-") {
		return p.primary()
	}
	defer p.nest(at)()
	operand := p.unary()
	if c, ok := operand.(*constant); ok && kindOf(c.value) == kindNumber {
		return &constant{-c.value.(float64)}
	}
	return &minus{operand}
}

func (p *parser) primary() expr {
	if v, ok := p.literal(); ok {
		return &constant{v}
	}
	t := p.tok
	switch {
	case p.take("("):
		defer p.nest(t)()
		inner := p.expr()
		if !p.take(")") {
			p.unexpected("AND", "OR", "a closing parenthesis")
		}
		return inner
	case p.canStartPath():
		p.advance()
		if p.take("(") {
			return p.call(t)
		}
		return p.pathFrom(t)
	}
	p.unexpected("a path, a constant or a function")
	return &constant{undefined}
}

// call reads the arguments of the function whose name was just taken.
func (p *parser) call(name token) expr {
	defer p.nest(name)()
	upper := strings.ToUpper(name.text)
	if upper == "IS_DEFINED" {
		return p.isDefined()
	}
	f, ok := p.function(name, upper)
	if !ok {
		return &constant{undefined}
	}
	c := &call{name: upper, f: f}
	if !p.tok.is(")") {
		c.args = p.arguments()
	}
	if p.tok.is(")") && (len(c.args) < f.min || len(c.args) > f.max) {
		p.fail(name.pos, "%s takes %s, found %d", upper, f.arity(), len(c.args))
	}
	if !p.take(")") {
		p.unexpected("a comma", "a closing parenthesis")
	}
	return c
}

func (p *parser) arguments() []expr {
	list := []expr{p.sum()}
	for p.take(",") {
		list = append(list, p.sum())
	}
	return list
}

func (p *parser) isDefined() expr {
	path := p.path("a path in IS_DEFINED")
	if !p.take(")") {
		p.unexpected("a closing parenthesis after the path in IS_DEFINED")
	}
	return &isDefined{path}
}

// nest goes one level down and gives the way up.
func (p *parser) nest(at token) (up func()) {
	if p.depth++; p.depth > maxDepth {
		p.fail(at.pos, "nested deeper than %d levels", maxDepth)
	}
	return func() { p.depth-- }
}
