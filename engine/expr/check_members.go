package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

func (c *check) memberTypes(n *ast.MemberNode) {
	kind := kindOfNode(n.Node)
	name, literal := n.Property.(*ast.StringNode)
	switch {
	case kind == Any || !literal && (kind == Object || kind == List):
	case kind == Object:
		c.objectMember(n, name.Value)
	case kind == List && (name.Value == "length" || name.Value == "size" || name.Value == "count"):
		c.problem(n, "unknown-member", fmt.Sprintf("write len(%s)", c.text(n.Node)), "a list has no member %s", name.Value)
	case kind == List:
		c.problem(n, "unknown-member", fmt.Sprintf("write %s[0].%s, or any(%s, #.%s …)", c.text(n.Node), name.Value, c.text(n.Node), name.Value),
			"a list has no member %s", name.Value)
	case kind == String && literal && name.Value == "length":
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
	hint := "it has: " + Shorten(strings.Join(names, ", "), 200)
	if guess := Closest(name, names); guess != "" {
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
		if kind := kindOfNode(arg); kind == nilKind {
			c.problem(arg, "arguments", "", "%s needs a value, and %s is nil", f.name, c.text(arg))
		} else if kind != Any && !want.has(kind) {
			c.problem(arg, "arguments", argumentHint(f, kind, c.text(arg)), "%s needs %s, and %s is %s", f.signature(), want, c.text(arg), kind)
		}
	}
}

// argumentHint knows the conversion that is most often forgotten.
func argumentHint(f *function, kind Kind, arg string) string {
	if kind == String && f.param(0).kinds == kinds(Time) {
		return fmt.Sprintf("write %s(time(%s))", f.name, arg)
	}
	return ""
}

func (c *check) predicateTypes(n *ast.BuiltinNode) {
	if !predicates[n.Name] || len(n.Arguments) == 0 {
		return
	}
	c.want(n.Arguments[0], kinds(List), n.Name+" needs a list, and %s is %s")
	if len(n.Arguments) < 2 {
		return
	}
	body, ok := n.Arguments[1].(*ast.PredicateNode)
	switch {
	case !ok || n.Name == "map":
	case n.Name == "sum":
		c.want(body.Node, kinds(Number, Duration), "sum adds numbers or durations, and %s is %s")
	default:
		c.want(body.Node, kinds(Bool), n.Name+" needs a condition for each item, and %s is %s")
	}
}
