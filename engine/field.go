package engine

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// A Field is one parameter or output of a step type, made from a struct field and its tags:
//
//	yaml:"name"       its name; `yaml:",names"` takes the whole mapping as free names, and
//	                  `yaml:",whole"` all that stands under the action, as the one parameter
//	doc:"…"           one sentence
//	required:"true"   it must be given
//	notempty:"true"   a text with more than blanks; a list with something in it
//	short:"true"      a value that is no mapping stands for this field alone
//	default:"…"       what it is when absent; of a time only SinceStepBefore
//	oneof:"a b"       the only texts allowed
//	min:"…" max:"…"   bounds of a number, of a duration in seconds
//	sees:"twin"       of a condition: names it sees beside the usual ones
//	headers:"true"    of a mapping of texts: the header fields of an HTTP request (see CheckHeader)
//	seen:"true"       others on the machine can see it, so no secret may stand in it
type Field struct {
	Name     string
	Kind     FieldKind
	Doc      string
	Required bool
	NotEmpty bool
	Short    bool
	Whole    bool
	Default  string
	OneOf    []string
	Min, Max *float64
	Sees     []string
	Headers  bool
	Seen     bool
	Type     expr.Type // of an output: what an expression knows of it

	index int // of the struct field
}

// A FieldKind is what a parameter's value must be.
type FieldKind int

const (
	KindText FieldKind = iota
	KindInt            // a whole number
	KindNumber
	KindBool
	KindDuration // "60s"
	KindTime     // RFC 3339
	KindAny      // any JSON
	KindObject   // a mapping of anything
	KindTextMap  // a mapping of texts
	KindTextList
	KindQuery  // a query: expressions only inside quoted literals, escaped there
	KindURL    // a URL: expressions only from the path on, escaped there
	KindCond   // an expression that gives a boolean
	KindChecks // one expression, or a list of expressions or of `that` with `message`
	KindNames  // the whole mapping is free: names and values, null allowed
)

// SinceStepBefore is the default of a time that says from when on a step looks at what has happened: the
// planner gives it, so that nothing is missed between two steps and a resumed run looks at the same. Such a
// step has an output `next`, the time at which to go on behind what it has given.
const SinceStepBefore = "the start of the step before"

// QueryText and URLText are types of parameters with an escaping of their own.
type (
	QueryText string
	URLText   string
)

var fieldKinds = map[reflect.Type]FieldKind{
	reflect.TypeFor[string]():            KindText,
	reflect.TypeFor[int]():               KindInt,
	reflect.TypeFor[float64]():           KindNumber,
	reflect.TypeFor[bool]():              KindBool,
	reflect.TypeFor[time.Duration]():     KindDuration,
	reflect.TypeFor[time.Time]():         KindTime,
	reflect.TypeFor[any]():               KindAny,
	reflect.TypeFor[map[string]any]():    KindObject,
	reflect.TypeFor[map[string]string](): KindTextMap,
	reflect.TypeFor[[]string]():          KindTextList,
	reflect.TypeFor[QueryText]():         KindQuery,
	reflect.TypeFor[URLText]():           KindURL,
	reflect.TypeFor[*expr.Bound]():       KindCond,
	reflect.TypeFor[[]Check]():           KindChecks,
}

// paramFields reads the parameters of a step type from its struct. A type that has no kind is a bug of ours.
func paramFields(t reflect.Type) []Field {
	var fields []Field
	for i := range t.NumField() {
		sf := t.Field(i)
		kind, ok := fieldKinds[sf.Type]
		if !ok {
			panic(fmt.Sprintf("engine: parameter %s of %s has a type without a kind", sf.Name, t))
		}
		name, option, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		if option == "names" {
			kind = KindNames
		}
		fields = append(fields, Field{
			Name: name, Kind: kind, Whole: option == "whole", Doc: sf.Tag.Get("doc"), index: i,
			Required: sf.Tag.Get("required") != "", NotEmpty: sf.Tag.Get("notempty") != "", Short: sf.Tag.Get("short") != "",
			Default: sf.Tag.Get("default"), OneOf: strings.Fields(sf.Tag.Get("oneof")),
			Min: bound(sf.Tag.Get("min")), Max: bound(sf.Tag.Get("max")), Sees: strings.Fields(sf.Tag.Get("sees")),
			Headers: sf.Tag.Get("headers") != "", Seen: sf.Tag.Get("seen") != "",
		})
	}
	return fields
}

func bound(text string) *float64 {
	if text == "" {
		return nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic("engine: a bound that is no number: " + text)
	}
	return &n
}

// outputFields reads the outputs of a step type from its result struct, by its json tags.
func outputFields(t reflect.Type) []Field {
	if t.Kind() != reflect.Struct {
		return nil
	}
	var fields []Field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		fields = append(fields, Field{Name: name, Doc: sf.Tag.Get("doc"), Type: outputType(sf), index: i})
	}
	return fields
}

func outputType(sf reflect.StructField) expr.Type {
	switch sf.Tag.Get("type") {
	case "twin":
		return expr.TwinType()
	case "messages":
		return expr.ListType(expr.MessageType())
	}
	switch sf.Type.Kind() {
	case reflect.String:
		return expr.Type{Kind: expr.String}
	case reflect.Bool:
		return expr.Type{Kind: expr.Bool}
	case reflect.Int, reflect.Int64, reflect.Float64:
		if sf.Type == reflect.TypeFor[time.Duration]() {
			return expr.Type{Kind: expr.String} // a duration is text once it is in the run
		}
		return expr.Type{Kind: expr.Number}
	case reflect.Slice:
		return expr.Type{Kind: expr.List}
	case reflect.Map:
		return expr.Type{Kind: expr.Object}
	}
	return expr.Type{Kind: expr.Any}
}
