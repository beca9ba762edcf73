package engine

import (
	"maps"
	"math"
	"strings"
	"time"
)

// A Type is what is known of a value before the run.
type Type struct {
	Kind   TypeKind
	Fields map[string]Type // of TypeObject: its members; nil: any
	Elem   *Type           // of TypeList: its items; nil: any
}

// A TypeKind is the coarse type of a value.
type TypeKind int

const (
	TypeAny TypeKind = iota
	TypeBool
	TypeNumber
	TypeString
	TypeTime
	TypeDuration
	TypeObject
	TypeList
	TypeVersion // what semver(text) gives
	typeNil     // nil itself; no value that is there has it
)

var typeWords = [...]string{
	"any value", "a boolean", "a number", "a text", "a time", "a duration", "an object", "a list", "a version", "nil",
}

// String names the kind as people say it: "a number".
func (k TypeKind) String() string { return typeWords[k] }

// word is the kind without its article, for Part.Type: "number".
func (k TypeKind) word() string {
	_, word, found := strings.Cut(k.String(), " ")
	if !found {
		return k.String()
	}
	return word
}

// ObjectType is an object with just these members.
func ObjectType(members map[string]Type) Type { return Type{Kind: TypeObject, Fields: members} }

// ListType is a list of such items.
func ListType(item Type) Type { return Type{Kind: TypeList, Elem: &item} }

// TwinType is what an expression sees of a device twin. When something changed is not a member:
// lastUpdated reads it.
func TwinType() Type {
	return ObjectType(map[string]Type{
		"deviceId": {Kind: TypeString}, "connectionState": {Kind: TypeString}, "status": {Kind: TypeString},
		"tags": {Kind: TypeObject}, "desired": {Kind: TypeObject}, "reported": {Kind: TypeObject},
		"desiredVersion": {Kind: TypeNumber}, "reportedVersion": {Kind: TypeNumber}, "etag": {Kind: TypeString},
	})
}

// RunType is the name run.
func RunType() Type {
	return ObjectType(map[string]Type{
		"id": {Kind: TypeString}, "workflow": {Kind: TypeString}, "startedAt": {Kind: TypeTime}, "trigger": {},
	})
}

// ErrorType is the name error, and a step's error.
func ErrorType() Type {
	return ObjectType(map[string]Type{
		"kind": {Kind: TypeString}, "message": {Kind: TypeString}, "step": {Kind: TypeString},
		"device": {Kind: TypeString}, "maybeDone": {Kind: TypeBool},
	})
}

// DeviceType is the name device.
func DeviceType() Type {
	return ObjectType(map[string]Type{"id": {Kind: TypeString}, "tags": {Kind: TypeObject}})
}

// StepResultType is steps.<id> of a step whose action has these outputs.
func StepResultType(outputs map[string]Type) Type {
	members := map[string]Type{
		"outcome": {Kind: TypeString}, "error": ErrorType(),
		"startedAt": {Kind: TypeTime}, "finishedAt": {Kind: TypeTime}, "attempts": {Kind: TypeNumber},
	}
	maps.Copy(members, outputs)
	return ObjectType(members)
}

// kindOf is the kind of a value while a run is under way; TypeAny is no value of ours.
func kindOf(value any) TypeKind {
	switch value.(type) {
	case nil:
		return typeNil
	case bool:
		return TypeBool
	case float64, int, int64:
		return TypeNumber
	case string:
		return TypeString
	case time.Time:
		return TypeTime
	case time.Duration:
		return TypeDuration
	case map[string]any, Getter:
		return TypeObject
	case []any:
		return TypeList
	case version:
		return TypeVersion
	}
	return TypeAny
}

// number is a value of TypeNumber as float64, what all numbers are in JSON.
func number(value any) float64 {
	switch value := value.(type) {
	case float64:
		return value
	case int:
		return float64(value)
	case int64:
		return float64(value)
	}
	return math.NaN()
}

// valueWord says what a value is: "the number 3", "the version 1.2.0".
func valueWord(value any) string {
	switch kindOf(value) {
	case TypeNumber:
		return kindWord(number(value))
	case TypeVersion:
		return "the version " + value.(version).text
	case TypeObject:
		return "an object"
	}
	return kindWord(value)
}

// A kindSet is the kinds that a place accepts; zero accepts every value, even nil.
type kindSet uint16

func kinds(list ...TypeKind) kindSet {
	var set kindSet
	for _, k := range list {
		set |= 1 << k
	}
	return set
}

func (s kindSet) has(k TypeKind) bool { return s == 0 || s&(1<<k) != 0 }

// String lists the kinds: "a text, a list or an object".
func (s kindSet) String() string {
	var words []string
	for k := TypeBool; k < typeNil; k++ {
		if s&(1<<k) != 0 {
			words = append(words, k.String())
		}
	}
	return orList(words)
}
