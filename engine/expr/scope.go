package expr

import (
	"maps"
	"reflect"
	"slices"
	"time"

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

var (
	goAny      = reflect.TypeFor[any]()
	goBool     = reflect.TypeFor[bool]()
	goNumber   = reflect.TypeFor[float64]()
	goString   = reflect.TypeFor[string]()
	goTime     = reflect.TypeFor[time.Time]()
	goDuration = reflect.TypeFor[time.Duration]()
	goObject   = reflect.TypeFor[map[string]any]()
	goList     = reflect.TypeFor[[]any]()
)

// goTypes says how a kind looks to expr's checker. Numbers are floats, as JSON has them; versions,
// which it cannot compare, are anything.
var goTypes = [...]reflect.Type{goAny, goBool, goNumber, goString, goTime, goDuration, goObject, goList, goAny}

// natureOf is a type as expr's checker describes it.
func natureOf(t Type) nature.Nature {
	switch t.Kind {
	case Any, Version:
		return nature.Nature{}
	case Object:
		return objectNature(t.Fields)
	case List:
		n := nature.FromType(goList)
		if t.Elem != nil {
			elem := natureOf(*t.Elem)
			n.Ref = &elem
		}
		return n
	}
	return nature.FromType(goTypes[t.Kind])
}

// objectNature is an object with just these members; nil: with any.
func objectNature(members map[string]Type) nature.Nature {
	n := nature.FromType(goObject)
	n.TypeData = &nature.TypeData{}
	if members == nil {
		return n
	}
	n.Strict = true
	n.Fields = make(map[string]nature.Nature, len(members))
	for name, t := range members {
		n.Fields[name] = natureOf(t)
	}
	return n
}

// natureKind is the kind that expr's checker found out about an expression.
func natureKind(n *nature.Nature) Kind {
	switch {
	case n.Nil:
		return nilKind
	case n.Type == nil:
		return Any
	case n.IsNumber():
		return Number
	case n.IsTime():
		return Time
	case n.IsDuration():
		return Duration
	}
	switch n.Kind {
	case reflect.Bool:
		return Bool
	case reflect.String:
		return String
	case reflect.Map:
		return Object
	case reflect.Slice, reflect.Array:
		return List
	}
	return Any
}

// typeOf is all that expr's checker found out about an expression.
func typeOf(n *nature.Nature) Type {
	t := Type{Kind: natureKind(n)}
	switch {
	case t.Kind == Object && n.TypeData != nil && n.Strict:
		t.Fields = make(map[string]Type, len(n.Fields))
		for name, member := range n.Fields {
			t.Fields[name] = typeOf(&member)
		}
	case t.Kind == List && n.Ref != nil:
		elem := typeOf(n.Ref)
		t.Elem = &elem
	case t.Kind == nilKind:
		return Type{}
	}
	return t
}
