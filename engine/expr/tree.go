package expr

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// children are the operands of a node, by position; one that is left out is nil.
func children(n ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.UnaryNode:
		return []ast.Node{n.Node}
	case *ast.BinaryNode:
		return []ast.Node{n.Left, n.Right}
	case *ast.ChainNode:
		return []ast.Node{n.Node}
	case *ast.MemberNode:
		return []ast.Node{n.Node, n.Property}
	case *ast.SliceNode:
		return []ast.Node{n.Node, n.From, n.To}
	case *ast.CallNode:
		if _, ok := n.Callee.(*ast.IdentifierNode); ok {
			return n.Arguments
		}
		return append([]ast.Node{n.Callee}, n.Arguments...)
	case *ast.BuiltinNode:
		return n.Arguments
	case *ast.PredicateNode:
		return []ast.Node{n.Node}
	case *ast.VariableDeclaratorNode:
		return []ast.Node{n.Value, n.Expr}
	case *ast.SequenceNode:
		return n.Nodes
	case *ast.ConditionalNode:
		return []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.ArrayNode:
		return n.Nodes
	case *ast.MapNode:
		return n.Pairs
	case *ast.PairNode:
		return []ast.Node{n.Key, n.Value}
	}
	return nil
}

// itself as an operand's index means the node itself.
const itself = -1

// operandNode is an operand of a node, or nil.
func operandNode(n ast.Node, index int) ast.Node {
	if n == nil || index == itself {
		return n
	}
	if list := children(n); index < len(list) {
		return list[index]
	}
	return nil
}

func isLiteral(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode:
		return true
	case *ast.UnaryNode:
		return isLiteral(n.Node)
	}
	return isNil(n)
}

// isNil is the literal nil, which may also be written as JSON and YAML write it.
func isNil(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.NilNode:
		return true
	case *ast.IdentifierNode:
		return n.Value == "null"
	}
	return false
}

// pathOf takes apart a path of literal members such as a.b[0].c: its nodes, from the name it
// begins with to the node itself, and the key of each but the first; nil if it is something else.
func pathOf(n ast.Node) (steps []ast.Node, keys []any) {
	for {
		switch step := n.(type) {
		case *ast.ChainNode:
			n = step.Node
			continue
		case *ast.IdentifierNode:
			steps = append(steps, step)
			slices.Reverse(steps)
			slices.Reverse(keys)
			return steps, keys
		case *ast.MemberNode:
			switch key := step.Property.(type) {
			case *ast.StringNode:
				keys = append(keys, key.Value)
			case *ast.IntegerNode:
				keys = append(keys, float64(key.Value))
			default:
				return nil, nil
			}
			steps = append(steps, step)
			n = step.Node
		default:
			return nil, nil
		}
	}
}

// rootName is the name that a path begins with.
func rootName(steps []ast.Node) string { return steps[0].(*ast.IdentifierNode).Value }

// listNodes is all nodes in the order of a walk from the root, and the first node that the tree
// holds twice, if any. expr shares nodes in a < b < c and a ?: b; as it then visits them twice,
// a few dozen of them inside each other would keep its checker busy for years.
func listNodes(root ast.Node) (nodes []ast.Node, shared ast.Node) {
	seen := make(map[ast.Node]bool)
	var walk func(ast.Node)
	walk = func(n ast.Node) {
		if seen[n] {
			if shared == nil {
				shared = n
			}
			return
		}
		seen[n] = true
		nodes = append(nodes, n)
		for _, child := range children(n) {
			if child != nil {
				walk(child)
			}
		}
	}
	walk(root)
	return nodes, shared
}
