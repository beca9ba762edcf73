package engine

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/twinbook/twinbook/engine/expr"
)

// want is what an expression must give.
type want int

const (
	wantAny want = iota
	wantBool
	wantList
)

// compile compiles an expression once and gives the type of its value; its problems are noted.
func (k *fileCheck) compile(e *Expression, scope *expr.Scope, w want) expr.Type {
	if e == nil || e.Source == "" {
		return expr.Type{}
	}
	if strings.Contains(e.Source, "secrets.") && k.secretInside(e) {
		return expr.Type{}
	}
	compiled, problems := scope.Compile(e.Source, expr.CompileOptions{Bool: w == wantBool, Noise: k.noise, Step: k.hidden})
	for _, p := range problems {
		k.exprProblem(e, p)
	}
	if compiled == nil {
		return expr.Type{}
	}
	e.Expr = compiled
	if k.program != nil && slices.Contains(compiled.Refs()["device"], "tags") {
		k.program.deviceTags = true
	}
	t := compiled.Type()
	if w == wantList && t.Kind != expr.Any && t.Kind != expr.List {
		k.wholeExpr(e, "wrong-type", "", "expected a list, but this is "+t.Kind.String())
	}
	return t
}

// exprProblem notes a problem of an expression at its place in the file.
func (k *fileCheck) exprProblem(e *Expression, p expr.Problem) {
	from, to := e.At(p.Offset), e.At(p.Offset+p.Width)
	width := p.Width
	if from.Line != to.Line || to.Col <= from.Col {
		// Over several lines, or in a text whose places are not known: the rest of the line.
		line := k.file.line(from.Line)
		width = utf8.RuneCountInString(strings.TrimRight(line, " ")) - from.Col + 1
	}
	k.file.problem(from, width, p.Rule, p.Hint, "%s", p.Msg)
}

func (k *fileCheck) wholeExpr(e *Expression, rule, hint, msg string) {
	k.exprProblem(e, expr.Problem{Width: utf8.RuneCountInString(e.Source), Rule: rule, Hint: hint, Msg: msg})
}

// secretInside notes a secret inside an expression, where it would become data.
func (k *fileCheck) secretInside(e *Expression) bool {
	i := strings.Index(e.Source, "secrets.")
	if i > 0 && (isWordByte(e.Source[i-1]) || e.Source[i-1] == '.') || insideQuotes(e.Source, i) {
		return false
	}
	name := e.Source[i+len("secrets."):]
	end := strings.IndexFunc(name, func(r rune) bool { return r > 0x7f || !isWordByte(byte(r)) })
	if end >= 0 {
		name = name[:end]
	}
	k.exprProblem(e, expr.Problem{
		Offset: utf8.RuneCountInString(e.Source[:i]), Width: len("secrets.") + len(name), Rule: "secret-place",
		Msg: "a secret cannot stand inside an expression", Hint: "write ${{ secrets." + name + " }} alone, or with text around it",
	})
	return true
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func insideQuotes(source string, at int) bool {
	for i := 0; i < at; i++ {
		switch source[i] {
		case '"', '\'', '`':
			end := quoteEnd(source[i:])
			if end < 0 || i+end > at {
				return true
			}
			i += end
		}
	}
	return false
}

// earlierVars notes a variable whose value uses one that is declared behind it, or itself.
func (k *fileCheck) earlierVars(e *Expression, later map[string]bool) {
	if e.Expr == nil {
		return
	}
	for _, name := range e.Expr.Refs()["vars"] {
		if later[name] {
			k.wholeExpr(e, "variable-order", "move its declaration up", "the variable "+name+" is not declared yet here")
		}
	}
}
