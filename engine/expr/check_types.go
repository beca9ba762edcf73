package expr

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// expr's checker finds out what type each part has; what may stand together is decided here, by
// the language's rules and in its words.

// types judges every node below n by the types that expr's checker found.
func (c *check) types(n ast.Node) {
	if call, ok := n.(*ast.CallNode); ok && !isNamed(call.Callee) {
		return // names has refused it
	}
	for _, child := range children(n) {
		if child != nil {
			c.types(child)
		}
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		c.unaryTypes(n)
	case *ast.BinaryNode:
		c.binaryTypes(n)
	case *ast.MemberNode:
		c.memberTypes(n)
	case *ast.SliceNode:
		c.want(n.Node, kinds(String, List), "only a text or a list can be sliced, and %s is %s")
	case *ast.CallNode:
		c.callTypes(n)
	case *ast.BuiltinNode:
		c.predicateTypes(n)
	case *ast.ConditionalNode:
		c.want(n.Cond, kinds(Bool), "what stands before ? must be true or false, and %s is %s")
	case *ast.PairNode:
		c.want(n.Key, kinds(String), "the name of a member is a text, and %s is %s")
	}
}

func isNamed(callee ast.Node) bool {
	_, ok := callee.(*ast.IdentifierNode)
	return ok
}

// kindOfNode is what a node's value certainly is.
func kindOfNode(n ast.Node) Kind {
	switch n := n.(type) {
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok && functions[callee.Value] != nil {
			return functions[callee.Value].result
		}
	case *ast.BinaryNode:
		if n.Operator == "%" {
			return Number // expr wants whole numbers by type; ours all come as float64
		}
	}
	return natureKind(n.Nature())
}

// want adds a problem if a node is certainly of none of the kinds. format has a %s for the node
// and one for what it is.
func (c *check) want(n ast.Node, set kindSet, format string) bool {
	kind := kindOfNode(n)
	if kind == Any || set.has(kind) {
		return true
	}
	c.problem(n, "type-mismatch", "", format, c.text(n), kind)
	return false
}

func (c *check) unaryTypes(n *ast.UnaryNode) {
	if n.Operator == "-" || n.Operator == "+" {
		c.want(n.Node, kinds(Number, Duration), "only a number or a duration has a sign, and %s is %s")
		return
	}
	c.want(n.Node, kinds(Bool), "not needs true or false, and %s is %s")
}

func (c *check) binaryTypes(n *ast.BinaryNode) {
	operator, left, right := n.Operator, n.Left, n.Right
	a, b := kindOfNode(left), kindOfNode(right)
	switch operator {
	case "and", "&&", "or", "||":
		for _, side := range []ast.Node{left, right} {
			c.want(side, kinds(Bool), "both sides of "+operator+" must be true or false, and %s is %s")
		}
	case "==", "!=":
		if a != b && a != Any && b != Any && a != nilKind && b != nilKind {
			c.problem(n, "type-mismatch", c.literalHint(left, operator, right), "%s is %s and %s is %s: they are never equal",
				c.text(left), a, c.text(right), b)
		}
	case "<", ">", "<=", ">=":
		c.orderTypes(n, left, right, a, b)
	case "contains", "startsWith", "endsWith", "matches":
		c.textTypes(operator, left, right)
	case "in":
		c.inTypes(n, left, right)
	case "+", "-", "*", "/", "%", "**", "^":
		if zero, ok := right.(*ast.IntegerNode); ok && zero.Value == 0 && (operator == "/" || operator == "%") {
			c.problem(right, "bad-literal", "", "nothing can be divided by zero")
		}
		if a != Any && b != Any && !calculable(operator, a, b) {
			c.problem(n, "type-mismatch", calculationHint(a, b), "%s (%s) %s %s (%s) cannot be calculated", c.text(left), a, operator, c.text(right), b)
		}
	case "..":
		for _, side := range []ast.Node{left, right} {
			c.want(side, kinds(Number), "the ends of a range are whole numbers, and %s is %s")
		}
	}
}

