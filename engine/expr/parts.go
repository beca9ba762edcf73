package expr

import (
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// A partList is what explains an expression: its parts whose values are worth showing. It is
// made from the tree as written, for one reader.
type partList struct {
	source *sourceMap
	paths  pathList          // of the expression
	nodes  []ast.Node        // all, in the order that the machine's errors count
	parts  []*part           // after all
	equals []*ast.BinaryNode // after all: == and != outside of predicates
}

// A part is a path of members, or a call with all that stands in it.
type part struct {
	node    ast.Node
	source  string
	path    *path       // nil: a call
	steps   []ast.Node  // of a path: its nodes from the root on
	program *vm.Program // of a call
	inner   []*part     // of a call: what to show if it has no value
}

func newPartList(source string, paths pathList) *partList {
	l := &partList{source: newSourceMap(source), paths: slices.Clip(paths)}
	tree, err := parse(source)
	if err != nil {
		return l // cannot be: it was compiled
	}
	l.nodes, _ = listNodes(tree.Node)
	return l
}

// all are the parts. An error needs none of them, so they are not made before.
func (l *partList) all() []*part {
	if l.parts == nil && len(l.nodes) > 0 {
		l.parts = l.collect(l.nodes[0], nil)
	}
	return l.parts
}

// collect finds the parts below a node; vars are the names that let has given.
func (l *partList) collect(n ast.Node, vars []string) []*part {
	if isLiteral(n) {
		return nil
	}
	if p := l.path(n, vars); p != nil {
		return []*part{p}
	}
	switch n := n.(type) {
	case *ast.CallNode, *ast.SliceNode, *ast.MemberNode:
		return l.call(n, vars)
	case *ast.BuiltinNode:
		switch n.Name {
		case "any", "all", "none", "one":
		default:
			return l.call(n, vars)
		}
	case *ast.VariableDeclaratorNode:
		return append(l.collect(n.Value, vars), l.collect(n.Expr, append(slices.Clone(vars), n.Name))...)
	case *ast.BinaryNode:
		if (n.Operator == "==" || n.Operator == "!=") && !local(n, vars, 0) {
			l.equals = append(l.equals, n)
		}
	}
	return l.inside(n, vars)
}

func (l *partList) inside(n ast.Node, vars []string) []*part {
	var parts []*part
	for _, child := range children(n) {
		if child != nil {
			parts = append(parts, l.collect(child, vars)...)
		}
	}
	return parts
}

// path is a path of members from a name of the scope, or nil.
func (l *partList) path(n ast.Node, vars []string) *part {
	steps, _ := pathOf(n)
	if steps == nil || slices.Contains(vars, rootName(steps)) {
		return nil
	}
	return &part{node: n, source: l.source.text(n), path: l.paths.of(n), steps: steps}
}

// call is a part that has to be computed. One that depends on the item of a predicate has no
// value of its own, and one of literals only is no news.
func (l *partList) call(n ast.Node, vars []string) []*part {
	inner := l.inside(n, vars)
	if local(n, vars, 0) || len(inner) == 0 && !readsClock(n) {
		return inner
	}
	nodes, _ := listNodes(n)
	program, err := compiler.Compile(&parser.Tree{Node: rewriteTree(nodes, &l.paths), Source: file.NewSource("")}, runConfig())
	if err != nil {
		return inner
	}
	return []*part{{node: n, source: l.source.text(n), program: program, inner: inner}}
}

func readsClock(n ast.Node) bool {
	call, ok := n.(*ast.CallNode)
	if !ok {
		return false
	}
	callee, ok := call.Callee.(*ast.IdentifierNode)
	return ok && functions[callee.Value] != nil && functions[callee.Value].clock
}

// local says whether a node depends on # of a predicate around it, or on let.
func local(n ast.Node, vars []string, loops int) bool {
	switch n := n.(type) {
	case *ast.PointerNode:
		return loops == 0
	case *ast.IdentifierNode:
		return slices.Contains(vars, n.Value)
	case *ast.PredicateNode:
		loops++
	}
	for _, child := range children(n) {
		if child != nil && local(child, vars, loops) {
			return true
		}
	}
	return false
}
