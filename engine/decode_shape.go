package engine

import (
	"regexp"
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

// A Shape says what may stand at a place of a file. The decoder and the JSON Schema both follow
// it, so they cannot disagree. It has Keys, Map, List or Either, or it is a leaf of a Kind.
type Shape struct {
	Name string // of a shape that stands in itself or in several places: its name in the schema
	What string // in "expected …": "a list of steps"; empty: made from the rest
	Doc  string // one or two sentences

	Keys    []Key    // a mapping with these keys
	Leading string   // of a whole file: the key that says what it is
	Short   string   // the key that a value which is no mapping stands for
	OneKey  []string // exactly one of these keys must be there
	OneWhat string   // what OneKey is: "action"
	Private bool     // a text in its place is a secret by mistake, and is not shown
	OneIn   string   // what the mapping is: "step"

	Mistakes []Mistake // keys that people write here by mistake

	Map     *Shape // a mapping of free names to this
	Names   string // what its names are: "input"; they must be identifiers unless AnyName
	AnyName bool

	List     *Shape // a list of this
	NotEmpty bool   // of a list or a text

	Either []*Shape // whichever fits the way the value is written: list, mapping or text

	Kind     FieldKind      // of a leaf
	Literal  bool           // no ${{ }} may stand in it
	Const    any            // the only value: 1
	OneOf    []string       // the only texts
	Pattern  *regexp.Regexp // of a literal text: what it matches
	Instead  string         // what to write where it does not match; empty: whoever reads the text says so
	IsName   bool           // a text that expressions use as a name: letters, digits and _
	Min, Max *float64
	Sees     []string // of a condition: names beside the usual ones

	nests bool // a list of steps: it counts towards the depth of blocks
}

// A Key is a key of a mapping.
type Key struct {
	Name     string
	Doc      string
	Shape    *Shape
	Required bool
	Needs    []string // keys that must stand beside it
	Sample   string   // of a required one: what to write where it is missing; may be empty
}

// A Mistake is a key that people write where there is none.
type Mistake struct {
	Key  string
	For  string // the key that they mean; empty: none of this mapping
	Hint string // what to write; VALUE stands for what stands behind the key
}

// Identifier is what a name must look like so that an expression can use it.
const Identifier = `[A-Za-z_][A-Za-z0-9_]*`

// Text is literal text that keeps its source: 3.10 stays "3.10".
func Text(doc string) *Shape { return &Shape{Kind: KindText, Literal: true, Doc: doc} }

// Name is literal text that is not empty.
func Name(doc string) *Shape { return &Shape{Kind: KindText, Literal: true, NotEmpty: true, Doc: doc} }

// OneOf is one of a few literal texts.
func OneOf(doc string, words ...string) *Shape {
	return &Shape{Kind: KindText, Literal: true, OneOf: words, Doc: doc}
}

// Version is the key that every file begins with.
func Version() Key {
	return Key{Name: "version", Required: true, Doc: "The version of the language.", Shape: &Shape{Const: 1.0, Kind: KindInt, Literal: true}}
}

// KeyNames are the keys of a mapping in order.
func (s *Shape) KeyNames() []string {
	names := make([]string, len(s.Keys))
	for i, k := range s.Keys {
		names[i] = k.Name
	}
	return names
}

func (s *Shape) key(name string) *Key {
	for i := range s.Keys {
		if s.Keys[i].Name == name {
			return &s.Keys[i]
		}
	}
	return nil
}

// expected names what may stand here, for "expected …".
func (s *Shape) expected() string {
	switch {
	case s.What != "":
		return s.What
	case s.Keys != nil:
		return "a mapping with " + expr.OrList(s.KeyNames()[:min(4, len(s.Keys))])
	case s.Map != nil:
		return "a mapping of " + s.Names + "s"
	case s.List != nil:
		return "a list"
	case s.Either != nil:
		var words []string
		for _, e := range s.Either {
			words = append(words, e.expected())
		}
		return expr.OrList(words)
	case len(s.OneOf) > 0:
		return expr.OrList(s.OneOf)
	}
	return kindExpected[s.Kind]
}

var kindExpected = map[FieldKind]string{
	KindText: "text", KindInt: "a whole number", KindNumber: "a number", KindBool: "true or false",
	KindDuration: "a duration like 60s", KindTime: "a time like 2026-03-01T02:30:00Z", KindAny: "a value",
	KindObject: "a mapping", KindTextMap: "a mapping of texts", KindTextList: "a list of texts",
	KindQuery: "a query", KindURL: "a URL", KindCond: "an expression", KindChecks: "an expression or a list of them",
	KindNames: "a mapping of names and values",
}

// A Decoded is a part of a file that has been held against its Shape. Its methods work on nil,
// which stands for an absent or wrong part.
type Decoded struct {
	file    *File
	node    *yamlNode
	shape   *Shape
	entries []Named[*Decoded] // of Keys and Map
	items   []*Decoded        // of List
	value   *Value            // of a leaf
	cond    *Expression       // of a condition
}

// Pos is where the part begins.
func (d *Decoded) Pos() Pos {
	if d == nil {
		return Pos{}
	}
	return d.file.pos(d.node)
}

// Get is the part under a key.
func (d *Decoded) Get(key string) *Decoded {
	if d == nil {
		return nil
	}
	for _, e := range d.entries {
		if e.Name == key {
			return e.Value
		}
	}
	return nil
}

// Has says whether a key was written, even if what stands there is wrong.
func (d *Decoded) Has(key string) bool {
	return d != nil && d.node.kind == nodeMap && d.node.get(key) != nil
}

// Entries are the names and parts of a mapping in the order of the file.
func (d *Decoded) Entries() []Named[*Decoded] {
	if d == nil {
		return nil
	}
	return d.entries
}

// Items are the parts of a list.
func (d *Decoded) Items() []*Decoded {
	if d == nil {
		return nil
	}
	return d.items
}

// Value is a leaf with its expressions, not compiled yet.
func (d *Decoded) Value() *Value {
	if d == nil {
		return nil
	}
	return d.value
}

// Condition is a condition, not compiled yet.
func (d *Decoded) Condition() *Expression {
	if d == nil {
		return nil
	}
	return d.cond
}

// Constant is a leaf as JSON, nil if it is absent or holds an expression.
func (d *Decoded) Constant() any {
	if d == nil || d.value == nil {
		return nil
	}
	value, _ := d.value.Constant()
	return value
}

// Text is a literal text, empty if absent.
func (d *Decoded) Text() string {
	text, _ := d.Constant().(string)
	return text
}

// Number is a literal number, or what it is when absent.
func (d *Decoded) Number(absent float64) float64 {
	if n, ok := d.Constant().(float64); ok {
		return n
	}
	return absent
}

// Bool is a literal boolean, or what it is when absent.
func (d *Decoded) Bool(absent bool) bool {
	if b, ok := d.Constant().(bool); ok {
		return b
	}
	return absent
}

// Problem notes that the part is wrong in a way its Shape does not know.
func (d *Decoded) Problem(rule, hint, msg string) {
	d.file.wrong(d.node, rule, hint, "%s", msg)
}

// File is the file the part stands in.
func (d *Decoded) File() *File { return d.file }

func isFreeKey(name string) bool { return strings.HasPrefix(name, "x-") }
