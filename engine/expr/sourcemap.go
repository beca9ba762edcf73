package expr

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

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
