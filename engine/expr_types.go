package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// expr's checker finds out what type each part has; what may stand together is decided here, by
// the language's rules and in its words.

// looseCall is a call that only the strict tree has. It hides the type of its argument, where
// expr's checker would be stricter than the language.
const looseCall = "__loose"

// loosen changes a tree so that expr's checker refuses nothing that is right.
func loosen(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if n.Value == "null" {
			return placed(n, &ast.NilNode{})
		}
	case *ast.UnaryNode:
		n.Node = loosen(n.Node)
	case *ast.BinaryNode:
		n.Left, n.Right = loosen(n.Left), loosen(n.Right)
	case *ast.ChainNode:
		n.Node = loosen(n.Node)
	case *ast.MemberNode:
		n.Node = mixed(loosen(n.Node))
		if _, literal := n.Property.(*ast.StringNode); !literal {
			n.Property = loose(loosen(n.Property)) // a whole float64 is an index, too
		}
	case *ast.SliceNode:
		n.Node = loosen(n.Node)
		if n.From != nil {
			n.From = loose(loosen(n.From))
		}
		if n.To != nil {
			n.To = loose(loosen(n.To))
		}
	case *ast.CallNode:
		loosenAll(n.Arguments)
	case *ast.BuiltinNode:
		loosenAll(n.Arguments)
		if len(n.Arguments) > 0 {
			n.Arguments[0] = mixed(n.Arguments[0])
		}
	case *ast.PredicateNode:
		n.Node = loosen(n.Node)
	case *ast.VariableDeclaratorNode:
		n.Value, n.Expr = mixed(loosen(n.Value)), loosen(n.Expr)
	case *ast.ConditionalNode:
		n.Cond, n.Exp1, n.Exp2 = loosen(n.Cond), loosen(n.Exp1), loosen(n.Exp2)
	case *ast.SequenceNode:
		loosenAll(n.Nodes)
	case *ast.ArrayNode:
		loosenAll(n.Nodes)
	case *ast.MapNode:
		loosenAll(n.Pairs)
	case *ast.PairNode:
		n.Key, n.Value = loosen(n.Key), loosen(n.Value)
	}
	return n
}

func loosenAll(nodes []ast.Node) {
	for i, n := range nodes {
		nodes[i] = loosen(n)
	}
}

// mixed hides the type of what may be one of several things: expr takes the members of one
// object for those of all.
func mixed(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.ConditionalNode, *ast.ArrayNode:
		return loose(n)
	case *ast.BinaryNode:
		if n.Operator == "??" {
			return loose(n)
		}
	}
	return n
}

func loose(n ast.Node) ast.Node {
	return placed(n, &ast.CallNode{Callee: placed(n, &ast.IdentifierNode{Value: looseCall}), Arguments: []ast.Node{n}})
}

// placed gives a new node the place of an old one.
func placed(old, n ast.Node) ast.Node {
	n.SetLocation(old.Location())
	return n
}

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
		c.want(n.Node, kinds(TypeString, TypeList), "only a text or a list can be sliced, and %s is %s")
	case *ast.CallNode:
		c.callTypes(n)
	case *ast.BuiltinNode:
		c.predicateTypes(n)
	case *ast.ConditionalNode:
		c.want(n.Cond, kinds(TypeBool), "what stands before ? must be true or false, and %s is %s")
	case *ast.PairNode:
		c.want(n.Key, kinds(TypeString), "the name of a member is a text, and %s is %s")
	}
}

func isNamed(callee ast.Node) bool {
	_, ok := callee.(*ast.IdentifierNode)
	return ok
}

// kindOfNode is what a node's value certainly is.
func kindOfNode(n ast.Node) TypeKind {
	switch n := n.(type) {
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok && functions[callee.Value] != nil {
			return functions[callee.Value].result
		}
	case *ast.BinaryNode:
		if n.Operator == "%" {
			return TypeNumber // expr wants whole numbers by type; ours all come as float64
		}
	}
	return natureKind(n.Nature())
}

// want adds a problem if a node is certainly of none of the kinds. format has a %s for the node
// and one for what it is.
func (c *check) want(n ast.Node, set kindSet, format string) bool {
	kind := kindOfNode(n)
	if kind == TypeAny || set.has(kind) {
		return true
	}
	c.problem(n, "type-mismatch", "", format, c.text(n), kind)
	return false
}

