package expr

import (
	"maps"
	"slices"

	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/conf"
)

// A Scope is what an expression at one place can see: names with their types. It is immutable and
// may be used from several goroutines, once all that is compiled in it has been: expr notes what it
// learns about a type in the type itself, and scopes made from one another share types.
//
// What expr's checker needs to know of the names is built when the scope is made, not for each
// expression: with a thousand steps that is 50 µs instead of 2 ms.
type Scope struct {
	names map[string]Type
	env   nature.Nature
}

// NewScope is a scope with these names.
func NewScope(names map[string]Type) *Scope {
	own := make(map[string]Type, len(names))
	maps.Copy(own, names)
	return &Scope{names: own, env: objectNature(own)}
}

// With is the scope with more names, for one place: twin, response, item. A name that is there
// already is hidden. It costs no more than the names it adds and the number of those at the top.
func (s *Scope) With(names map[string]Type) *Scope {
	all := maps.Clone(s.names)
	env := s.env
	env.TypeData = &nature.TypeData{Fields: maps.Clone(s.env.Fields)}
	for name, t := range names {
		all[name] = t
		env.Fields[name] = natureOf(t)
	}
	return &Scope{names: all, env: env}
}

// Names are the names of the scope in alphabetical order.
func (s *Scope) Names() []string { return slices.Sorted(maps.Keys(s.names)) }

// Type is the type of a name, and whether the scope has it.
func (s *Scope) Type(name string) (Type, bool) {
	t, ok := s.names[name]
	return t, ok
}

// config is the scope as expr's checker wants it.
func (s *Scope) config() *conf.Config {
	c := strictConfig
	c.Env = s.env
	c.Strict = true
	return &c
}
