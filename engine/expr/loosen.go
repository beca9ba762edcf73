package expr

import "github.com/expr-lang/expr/ast"

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
