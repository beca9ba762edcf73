package expr

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// The running pass: a tree for expr's machine in which every operator, member and function is a
// call of ours. The machine keeps what is left: the order of evaluation, predicates, let.

// A rewriter makes new nodes and leaves the old ones as they are.
type rewriter struct {
	number map[ast.Node]int // the place of each old node in the list of all
	vars   map[string]bool  // names that let has given
	paths  *pathList
}

// rewriteTree rewrites the first of nodes, which is the root of the others. The paths it finds are added to
// those that are known.
func rewriteTree(nodes []ast.Node, paths *pathList) ast.Node {
	r := &rewriter{number: make(map[ast.Node]int, len(nodes)), vars: make(map[string]bool), paths: paths}
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
		return r.path(n)
	case *ast.MemberNode:
		if steps, _ := pathOf(n); steps != nil && !r.vars[rootName(steps)] {
			return r.path(n)
		}
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

// path looks up a name and its members in one call; most of what an expression does is that.
func (r *rewriter) path(n ast.Node) ast.Node {
	return r.call(n, "path", &ast.ConstantNode{Value: r.paths.of(n)})
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
