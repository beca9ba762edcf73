package expr

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// slips are binary operators that expr accepts but that cannot be meant; it says whether the
// right side is no expression at all.
func (c *check) slips(n *ast.BinaryNode) bool {
	switch n.Operator {
	case "-":
		return c.dashedName(n)
	case "==", "!=":
		left, chained := n.Left.(*ast.BinaryNode)
		if chained && (left.Operator == "==" || left.Operator == "!=") && !c.bracketed(left) {
			c.problem(n, "comparison-chain", fmt.Sprintf("write %s and %s %s %s", c.text(left), c.text(left.Right), n.Operator, c.text(n.Right)),
				"comparisons cannot be chained: this compares true or false with %s", c.text(n.Right))
		}
	case "matches":
		if literal, ok := n.Right.(*ast.StringNode); ok {
			if _, err := compilePattern(literal.Value); err != nil {
				c.problem(n.Right, "bad-literal", "", "%v", err)
			}
		}
	}
	return false
}

// bracketed says whether a node stands in brackets of its own.
func (c *check) bracketed(n ast.Node) bool {
	from, to := c.source.span(n)
	before := strings.TrimRight(string(c.source.runes[:from]), " \t\n")
	after := strings.TrimLeft(string(c.source.runes[to:]), " \t\n")
	return strings.HasSuffix(before, "(") && strings.HasPrefix(after, ")")
}

// dashedName is a-b where a is data and b is nothing: a member whose name has a dash.
func (c *check) dashedName(n *ast.BinaryNode) bool {
	right, ok := n.Right.(*ast.IdentifierNode)
	at := n.Location().From
	if !ok || at == 0 || at+1 >= len(c.source.runes) || c.source.runes[at-1] == ' ' || c.source.runes[at+1] == ' ' {
		return false
	}
	if _, known := c.scope.Type(right.Value); known {
		return false
	}
	left, ok := n.Left.(*ast.MemberNode)
	if !ok {
		return false
	}
	name, ok := left.Property.(*ast.StringNode)
	if ok {
		c.problem(n, "dashed-name", fmt.Sprintf("write %s[%q]", c.text(left.Node), name.Value+"-"+right.Value),
			"%s is a subtraction here", c.text(n))
	}
	return ok
}

// sharedNode is a < b < c or a ?: b, which expr reads as if a part stood there twice.
func (c *check) sharedNode(n ast.Node, all []ast.Node) {
	source := string(c.source.runes)
	if strings.Contains(strings.ReplaceAll(source, " ", ""), "?:") {
		c.problem(n, "syntax", "write a ?? b", "there is no operator ?:")
		return
	}
	var before, after *ast.BinaryNode
	for _, other := range all {
		if b, ok := other.(*ast.BinaryNode); ok && b.Right == n {
			before = b
		} else if ok && b.Left == n {
			after = b
		}
	}
	hint := ""
	if before != nil && after != nil {
		hint = fmt.Sprintf("write %s %s %s and %s %s %s", c.text(before.Left), before.Operator, c.text(n), c.text(n), after.Operator, c.text(after.Right))
	}
	c.problem(n, "comparison-chain", hint, "comparisons cannot be chained")
}
