package query

import (
	"cmp"
	"math"
	"strings"
)

// An Object is something with members: a document, or an object inside one that is built only
// when a query looks at it. A document is asked for its first-level members in the spelling of
// the service ("deviceId"), whatever the query wrote.
//
// A member's value is JSON as encoding/json decodes it (map[string]any, []any, string, float64,
// bool, nil) or an Object. Other types, int among them, are taken for missing in conditions.
type Object interface {
	Member(name string) (value any, ok bool)
}

// A Map is an Object whose members are all at hand.
type Map map[string]any

// Member looks name up in the map.
func (m Map) Member(name string) (any, bool) {
	v, ok := m[name]
	return v, ok
}

// undefined is the value of a missing member and of whatever was computed from one.
var undefined any = undefinedValue{}

type undefinedValue struct{}

type kind int

// Kinds of values; the primitive ones in the order in which MIN and MAX see them.
const (
	kindUndefined kind = iota
	kindNull
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

func kindOf(v any) kind {
	switch v.(type) {
	case nil:
		return kindNull
	case bool:
		return kindBool
	case float64:
		return kindNumber
	case string:
		return kindString
	case []any:
		return kindArray
	case map[string]any, Object:
		return kindObject
	default:
		return kindUndefined
	}
}

// primitive reports whether values of kind k can be compared; Azure compares no objects and no
// arrays.
func (k kind) primitive() bool { return kindNull <= k && k <= kindString }

// compare orders two primitives: by kind, then by value. Strings go by code point, which is what
// comparing their UTF-8 bytes does.
func compare(a, b any) int {
	if d := cmp.Compare(kindOf(a), kindOf(b)); d != 0 {
		return d
	}
	switch a := a.(type) {
	case string:
		return strings.Compare(a, b.(string))
	case float64:
		return cmp.Compare(a, b.(float64))
	case bool:
		return cmp.Compare(truth(a), truth(b.(bool)))
	default:
		return 0
	}
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// finite is f as a value. JSON has no infinity and no NaN, so those are undefined.
func finite(f float64) any {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return undefined
	}
	return f
}

// memberOf looks name up in a value; only objects have members.
func memberOf(v any, name string) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		m, ok := v[name]
		return m, ok
	case Object:
		return v.Member(name)
	default:
		return nil, false
	}
}
