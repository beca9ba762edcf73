package expr

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// call checks what a function is called, how many arguments it gets, and the literal ones.
func (c *check) call(n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		c.method(n)
		return
	}
	f, known := functions[callee.Value]
	switch {
	case !known:
		c.unknownFunction(n, callee.Value)
		return
	case f.random && !c.opt.Noise:
		c.problem(n, "unknown-function", "", "noise() is known in simulator files only: an expression of a workflow must repeat")
		return
	}
	if msg := f.arity(len(n.Arguments)); msg != "" {
		c.problem(n, "arguments", "write "+f.signature(), "%s", msg)
	}
	c.clock = c.clock || f.clock
	for i, arg := range n.Arguments {
		text, isText := arg.(*ast.StringNode)
		if f.literal == nil || !isText {
			continue
		}
		if err := f.literal(i, text.Value); err != nil {
			c.problem(arg, "bad-literal", "", "%v", err)
		}
	}
}

// method is x.f(…) on data.
func (c *check) method(n *ast.CallNode) {
	hint := ""
	if m, ok := n.Callee.(*ast.MemberNode); ok {
		if name, ok := m.Property.(*ast.StringNode); ok {
			hint = methodHint(name.Value, c.text(m.Node))
		}
	}
	c.problem(n, "unknown-function", hint, "data has no functions of its own")
}

// methodHint turns x.length() and its kin into what we have.
func methodHint(name, base string) string {
	base = Shorten(base, 60)
	switch name {
	case "length", "size", "count":
		return fmt.Sprintf("write len(%s)", base)
	case "toLowerCase", "lower", "toLower":
		return fmt.Sprintf("write lower(%s)", base)
	case "toUpperCase", "upper", "toUpper":
		return fmt.Sprintf("write upper(%s)", base)
	case "includes", "contains":
		return fmt.Sprintf("write %s contains … for a text, … in %s for a list", base, base)
	case "startsWith", "endsWith", "matches":
		return fmt.Sprintf("write %s %s …", base, name)
	}
	if _, ok := functions[name]; ok || predicates[name] {
		return fmt.Sprintf("write %s(%s, …)", name, base)
	}
	return "write function(value)"
}

func (c *check) unknownFunction(n ast.Node, name string) {
	if other := instead[name]; other != "" {
		c.problem(n, "unknown-function", other, "there is no function %s", name)
		return
	}
	hint := "functions: " + strings.Join(functionNames(), " ")
	if guess := Closest(name, functionNames()); guess != "" {
		hint = fmt.Sprintf("did you mean %s?", guess)
	}
	c.problem(n, "unknown-function", hint, "there is no function %s", name)
}

// builtin is a function with a predicate, such as any(list, # > 3).
func (c *check) builtin(n *ast.BuiltinNode, at position) {
	if !predicates[n.Name] {
		c.unknownFunction(n, n.Name)
		return
	}
	c.builds = c.builds || n.Name == "map" || n.Name == "filter"
	if len(at.loops) >= maxLoops {
		c.problem(n, "nested-loops", "give an inner list a name with let, or split the condition",
			"%s stands inside %d others; more than %d functions over lists inside each other could take for ever",
			n.Name, len(at.loops), maxLoops)
		return
	}
	c.names(n.Arguments[0], at)
	inside := position{at.vars, append(at.loops[:len(at.loops):len(at.loops)], n.Name)}
	for _, arg := range n.Arguments[1:] {
		c.names(arg, inside)
	}
}
