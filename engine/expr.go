package engine

import "time"

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
)

// A Scope is what an expression at one place can see: names with their types.
// It is immutable; its environment for the compiler is built once.
type Scope struct{}

// An Expr is a compiled expression.
type Expr struct{}

// An Env gives values to the names of an expression while a run is under way.
type Env struct {
	Names map[string]any // plain JSON, times, durations and Getters
	Now   time.Time      // what now() gives
	Noise func() float64 // what noise() gives, in simulator files
}

// A Getter is an object whose members are looked up when an expression asks for them
// (steps and vars, whose values sit in nested scopes). A missing member is nil.
type Getter interface{ Get(name string) any }

// A Bound is an expression with the values it refers to, safe to use from another goroutine and
// while the run goes on.
type Bound struct{}

// Eval gives the expression's value: plain JSON, a time.Time or a time.Duration.
func (e *Expr) Eval(env Env) (any, error) { return nil, nil }

// MissingNote says which part of an expression was missing when it gave nil:
// " (steps.a.twin.reported.x is missing)", or nothing.
func (e *Expr) MissingNote(env Env) string { return "" }

// Bind takes what the expression refers to out of env.
func (e *Expr) Bind(env Env) *Bound { return nil }

// Test is Eval for a condition: anything but a boolean is an error.
func (e *Expr) Test(env Env) (bool, error) { return false, nil }

// TwinType is what an expression knows of a twin.
func TwinType() Type { return Type{Kind: TypeObject} }

// CompileOptions say what an expression must be.
type CompileOptions struct {
	Bool bool
}

// An ExprProblem is what is wrong with an expression's text.
type ExprProblem struct {
	Offset, Width   int
	Rule, Msg, Hint string
}

// NewScope makes a scope of names.
func NewScope(names map[string]Type) *Scope { return &Scope{} }

// Compile compiles an expression.
func (s *Scope) Compile(source string, o CompileOptions) (*Expr, *ExprProblem) { return &Expr{}, nil }

// Explain gives the parts of the expression with their values.
func (e *Expr) Explain(env Env) []Part { return nil }