func (c *check) unaryTypes(n *ast.UnaryNode) {
	if n.Operator == "-" || n.Operator == "+" {
		c.want(n.Node, kinds(TypeNumber, TypeDuration), "only a number or a duration has a sign, and %s is %s")
		return
	}
	c.want(n.Node, kinds(TypeBool), "not needs true or false, and %s is %s")
}

func (c *check) binaryTypes(n *ast.BinaryNode) {
	operator, left, right := n.Operator, n.Left, n.Right
	a, b := kindOfNode(left), kindOfNode(right)
	switch operator {
	case "and", "&&", "or", "||":
		for _, side := range []ast.Node{left, right} {
			c.want(side, kinds(TypeBool), "both sides of "+operator+" must be true or false, and %s is %s")
		}
	case "==", "!=":
		if a != b && a != TypeAny && b != TypeAny && a != typeNil && b != typeNil {
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
		if a != TypeAny && b != TypeAny && !calculable(operator, a, b) {
			c.problem(n, "type-mismatch", calculationHint(a, b), "%s (%s) %s %s (%s) cannot be calculated", c.text(left), a, operator, c.text(right), b)
		}
	case "..":
		for _, side := range []ast.Node{left, right} {
			c.want(side, kinds(TypeNumber), "the ends of a range are whole numbers, and %s is %s")
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
		case TypeNumber:
			if _, err := strconv.ParseFloat(literal.Value, 64); err == nil {
				return literal.Value
			}
		case TypeBool:
			if literal.Value == "true" || literal.Value == "false" {
				return literal.Value
			}
		case TypeTime:
			return "time(" + c.text(n) + ")"
		case TypeDuration:
			return "duration(" + c.text(n) + ")"
		case TypeVersion:
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
	if kindOfNode(left) == TypeString && kindOfNode(right) == TypeNumber {
		return fmt.Sprintf("write %s %s %q", c.text(left), operator, c.text(right))
	}
	return ""
}

func (c *check) orderTypes(n *ast.BinaryNode, left, right ast.Node, a, b TypeKind) {
	ordered := kinds(TypeNumber, TypeString, TypeTime, TypeDuration, TypeVersion)
	const format = "%s is %s, which has no order"
	if !c.want(left, ordered, format) || !c.want(right, ordered, format) {
		return
	}
	if a != b && a != TypeAny && b != TypeAny {
		hint := c.literalHint(left, n.Operator, right)
		if hint == "" {
			hint = strings.TrimPrefix(compareHint(a, b), "; ")
		}
		c.problem(n, "type-mismatch", hint, "%s is %s and %s is %s: they cannot be compared", c.text(left), a, c.text(right), b)
	}
}

func (c *check) textTypes(operator string, left, right ast.Node) {
	if operator == "contains" && (kindOfNode(left) == TypeList || kindOfNode(right) == TypeNumber) {
		c.problem(left, "type-mismatch", fmt.Sprintf("for a list write %s in %s", c.text(right), c.text(left)),
			"contains looks for a text in a text")
		return
	}
	for _, side := range []ast.Node{left, right} {
		c.want(side, kinds(TypeString), operator+" needs texts, and %s is %s")
	}
}

func (c *check) inTypes(n, left, right ast.Node) {
	if kindOfNode(right) == TypeString {
		c.problem(n, "type-mismatch", fmt.Sprintf("write %s contains %s", c.text(right), c.text(left)),
			"in needs a list or an object on its right, and %s is a text", c.text(right))
		return
	}
	if !c.want(right, kinds(TypeList, TypeObject), "in needs a list or an object on its right, and %s is %s") {
		return
	}
	if kindOfNode(right) == TypeObject {
		c.want(left, kinds(TypeString), "the name of a member is a text, and %s is %s")
		return
	}
	item := TypeAny
	if elem := right.Nature().Ref; kindOfNode(right) == TypeList && elem != nil {
		item = natureKind(elem)
	}
	if a := kindOfNode(left); a != item && a != TypeAny && item != TypeAny && a != typeNil && item != typeNil {
		c.problem(n, "type-mismatch", "", "%s is %s and the items of %s are not: it is never in it", c.text(left), a, c.text(right))
	}
}

// calculable says whether an operator has a meaning for two kinds.
func calculable(operator string, a, b TypeKind) bool {
	switch {
	case a == TypeNumber && b == TypeNumber:
		return true
	case operator == "+":
		return a == b && (a == TypeString || a == TypeDuration) || a == TypeTime && b == TypeDuration || a == TypeDuration && b == TypeTime
	case operator == "-":
		return a == b && (a == TypeTime || a == TypeDuration) || a == TypeTime && b == TypeDuration
	case operator == "*":
		return a == TypeDuration && b == TypeNumber || a == TypeNumber && b == TypeDuration
	case operator == "/":
		return a == TypeDuration && (b == TypeNumber || b == TypeDuration)
	}
	return false
}

func calculationHint(a, b TypeKind) string {
	if a != b && (a == TypeString || b == TypeString) {
		return "write string(…) around what is to become text"
	}
	return ""
}

func (c *check) memberTypes(n *ast.MemberNode) {
	kind := kindOfNode(n.Node)
	name, literal := n.Property.(*ast.StringNode)
	switch {
	case kind == TypeAny || !literal && (kind == TypeObject || kind == TypeList):
	case kind == TypeObject:
		c.objectMember(n, name.Value)
	case kind == TypeList && (name.Value == "length" || name.Value == "size" || name.Value == "count"):
		c.problem(n, "unknown-member", fmt.Sprintf("write len(%s)", c.text(n.Node)), "a list has no member %s", name.Value)
	case kind == TypeList:
		c.problem(n, "unknown-member", fmt.Sprintf("write %s[0].%s, or any(%s, #.%s …)", c.text(n.Node), name.Value, c.text(n.Node), name.Value),
			"a list has no member %s", name.Value)
	case kind == TypeString && literal && name.Value == "length":
		c.problem(n, "unknown-member", fmt.Sprintf("write len(%s)", c.text(n.Node)), "a text has no member length")
	default:
		c.problem(n, "unknown-member", "", "%s is %s and has no members", c.text(n.Node), kind)
	}
}

func (c *check) objectMember(n *ast.MemberNode, name string) {
	nature := n.Node.Nature()
	if nature.TypeData == nil || !nature.Strict {
		return
	}
	if _, ok := nature.Fields[name]; ok {
		return
	}
	base := c.text(n.Node)
	if families[base] != "" {
		return // names has said it
	}
	names := slices.Sorted(maps.Keys(nature.Fields))
	hint := "it has: " + shorten(strings.Join(names, ", "), 200)
	if guess := closest(name, names); guess != "" {
		hint = fmt.Sprintf("did you mean %s.%s?", base, guess)
	}
	c.problem(n, "unknown-member", hint, "%s has no %s", base, name)
}

func (c *check) callTypes(n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return
	}
	f, known := functions[callee.Value]
	if !known || f.arity(len(n.Arguments)) != "" {
		return
	}
	for i, arg := range n.Arguments {
		want := f.param(i).kinds
		if kind := kindOfNode(arg); kind == typeNil {
			c.problem(arg, "arguments", "", "%s needs a value, and %s is nil", f.name, c.text(arg))
		} else if kind != TypeAny && !want.has(kind) {
			c.problem(arg, "arguments", argumentHint(f, kind, c.text(arg)), "%s needs %s, and %s is %s", f.signature(), want, c.text(arg), kind)
		}
	}
}

// argumentHint knows the conversion that is most often forgotten.
func argumentHint(f *function, kind TypeKind, arg string) string {
	if kind == TypeString && f.param(0).kinds == kinds(TypeTime) {
		return fmt.Sprintf("write %s(time(%s))", f.name, arg)
	}
	return ""
}

func (c *check) predicateTypes(n *ast.BuiltinNode) {
	if !predicates[n.Name] || len(n.Arguments) == 0 {
		return
	}
	c.want(n.Arguments[0], kinds(TypeList), n.Name+" needs a list, and %s is %s")
	if len(n.Arguments) < 2 {
		return
	}
	body, ok := n.Arguments[1].(*ast.PredicateNode)
	switch {
	case !ok || n.Name == "map":
	case n.Name == "sum":
		c.want(body.Node, kinds(TypeNumber, TypeDuration), "sum adds numbers or durations, and %s is %s")
	default:
		c.want(body.Node, kinds(TypeBool), n.Name+" needs a condition for each item, and %s is %s")
	}
}

func (c *check) notBoolean(n ast.Node, kind TypeKind) {
	hint := fmt.Sprintf("compare it with something: %s != nil", shorten(c.text(n), 60))
	if isNil(n) {
		hint = ""
	}
	c.problem(n, "not-boolean", hint, "a condition must be true or false, and %s is %s", shorten(c.text(n), 60), kind)
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
