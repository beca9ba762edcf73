package engine

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
)

// The running pass: a tree for expr's machine in which every operator, member and function is a
// call of ours. The machine keeps what is left: the order of evaluation, predicates, let.

// A rewriter makes new nodes and leaves the old ones as they are.
type rewriter struct {
	number map[ast.Node]int // the place of each old node in the list of all
	vars   map[string]bool  // names that let has given
}

// rewriteTree rewrites the first of nodes, which is the root of the others.
func rewriteTree(nodes []ast.Node) ast.Node {
	r := &rewriter{number: make(map[ast.Node]int, len(nodes)), vars: make(map[string]bool)}
	for i, n := range nodes {
		r.number[n] = i
	}
	return r.node(nodes[0])
}

// call is a call of an operator in place of a node. The machine reports an error with the
// location of the call; its To is the number of the node.
func (r *rewriter) call(at ast.Node, name string, args ...ast.Node) ast.Node {
	all := make([]ast.Node, 0, 1+len(args))
	all = append(append(all, &ast.IdentifierNode{Value: "$env"}), args...)
	n := &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: all}
	n.SetLocation(file.Location{From: at.Location().From, To: r.number[at]})
	return n
}

func (r *rewriter) list(nodes []ast.Node) []ast.Node {
	out := make([]ast.Node, len(nodes))
	for i, n := range nodes {
		out[i] = r.node(n)
	}
	return out
}

func (r *rewriter) node(n ast.Node) ast.Node {
	if isNil(n) {
		return &ast.NilNode{}
	}
	switch n := n.(type) {
	case *ast.IntegerNode:
		return &ast.FloatNode{Value: float64(n.Value)}
	case *ast.IdentifierNode:
		if r.vars[n.Value] {
			return &ast.IdentifierNode{Value: n.Value}
		}
		return r.call(n, "name", &ast.StringNode{Value: n.Value})
	case *ast.MemberNode:
		return r.call(n, "member", r.node(n.Node), r.node(n.Property))
	case *ast.ChainNode:
		return r.node(n.Node)
	case *ast.UnaryNode:
		return r.unary(n)
	case *ast.BinaryNode:
		return r.binary(n)
	case *ast.SliceNode:
		return r.call(n, "slice", r.node(n.Node), r.end(n.From, 0), r.end(n.To, 1<<53))
	case *ast.CallNode:
		return r.call(n, n.Callee.(*ast.IdentifierNode).Value, r.list(n.Arguments)...)
	case *ast.BuiltinNode:
		return r.predicate(n)
	case *ast.PointerNode:
		if n.Name != "" {
			return r.call(n, "float", n) // #index is an int
		}
	case *ast.ConditionalNode:
		return &ast.ConditionalNode{Ternary: n.Ternary, Cond: r.truth(n.Cond), Exp1: r.node(n.Exp1), Exp2: r.node(n.Exp2)}
	case *ast.VariableDeclaratorNode:
		value := r.node(n.Value)
		r.vars[n.Name] = true
		return &ast.VariableDeclaratorNode{Name: n.Name, Value: value, Expr: r.node(n.Expr)}
	case *ast.ArrayNode:
		return &ast.ArrayNode{Nodes: r.list(n.Nodes)}
	case *ast.MapNode:
		return &ast.MapNode{Pairs: r.list(n.Pairs)}
	case *ast.PairNode:
		return &ast.PairNode{Key: r.call(n, "key", r.node(n.Key)), Value: r.node(n.Value)}
	}
	return n // literals and #
}

func (r *rewriter) end(n ast.Node, otherwise float64) ast.Node {
	if n == nil {
		return &ast.FloatNode{Value: otherwise}
	}
	return r.node(n)
}

// truth is a node where only a boolean may stand.
func (r *rewriter) truth(n ast.Node) ast.Node { return r.call(n, "truth", r.node(n)) }

func (r *rewriter) unary(n *ast.UnaryNode) ast.Node {
	if n.Operator == "not" || n.Operator == "!" {
		return &ast.UnaryNode{Operator: "not", Node: r.truth(n.Node)}
	}
	return r.call(n, "sign", &ast.StringNode{Value: n.Operator}, r.node(n.Node))
}

func (r *rewriter) binary(n *ast.BinaryNode) ast.Node {
	switch n.Operator {
	case "and", "&&", "or", "||":
		return &ast.BinaryNode{Operator: n.Operator, Left: r.truth(n.Left), Right: r.truth(n.Right)}
	case "??":
		return &ast.BinaryNode{Operator: n.Operator, Left: r.node(n.Left), Right: r.node(n.Right)}
	case "!=":
		return &ast.UnaryNode{Operator: "not", Node: r.call(n, "==", r.node(n.Left), r.node(n.Right))}
	case "matches":
		if literal, ok := n.Right.(*ast.StringNode); ok {
			if p, err := compilePattern(literal.Value); err == nil {
				return r.call(n, "matchesLiteral", r.node(n.Left), &ast.ConstantNode{Value: p})
			}
		}
	case "+", "-", "*", "/", "%", "**", "^":
		return r.call(n, "arithmetic", &ast.StringNode{Value: n.Operator}, r.node(n.Left), r.node(n.Right))
	}
	return r.call(n, n.Operator, r.node(n.Left), r.node(n.Right))
}

