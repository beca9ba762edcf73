// Package expr is the expressions of the language: what stands in `if`, `until` and ${{ }}.
//
// A Scope says which names a place can see and what they are. Its Compile gives an Expr, or Problems
// with the characters they are about: unknown names, types that do not go together, calls that cannot
// be meant. An Expr is evaluated with an Env, and can say which part was missing (MissingNote), why a
// condition is not met (Why), and what each part of it was (Explain). Bind gives one to take along
// while the run goes on.
//
// The promise: the same names at the same time give the same value, whatever the machine. The only
// clock is Env.Now, the only chance Env.Noise. Whatever a device sends, an evaluation ends within
// bounded work and memory, in a value or an *Error in the user's words. What is missing is nil;
// nothing is truthy.
//
// The grammar, the machine and its loops over lists are expr-lang's; every operator, member and other
// function is ours (compile.go says how). Values are plain JSON, times and durations. How they become JSON and words
// for people stands here, too, since every room shows values: json.go, duration.go, words.go.
//
// What it is not: it knows no file, no YAML and no place but an offset in the source, and not who
// evaluates it or when. That is for package engine.
package expr

import (
	"errors"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// An Expr is a compiled expression. It may be used from several goroutines.
type Expr struct {
	source  string
	program *vm.Program
	typ     Type
	refs    map[string][]string
	paths   pathList
	clock   bool
	builds  bool // its value may hold lists or objects that it made itself

	parts *partList // of a copy made by reading; nil otherwise
}

// reading is the expression with its parts at hand. They are made for each reader: few expressions
// are ever explained, and those rarely.
func (e *Expr) reading() *Expr {
	if e.parts != nil {
		return e
	}
	copied := *e
	copied.parts = newPartList(e.source, e.paths)
	return &copied
}

// An Env gives values to the names of an expression while a run is under way. What it holds is not
// changed while the expression runs.
type Env struct {
	Names map[string]any // plain JSON, times, durations and Getters
	Now   time.Time      // what now() gives
	Noise func() float64 // what noise() gives; nil: there is none

	// Machine is used for one evaluation after another, to spare memory; nil: each has a new one.
	Machine *Machine

	bound *Bound // the values of paths whose names are not in Names; nil: there are none
}

// A Machine evaluates expressions, one at a time.
type Machine struct{ vm vm.VM }

// A Getter is an object whose members are looked up when an expression asks for them
// (steps and vars, whose values sit in nested scopes). A missing member is nil. A member's value
// is no Getter.
type Getter interface{ Get(name string) any }

// Source is the expression as written.
func (e *Expr) Source() string { return e.source }

// Type is what is known of the expression's value.
func (e *Expr) Type() Type { return e.typ }

// UsesNow says whether the value may change with the time alone.
func (e *Expr) UsesNow() bool { return e.clock }

// Refs are the names that the expression refers to, each with the members it reads of it, in
// alphabetical order; nil members: the whole value.
func (e *Expr) Refs() map[string][]string { return e.refs }

// Eval gives the expression's value: plain JSON, a time.Time or a time.Duration; numbers are
// finite float64. The error is an *Error.
func (e *Expr) Eval(env Env) (any, error) {
	value, err := e.run(e.program, env)
	if err != nil {
		return nil, e.evalError(err, env)
	}
	if v, ok := value.(version); ok {
		return v.text, nil
	}
	return value, nil
}

// Test is the value of a condition. nil and whatever is no boolean is an error, as nothing is
// "truthy".
func (e *Expr) Test(env Env) (bool, error) {
	value, err := e.Eval(env)
	if err != nil {
		return false, err
	}
	switch value := value.(type) {
	case bool:
		return value, nil
	case nil:
		return false, &Error{Missing: true, Msg: e.missingText(env), Source: e.source}
	}
	return false, &Error{Msg: "a condition must be true or false, but this is " + valueWord(value), Source: e.source}
}

// missingText says which part made the whole nil.
func (e *Expr) missingText(env Env) string {
	if note := firstMissing(e.reading().look(env)); note != "" {
		return note
	}
	return Shorten(e.source, 200) + " is nil"
}

// MissingNote says which part of an expression was missing when it gave nil:
// " (steps.a.twin.reported.x is missing)", or nothing.
func (e *Expr) MissingNote(env Env) string {
	if note := firstMissing(e.reading().look(env)); note != "" {
		return " (" + note + ")"
	}
	return ""
}

// run evaluates a program; numbers of the machine become what all numbers are.
func (e *Expr) run(program *vm.Program, env Env) (any, error) {
	ev := &evaluation{env: env}
	machine := env.Machine
	if machine == nil {
		machine = new(Machine)
	}
	value, err := machine.vm.Run(program, ev)
	if err != nil {
		return nil, err
	}
	switch result := value.(type) {
	case int:
		return float64(result), nil
	case int64:
		return float64(result), nil
	case map[string]any, []any:
		if e.builds {
			return value, ev.measure(value, 0)
		}
	case Getter:
		return nil, faultf("only members of it have a value")
	}
	return value, nil
}

// evalError is an error of run in words, with the part of the source it is about.
func (e *Expr) evalError(err error, env Env) *Error {
	e = e.reading()
	var at *file.Error
	node := ast.Node(nil)
	parts := e.parts
	if errors.As(err, &at) && at.To < len(parts.nodes) {
		node = parts.nodes[at.To]
	}
	var f *fault
	if !errors.As(err, &f) {
		// The machine's own limit is on items that lists are built of; all else is ours.
		f = faultf("takes too much work: the data it looks at is too large for it").(*fault)
		node = nil
	}
	operandText := func(index int) string {
		o := operandNode(node, index)
		if o == nil || isLiteral(o) {
			return ""
		}
		return parts.source.text(o)
	}
	text := f.text(operandText)
	source := e.source
	switch {
	case f.missing && node != nil:
		source, text = e.missingPart(operandNode(node, f.about[0].index), env)
	case node != nil:
		source = parts.source.text(node)
	}
	return &Error{Missing: f.missing, Msg: text, Source: source}
}

// missingPart names an operand that is nil; of a path, the first step that is.
func (e *Expr) missingPart(n ast.Node, env Env) (source, text string) {
	if p := e.parts.path(n, nil); p != nil {
		if _, source, missing := p.follow(env, e.parts.source); missing {
			return source, source + " is missing"
		}
		return p.source, p.source + " is null"
	}
	source = e.parts.source.text(n)
	return source, source + " is missing"
}