// literalHint writes a comparison of a number with a text that holds one, or a boolean, as it was meant.
func (c *check) literalHint(left ast.Node, operator string, right ast.Node) string {
	plain := func(n, other ast.Node) string {
		literal, ok := n.(*ast.StringNode)
		if !ok {
			return ""
		}
		switch kindOfNode(other) {
		case Number:
			if _, err := strconv.ParseFloat(literal.Value, 64); err == nil {
				return literal.Value
			}
		case Bool:
			if literal.Value == "true" || literal.Value == "false" {
				return literal.Value
			}
		case Time:
			return "time(" + c.text(n) + ")"
		case Duration:
			return "duration(" + c.text(n) + ")"
		case Version:
			return "semver(" + c.text(n) + ")"
		}
		return ""
	}
	if text := plain(right, left); text != "" {
		return fmt.Sprintf("write %s %s %s", c.text(left), operator, text)
	}
	if text := plain(left, right); text != "" {
		return fmt.Sprintf("write %s %s %s", text, operator, c.text(right))
	}
	if kindOfNode(left) == String && kindOfNode(right) == Number {
		return fmt.Sprintf("write %s %s %q", c.text(left), operator, c.text(right))
	}
	return ""
}

func (c *check) orderTypes(n *ast.BinaryNode, left, right ast.Node, a, b Kind) {
	ordered := kinds(Number, String, Time, Duration, Version)
	const format = "%s is %s, which has no order"
	if !c.want(left, ordered, format) || !c.want(right, ordered, format) {
		return
	}
	if a != b && a != Any && b != Any {
		hint := c.literalHint(left, n.Operator, right)
		if hint == "" {
			hint = strings.TrimPrefix(compareHint(a, b), "; ")
		}
		c.problem(n, "type-mismatch", hint, "%s is %s and %s is %s: they cannot be compared", c.text(left), a, c.text(right), b)
	}
}

func (c *check) textTypes(operator string, left, right ast.Node) {
	if operator == "contains" && (kindOfNode(left) == List || kindOfNode(right) == Number) {
		c.problem(left, "type-mismatch", fmt.Sprintf("for a list write %s in %s", c.text(right), c.text(left)),
			"contains looks for a text in a text")
		return
	}
	for _, side := range []ast.Node{left, right} {
		c.want(side, kinds(String), operator+" needs texts, and %s is %s")
	}
}

func (c *check) inTypes(n, left, right ast.Node) {
	if kindOfNode(right) == String {
		c.problem(n, "type-mismatch", fmt.Sprintf("write %s contains %s", c.text(right), c.text(left)),
			"in needs a list or an object on its right, and %s is a text", c.text(right))
		return
	}
	if !c.want(right, kinds(List, Object), "in needs a list or an object on its right, and %s is %s") {
		return
	}
	if kindOfNode(right) == Object {
		c.want(left, kinds(String), "the name of a member is a text, and %s is %s")
		return
	}
	item := Any
	if elem := right.Nature().Ref; kindOfNode(right) == List && elem != nil {
		item = natureKind(elem)
	}
	if a := kindOfNode(left); a != item && a != Any && item != Any && a != nilKind && item != nilKind {
		c.problem(n, "type-mismatch", "", "%s is %s and the items of %s are not: it is never in it", c.text(left), a, c.text(right))
	}
}

// calculable says whether an operator has a meaning for two kinds.
func calculable(operator string, a, b Kind) bool {
	switch {
	case a == Number && b == Number:
		return true
	case operator == "+":
		return a == b && (a == String || a == Duration) || a == Time && b == Duration || a == Duration && b == Time
	case operator == "-":
		return a == b && (a == Time || a == Duration) || a == Time && b == Duration
	case operator == "*":
		return a == Duration && b == Number || a == Number && b == Duration
	case operator == "/":
		return a == Duration && (b == Number || b == Duration)
	}
	return false
}

func calculationHint(a, b Kind) string {
	if a != b && (a == String || b == String) {
		return "write string(…) around what is to become text"
	}
	return ""
}

func (c *check) notBoolean(n ast.Node, kind Kind) {
	hint := fmt.Sprintf("compare it with something: %s != nil", Shorten(c.text(n), 60))
	if isNil(n) {
		hint = ""
	}
	c.problem(n, "not-boolean", hint, "a condition must be true or false, and %s is %s", Shorten(c.text(n), 60), kind)
}

// fromExpr passes on what only expr's checker objects to. It is stricter about operators, and
// does not let map give nil.
func (c *check) fromExpr(err error) {
	var e *file.Error
	if !errors.As(err, &e) {
		c.whole("expression", firstLine(err.Error()), "")
		return
	}
	if strings.HasPrefix(e.Message, "invalid operation: ") || strings.HasPrefix(e.Message, "predicate should") {
		return
	}
	c.at(e.From, e.From+1, "expression", "", "%s", e.Message)
}
