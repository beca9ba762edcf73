package expr

import (
	"fmt"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
)

// A check is the strict pass over one expression.
type check struct {
	scope    *Scope
	opt      CompileOptions
	source   *sourceMap
	problems []Problem
	refs     map[string][]string
	clock    bool
	builds   bool
}

// whole is a problem of the expression as a whole.
func (c *check) whole(rule, msg, hint string) {
	c.problems = append(c.problems, Problem{0, max(len(c.source.runes), 1), rule, msg, hint})
}

func (c *check) problem(n ast.Node, rule, hint, format string, args ...any) {
	from, to := c.source.span(n)
	c.problems = append(c.problems, Problem{from, max(to-from, 1), rule, fmt.Sprintf(format, args...), hint})
}

// at is a problem of the characters from, up to and without to.
func (c *check) at(from, to int, rule, hint, format string, args ...any) {
	c.problems = append(c.problems, Problem{from, max(to-from, 1), rule, fmt.Sprintf(format, args...), hint})
}

// text is the source of a node.
func (c *check) text(n ast.Node) string { return c.source.text(n) }

// strict finds all problems it can and gives the type of the value.
func (c *check) strict(source string) Type {
	if len(source) > maxSourceBytes {
		c.whole("expression-size", fmt.Sprintf("an expression may have %d bytes at most", maxSourceBytes), "")
		return Type{}
	}
	tree, err := parse(source)
	if err != nil {
		c.syntax(err)
		return Type{}
	}
	if all, shared := listNodes(tree.Node); shared != nil {
		c.sharedNode(shared, all)
		return Type{}
	}
	c.names(tree.Node, position{})
	tree.Node = loosen(tree.Node)
	_, err = checker.Check(tree, c.scope.config())
	c.types(tree.Node)
	if err != nil && len(c.problems) == 0 {
		c.fromExpr(err)
	}
	result := valueType(tree.Node)
	if kind := kindOfNode(tree.Node); c.opt.Bool && kind != Bool && kind != Any {
		c.notBoolean(tree.Node, kind)
	}
	return result
}

// valueType is the type of a value; of one that may be one thing or another, only the kind.
func valueType(n ast.Node) Type {
	switch n := n.(type) {
	case *ast.VariableDeclaratorNode:
		return valueType(n.Expr)
	case *ast.ConditionalNode, *ast.ArrayNode, *ast.BinaryNode:
		if kind := kindOfNode(n); kind != nilKind {
			return Type{Kind: kind}
		}
	case *ast.CallNode:
		return Type{Kind: kindOfNode(n)}
	}
	return typeOf(n.Nature())
}
