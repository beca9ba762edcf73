package expr

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// A path is literal members of a name of the scope, as in a.b[0].c. It is all that an expression reads of its
// names: whatever else it does begins with the value of a path.
type path struct {
	root  string
	keys  []any
	place int // among the paths of the expression
}

// A pathList is the paths of an expression, each once.
type pathList []*path

// of is the path that a node is; see pathOf.
func (l *pathList) of(n ast.Node) *path {
	steps, keys := pathOf(n)
	root := rootName(steps)
	for _, p := range *l {
		if p.root == root && slices.Equal(p.keys, keys) {
			return p
		}
	}
	p := &path{root, keys, len(*l)}
	*l = append(*l, p)
	return p
}

// value is what stands at the end of the path; nil if it ends early.
func (p *path) value(env Env) any {
	value, _ := p.follow(env)
	return value
}

// follow walks the path. there is how many of its parts there are: the root and each key.
func (p *path) follow(env Env) (value any, there int) {
	if value, ok := env.Names[p.root]; ok {
		return p.from(value)
	}
	if env.bound == nil || p.place >= len(env.bound.values) { // a name that let has given is no path of the expression
		return nil, 0
	}
	value = env.bound.values[p.place]
	if early, ok := value.(endsEarly); ok {
		return nil, int(early)
	}
	return value, p.length()
}

func (p *path) from(value any) (end any, there int) {
	for i, key := range p.keys {
		found := false
		value, found = memberFound(value, key)
		if variable := i == 0 && p.root == "vars"; !found && !variable { // variables are all declared: nil is their value
			return nil, i + 1
		}
	}
	return value, p.length()
}

// length is how many parts the path has.
func (p *path) length() int { return 1 + len(p.keys) }

// endsEarly stands for the value of a path that ends after so many of its parts.
type endsEarly int
