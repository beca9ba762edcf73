package expr

import (
	"fmt"

	"github.com/expr-lang/expr/ast"
)

// A Part is a part of an expression with the value it had.
type Part struct {
	Source  string `json:"source"`
	Value   any    `json:"value"`
	Type    string `json:"type,omitempty"` // shown where types differ
	Missing bool   `json:"missing,omitempty"`
}

// A seen part is a part with its value; node is nil if it stands for another one.
type seenPart struct {
	Part
	value any
	node  ast.Node
}

// look evaluates all parts, each once, in the order of the source.
func (e *Expr) look(env Env) []seenPart {
	var out []seenPart
	have := make(map[string]bool)
	var visit func(parts []*part)
	visit = func(parts []*part) {
		for _, p := range parts {
			s, ok := e.lookAt(p, env)
			if !ok && len(p.inner) > 0 {
				visit(p.inner)
				continue
			}
			if !have[s.Source] {
				have[s.Source] = true
				out = append(out, s)
			}
		}
	}
	visit(e.parts.all())
	return out
}

// lookAt evaluates a part; a call that has no value is not ok.
func (e *Expr) lookAt(p *part, env Env) (s seenPart, ok bool) {
	s = seenPart{node: p.node, Part: Part{Source: p.source}}
	if p.program == nil {
		s.value, s.Source, s.Missing = p.follow(env, e.parts.source)
	} else {
		value, err := e.run(p.program, env)
		if err != nil {
			s.Missing = true
			return s, false
		}
		s.value = value
	}
	if value, err := ToJSON(s.value); err == nil {
		s.Value = value
	}
	return s, true
}

// follow walks a path. Where it ends early, source is the part of it that is missing.
func (p *part) follow(env Env, text *sourceMap) (value any, source string, missing bool) {
	value, there := p.path.follow(env)
	switch {
	case there == p.path.length():
		return value, p.source, false
	case there == 0:
		return nil, p.path.root, true
	}
	return nil, text.text(p.steps[there]), true
}

// Explain gives the parts of an expression with their values: paths and calls, not literals, each
// once, in the order of the source. Where == compared values of different types, Type says which.
func (e *Expr) Explain(env Env) []Part {
	parts, _ := e.unmet(env)
	return parts
}

// Why says in a sentence why a condition that is not met never will be with values like these, or
// which part of it is missing; or nothing.
func (e *Expr) Why(env Env) string {
	_, why := e.unmet(env)
	return why
}

// unmet is Explain and Why at once: most of the work of either is to read the source again.
func (e *Expr) unmet(env Env) (parts []Part, why string) {
	e = e.reading()
	seen := e.look(env)
	source := e.parts.source
	for _, n := range e.parts.equals {
		a, b, ok := typesDiffer(n, seen)
		if !ok {
			continue
		}
		for i := range seen {
			if seen[i].node == n.Left {
				seen[i].Type = kindOf(a).word()
			}
			if seen[i].node == n.Right {
				seen[i].Type = kindOf(b).word()
			}
		}
		if why == "" {
			why = fmt.Sprintf("%s is %s and %s is %s: %s and %s are never equal", source.text(n.Left), valueWord(a),
				source.text(n.Right), valueWord(b), kindOf(a).word(), kindOf(b).word())
		}
	}
	if why == "" {
		why = firstMissing(seen)
	}
	parts = make([]Part, len(seen))
	for i, s := range seen {
		parts[i] = s.Part
	}
	return parts, why
}

// typesDiffer gives the two sides of a comparison if they are of different kinds and both there.
func typesDiffer(n *ast.BinaryNode, seen []seenPart) (a, b any, differ bool) {
	a, okA := sideValue(n.Left, seen)
	b, okB := sideValue(n.Right, seen)
	return a, b, okA && okB && a != nil && b != nil && kindOf(a) != kindOf(b)
}

// sideValue is the value of a literal or of a part.
func sideValue(n ast.Node, seen []seenPart) (any, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode:
		return float64(n.Value), true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.BoolNode:
		return n.Value, true
	}
	for _, s := range seen {
		if s.node == n && !s.Missing {
			return s.value, true
		}
	}
	return nil, false
}

// firstMissing names the first part that is nil: "steps.a.twin.reported.x is missing".
func firstMissing(seen []seenPart) string {
	for _, s := range seen {
		switch {
		case s.Missing:
			return s.Source + " is missing"
		case s.value == nil:
			return s.Source + " is null"
		}
	}
	return ""
}
