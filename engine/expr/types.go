package expr

import "strings"

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