// predicate keeps expr's loop over a list, but the list is ours and the predicate a boolean.
func (r *rewriter) predicate(n *ast.BuiltinNode) ast.Node {
	items := r.call(n, "items", &ast.StringNode{Value: n.Name}, r.node(n.Arguments[0]))
	if len(n.Arguments) == 1 {
		return r.call(n, n.Name, items)
	}
	body := n.Arguments[1].(*ast.PredicateNode).Node
	switch n.Name {
	case "map":
		return &ast.BuiltinNode{Name: "map", Arguments: []ast.Node{items, &ast.PredicateNode{Node: r.node(body)}}}
	case "sum":
		return r.call(n, "sum", &ast.BuiltinNode{Name: "map", Arguments: []ast.Node{items, &ast.PredicateNode{Node: r.node(body)}}})
	}
	loop := &ast.BuiltinNode{Name: n.Name, Arguments: []ast.Node{items, &ast.PredicateNode{Node: r.truth(body)}}}
	if n.Name == "count" {
		return r.call(n, "float", loop) // it counts with an int
	}
	return loop
}

// runningFunctions are all operators and functions as expr's machine calls them.
func runningFunctions() conf.FunctionsTable {
	table := conf.FunctionsTable{}
	add := func(name string, f func(ev *evaluation, args []any) (any, error)) {
		table[name] = &builtin.Function{Name: name, Func: func(args ...any) (any, error) {
			return f(args[0].(*evaluation), args[1:])
		}}
	}
	for name, f := range functions {
		add(name, f.call)
	}
	for name, f := range operators {
		add(name, f)
	}
	return table
}

// operators by the names that the rewriter gives them.
var operators = map[string]func(ev *evaluation, args []any) (any, error){
	"name":   func(ev *evaluation, args []any) (any, error) { return ev.env.Names[args[0].(string)], nil },
	"member": func(_ *evaluation, args []any) (any, error) { return member(args[0], args[1]), nil },
	"truth":  func(_ *evaluation, args []any) (any, error) { return truth(args[0]) },
	"sign":   func(_ *evaluation, args []any) (any, error) { return negate(args[0].(string), args[1]) },
	"arithmetic": func(ev *evaluation, args []any) (any, error) {
		return ev.arithmetic(args[0].(string), args[1], args[2])
	},
	"slice": func(ev *evaluation, args []any) (any, error) { return ev.slice(args[0], args[1], args[2]) },
	"..":    func(ev *evaluation, args []any) (any, error) { return ev.numbers(args[0], args[1]) },
	"==": func(ev *evaluation, args []any) (any, error) {
		same, err := ev.equal(args[0], args[1], 0)
		return same, err
	},
	"<":          func(_ *evaluation, args []any) (any, error) { return less(args[0], args[1]) },
	">":          func(_ *evaluation, args []any) (any, error) { return more(args[0], args[1]) },
	"<=":         func(_ *evaluation, args []any) (any, error) { return atMost(args[0], args[1]) },
	">=":         func(_ *evaluation, args []any) (any, error) { return atLeast(args[0], args[1]) },
	"in":         func(ev *evaluation, args []any) (any, error) { return ev.contains(args[0], args[1]) },
	"contains":   textOperator("contains", containsText),
	"startsWith": textOperator("startsWith", startsWith),
	"endsWith":   textOperator("endsWith", endsWith),
	"matches":    textOperator("matches", matchesText),
	"matchesLiteral": func(ev *evaluation, args []any) (any, error) {
		text, ok := args[0].(string)
		if !ok {
			return textOperator("matches", matchesText)(ev, []any{args[0], ""})
		}
		return args[1].(*pattern).match(ev, text)
	},
	"items": items,
	"key":   objectKey,
	"sum":   func(ev *evaluation, args []any) (any, error) { return sumOf(ev, args[0].([]any)) },
	"count": func(ev *evaluation, args []any) (any, error) { return countTrue(ev, args[0].([]any)) },
}

func textOperator(name string, run func(*evaluation, []any) (any, error)) func(*evaluation, []any) (any, error) {
	return func(ev *evaluation, args []any) (any, error) {
		for i, arg := range args {
			switch arg.(type) {
			case string:
			case nil:
				return nil, missing(i)
			case []any:
				return nil, wrong(i, arg, name+" looks at a text, not at %s; for a list use `in`: item in list")
			default:
				return nil, wrong(i, arg, name+" looks at a text, not at %s")
			}
		}
		return run(ev, args)
	}
}

// items is the list that a predicate goes over.
func items(ev *evaluation, args []any) (any, error) {
	switch list := args[1].(type) {
	case nil:
		return nil, missing(0)
	case []any:
		return list, ev.spend((1 + len(list)) * workPerItem)
	}
	return nil, wrong(0, args[1], args[0].(string)+" needs a list, not %s")
}

func objectKey(_ *evaluation, args []any) (any, error) {
	switch args[0].(type) {
	case string:
		return args[0], nil
	case nil:
		return nil, missing(0)
	}
	return nil, wrong(0, args[0], "the name of a member is a text, not %s")
}
