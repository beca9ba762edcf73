package expr

import (
	"reflect"
	"time"

	"github.com/expr-lang/expr/checker/nature"
)

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
