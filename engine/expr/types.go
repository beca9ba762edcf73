package expr

import (
	"maps"
	"math"
	"strings"
	"time"
)

// A Type is what is known of a value before the run.
type Type struct {
	Kind   Kind
	Fields map[string]Type // of an Object: its members; nil: any
	Elem   *Type           // of a List: its items; nil: any
}

// A Kind is the coarse type of a value.
type Kind int

const (
	Any Kind = iota
	Bool
	Number
	String
	Time
	Duration
	Object
	List
	Version // what semver(text) gives
	nilKind // nil itself; no value that is there has it
)

var typeWords = [...]string{
	"any value", "a boolean", "a number", "a text", "a time", "a duration", "an object", "a list", "a version", "nil",
}

// String names the kind as people say it: "a number".
func (k Kind) String() string { return typeWords[k] }

// word is the kind without its article, for Part.Type: "number".
func (k Kind) word() string {
	_, word, found := strings.Cut(k.String(), " ")
	if !found {
		return k.String()
	}
	return word
}

// ObjectType is an object with just these members.
func ObjectType(members map[string]Type) Type { return Type{Kind: Object, Fields: members} }

// ListType is a list of such items.
func ListType(item Type) Type { return Type{Kind: List, Elem: &item} }

// TwinType is what an expression sees of a device twin. When something changed is not a member:
// lastUpdated reads it.
func TwinType() Type {
	return ObjectType(map[string]Type{
		"deviceId": {Kind: String}, "connectionState": {Kind: String}, "status": {Kind: String},
		"tags": {Kind: Object}, "desired": {Kind: Object}, "reported": {Kind: Object},
		"desiredVersion": {Kind: Number}, "reportedVersion": {Kind: Number}, "etag": {Kind: String},
	})
}

// RunType is the name run.
func RunType() Type {
	return ObjectType(map[string]Type{
		"id": {Kind: String}, "workflow": {Kind: String}, "startedAt": {Kind: Time}, "trigger": {},
	})
}

// ErrorType is the name error, and a step's error.
func ErrorType() Type {
	return ObjectType(map[string]Type{
		"kind": {Kind: String}, "message": {Kind: String}, "step": {Kind: String},
		"device": {Kind: String}, "maybeDone": {Kind: Bool},
	})
}

// DeviceType is the name device.
func DeviceType() Type {
	return ObjectType(map[string]Type{"id": {Kind: String}, "tags": {Kind: Object}})
}

// StepResultType is steps.<id> of a step whose action has these outputs.
func StepResultType(outputs map[string]Type) Type {
	members := map[string]Type{
		"outcome": {Kind: String}, "error": ErrorType(),
		"startedAt": {Kind: Time}, "finishedAt": {Kind: Time}, "attempts": {Kind: Number},
	}
	maps.Copy(members, outputs)
	return ObjectType(members)
}

// kindOf is the kind of a value while a run is under way; Any is no value of ours.
func kindOf(value any) Kind {
	switch value.(type) {
	case nil:
		return nilKind
	case bool:
		return Bool
	case float64, int, int64:
		return Number
	case string:
		return String
	case time.Time:
		return Time
	case time.Duration:
		return Duration
	case map[string]any, Getter:
		return Object
	case []any:
		return List
	case version:
		return Version
	}
	return Any
}

// number is a value of kind Number as float64, what all numbers are in JSON.
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
	case Number:
		return Describe(number(value))
	case Version:
		return "the version " + value.(version).text
	case Object:
		return "an object"
	}
	return Describe(value)
}

// A kindSet is the kinds that a place accepts; zero accepts every value, even nil.
type kindSet uint16

func kinds(list ...Kind) kindSet {
	var set kindSet
	for _, k := range list {
		set |= 1 << k
	}
	return set
}

func (s kindSet) has(k Kind) bool { return s == 0 || s&(1<<k) != 0 }

// String lists the kinds: "a text, a list or an object".
func (s kindSet) String() string {
	var words []string
	for k := Bool; k < nilKind; k++ {
		if s&(1<<k) != 0 {
			words = append(words, k.String())
		}
	}
	return OrList(words)
}
