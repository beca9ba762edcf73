package query

import (
	"math"
	"strings"
)

// A parser reads one text by recursive descent. The first mistake is kept, and from then on every
// token is the end: all loops and recursions run out by themselves.
type parser struct {
	Options
	scan  scanner
	tok   token // the next one, not yet taken
	err   error
	depth int // of nesting, see parse_expr.go
	what  string

	paths    []*path // all of them, for resolve
	groupPos int     // where GROUP stands
}

func newParser(text string, opt Options) *parser {
	p := &parser{Options: opt, scan: scanner{text: text}, what: "query"}
	p.advance()
	return p
}

// query reads SELECT list FROM collection [WHERE cond] [GROUP BY paths].
func (p *parser) query() *Query {
	q := &Query{}
	p.expectWord("SELECT")
	q.Top = p.top()
	next := []string{"FROM"}
	if q.Star = p.take("*"); !q.Star {
		q.columns = p.columns()
		next = []string{"AS", "a comma", "FROM"}
	}
	if !p.take("FROM") {
		p.unexpected(next...)
	}
	q.From = p.collection()
	next = []string{"WHERE", "GROUP BY", "the end of the query"}
	if p.take("WHERE") {
		q.where = p.expr()
		next = []string{"AND", "OR", "GROUP BY", "the end of the query"}
	}
	if p.groupPos = p.tok.pos; p.take("GROUP") {
		p.expectWord("BY")
		q.group = p.groupPaths()
		next = []string{"a comma", "the end of the query"}
	}
	p.expectEnd(next...)
	return q
}

// condition reads what a job calls queryCondition.
func (p *parser) condition() *Query {
	p.what = "condition"
	q := &Query{Star: true}
	if p.tok.is("SELECT") {
		p.fail(p.tok.pos, "a condition is the text after WHERE, not a whole query with SELECT")
	}
	if p.tok.is("WHERE") {
		p.fail(p.tok.pos, "a condition is the text after WHERE, without the word itself")
	}
	if p.take("*") {
		p.expectEnd("the end of the condition after *")
		return q
	}
	if p.take("FROM") {
		at := p.tok.pos
		if q.From = p.collection(); q.From == Jobs {
			p.fail(at, "a job runs on devices or devices.modules, not on devices.jobs")
		}
		p.expectWord("WHERE")
	}
	q.where = p.expr()
	p.expectEnd("AND", "OR", "the end of the condition")
	return q
}

func (p *parser) top() int {
	if !p.take("TOP") {
		return 0
	}
	t := p.tok
	if t.kind != tokenNumber {
		p.unexpected("a number after TOP")
		return 0
	}
	if t.num < 1 || t.num > math.MaxInt32 || t.num != math.Trunc(t.num) {
		p.fail(t.pos, "TOP needs a whole number from 1 to %d, found %s", math.MaxInt32, t.text)
	}
	p.advance()
	return int(t.num)
}

func (p *parser) columns() []column {
	list := []column{p.column()}
	for p.take(",") {
		list = append(list, p.column())
	}
	return list
}

func (p *parser) column() column {
	first := p.tok
	if !p.canStartPath() {
		p.unexpected("*", "a path", "an aggregate such as COUNT()")
		return column{}
	}
	p.advance()
	c := column{pos: first.pos}
	if p.take("(") {
		c.aggregate = strings.ToUpper(first.text)
		c.path = p.aggregateArgument(first)
	} else {
		c.path = p.pathFrom(first)
	}
	if p.take("AS") {
		c.key = p.alias()
	} else if c.aggregate != "" {
		// What a hub calls a column without a name is not documented, so nobody can rely on it.
		p.unexpected("AS and a name for " + c.aggregate)
	}
	return c
}

// aggregateArgument reads what stands between the parentheses; COUNT has nothing there.
func (p *parser) aggregateArgument(name token) *path {
	var arg *path
	switch strings.ToUpper(name.text) {
	case "COUNT":
		if !p.tok.is(")") {
			p.fail(p.tok.pos, "COUNT takes no argument: write COUNT()")
		}
	case "AVG", "SUM", "MIN", "MAX":
		arg = p.path("a path")
	default:
		p.fail(name.pos, "the select list may call COUNT, AVG, SUM, MIN and MAX, not %s", shorten(name.text))
	}
	if !p.take(")") {
		p.unexpected("a closing parenthesis")
	}
	return arg
}

func (p *parser) collection() Collection {
	start := p.tok
	if !p.take("devices") {
		p.unexpected("devices", "devices.modules", "devices.jobs")
		return Devices
	}
	if !p.take(".") {
		return Devices
	}
	switch {
	case p.take("modules"):
		return Modules
	case p.take("jobs"):
		return Jobs
	}
	p.fail(start.pos, "a query reads devices, devices.modules or devices.jobs, not devices.%s", shorten(p.tok.text))
	return Devices
}

func (p *parser) groupPaths() []*path {
	list := []*path{p.path("a path after GROUP BY")}
	for p.take(",") {
		list = append(list, p.path("a path"))
	}
	return list
}

// path reads one that starts at the next token.
func (p *parser) path(expected string) *path {
	first := p.tok
	if !p.canStartPath() {
		p.unexpected(expected)
		return nil
	}
	p.advance()
	return p.pathFrom(first)
}

func (p *parser) canStartPath() bool {
	return p.tok.kind == tokenName && !isReserved(p.tok.text)
}

// pathFrom reads the rest of a path whose first name was just taken.
func (p *parser) pathFrom(first token) *path {
	path := &path{names: []string{first.text}, pos: first.pos}
	p.paths = append(p.paths, path)
	for {
		switch {
		case p.take("."):
			path.names = append(path.names, p.name("a name after the dot, or ['name'] without a dot"))
		case p.take("["):
			if p.tok.kind != tokenString {
				p.unexpected("a name in quotes after [")
			}
			path.names = append(path.names, p.tok.text)
			p.advance()
			if !p.take("]") {
				p.unexpected("]")
			}
		default:
			return path
		}
	}
}

// alias reads the name of a column. A keyword there is most likely a name forgotten.
func (p *parser) alias() string {
	const expected = "a name after AS"
	if isKeyword(p.tok.text) {
		p.unexpected(expected)
	}
	return p.name(expected)
}

func (p *parser) name(expected string) string {
	t := p.tok
	if t.kind != tokenName {
		p.unexpected(expected)
	}
	p.advance()
	return t.text
}
