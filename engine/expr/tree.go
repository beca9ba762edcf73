package expr

import (
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
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

// A sourceMap finds the text of a node. A node of expr knows only where its own word stands, so
// brackets are looked up.
type sourceMap struct {
	runes  []rune
	tokens []lexer.Token
	at     map[int]int // a token by its place
	match  map[int]int // the other bracket of a pair, both by their token
	done   bool
}

func newSourceMap(source string) *sourceMap { return &sourceMap{runes: []rune(source)} }

// read finds the brackets when the first text is asked for.
func (s *sourceMap) read() {
	if s.done {
		return
	}
	s.done, s.at, s.match = true, make(map[int]int), make(map[int]int)
	s.tokens, _ = lexer.Lex(file.NewSource(string(s.runes)))
	var open []int
	for i, t := range s.tokens {
		s.at[t.From] = i
		if t.Kind != lexer.Bracket {
			continue
		}
		switch t.Value {
		case "(", "[", "{":
			open = append(open, i)
		default:
			if last := len(open) - 1; last >= 0 {
				s.match[i], s.match[open[last]] = open[last], i
				open = open[:last]
			}
		}
	}
}

// text is the source of a node.
func (s *sourceMap) text(n ast.Node) string {
	from, to := s.span(n)
	return string(s.runes[from:to])
}

// span is where a node stands: the characters from, up to and without to.
func (s *sourceMap) span(n ast.Node) (from, to int) {
	s.read()
	from, to = len(s.runes), 0
	s.cover(n, &from, &to, make(map[ast.Node]bool))
	if from >= to {
		return 0, len(s.runes)
	}
	return s.balance(from, to)
}

// cover widens a span so that it holds a node and all below it. seen are the nodes it holds
// already: a tree that was not checked may hold one many times.
func (s *sourceMap) cover(n ast.Node, from, to *int, seen map[ast.Node]bool) {
	seen[n] = true
	if at := n.Location(); ownsPlace(n) && at.To <= len(s.runes) {
		*from, *to = min(*from, at.From), max(*to, at.To)
		if item, ok := n.(*ast.PointerNode); ok {
			*to = max(*to, at.To+len([]rune(item.Name)))
		}
		if i, ok := s.at[at.From]; ok {
			if end, ok := s.match[s.bracketOf(n, i)]; ok {
				*to = max(*to, s.tokens[end].To)
			}
		}
	}
	for _, child := range children(n) {
		if child != nil && !seen[child] {
			s.cover(child, from, to, seen)
		}
	}
}

// ownsPlace says whether a node's location is a word of its own.
func ownsPlace(n ast.Node) bool {
	switch n.(type) {
	case *ast.ConditionalNode, *ast.PairNode, *ast.SequenceNode, *ast.PredicateNode:
		return false
	}
	return true
}

// bracketOf is the token of the bracket that a node opens, or -1.
func (s *sourceMap) bracketOf(n ast.Node, token int) int {
	switch n.(type) {
	case *ast.CallNode, *ast.BuiltinNode:
		return token + 1
	case *ast.MemberNode, *ast.SliceNode, *ast.ArrayNode, *ast.MapNode:
		if s.tokens[token].Kind == lexer.Bracket {
			return token
		}
	}
	return -1
}

// balance widens a span that holds one bracket of a pair so that it holds the other.
func (s *sourceMap) balance(from, to int) (int, int) {
	for i, t := range s.tokens {
		if t.From < from || t.To > to {
			continue
		}
		if other, ok := s.match[i]; ok {
			from, to = min(from, s.tokens[other].From), max(to, s.tokens[other].To)
		}
	}
	return from, to
}
