package engine

import (
	"context"
	"time"
)

// Delivery says what may be done about an effect that may or may not have happened.
type Delivery int

const (
	// Read has no effect: it is run again after a crash and tried again on trouble.
	Read Delivery = iota
	// Repeatable has the same effect twice as once.
	Repeatable
	// Once must not happen twice unless the file says so.
	Once
)

// A Spec describes a step type. From it and the parameter struct come checks, schema and reference.
type Spec struct {
	Name     string
	Summary  string // one line: what it does
	Doc      string // more, in Markdown; may be empty
	Example  string // a list of steps, as in a workflow file; a test compiles it
	Delivery Delivery

	Timeout    time.Duration // of one attempt where the file gives none; zero: none
	MustBound  bool          // it may wait for ever, so a timeout must come from somewhere
	NoDevice   bool          // it talks to no device (http, sleep): it needs none in scope
	Expect     string        // the condition on `response` where the file gives none; empty: no `expect`
	ExpectText string        // Expect in words, for the message: "status 200 to 299"
}

// A StepType is what the language knows of a step type: all but how it talks to the world.
type StepType struct {
	Spec
	Fields  []Field // parameters
	Outputs []Field // what its result has, beside outcome, error, startedAt, finishedAt, attempts

	// Exactly one of these is set; all are pure but that a run-type's driver talks to the world.
	runs bool
	wait func(c EvalContext, params map[string]any) (time.Time, error)
	eval func(c EvalContext, params map[string]any) (Effect, error)

	// limit is how long an attempt may take in all when its timeout is t.
	limit func(params map[string]any, t time.Duration) time.Duration
}

// A Field is one parameter or output of a step type, made from a struct field and its tags:
// `yaml:"name"`, `doc:"…"`, `required:"true"`, `oneof:"a b"`, `names:"twin"` (what an expression there sees, too),
// `short:"true"` (the value that may stand alone in place of the mapping), `min:"…"`, `max:"…"`.
type Field struct {
	Name     string
	Kind     FieldKind
	Doc      string
	Required bool
	Short    bool
	OneOf    []string
	Min, Max *float64 // of KindInt and KindNumber; of KindDuration in seconds
	Names    []string // of KindCond: names beside the usual ones (twin, message, response)
	Type     Type     // of an output, what an expression knows of it
}

// A FieldKind is what a parameter's value must be.
type FieldKind int

const (
	KindText FieldKind = iota
	KindInt            // whole number
	KindNumber
	KindBool
	KindDuration // "60s"
	KindTime     // RFC 3339
	KindAny      // any JSON
	KindObject   // a mapping of anything
	KindTextMap  // a mapping of texts
	KindTextList
	KindQuery  // a query: expressions only inside quoted literals, escaped there
	KindURL    // a URL: expressions escaped in path and query, refused before them
	KindCond   // an expression that gives a boolean
	KindChecks // one expression, or a list of expressions or of `that` with `message`
	KindNames  // the whole mapping is free: names and values, null allowed
)

// QueryText and URLText are field types of parameter structs with a kind of their own.
type (
	QueryText string
	URLText   string
)

// An EvalContext is what a step type that needs no world may know.
type EvalContext struct {
	Now time.Time
}

// An Effect is what a step type without a world does to the run.
type Effect struct {
	Outputs map[string]any
	Set     map[string]any // run variables
	Log     *LogLine
	End     *End // ends the nearest run: fail, stop
}

// A LogLine is a message of the step log.
type LogLine struct {
	Level   string         `json:"level"` // debug info warn error
	Message string         `json:"message"`
	Fields  map[string]any `json:"fields,omitempty"`
}

// A Definition is a step type with the function that talks to the world through an Env.
type Definition[Env any] struct {
	Type *StepType
	run  func(ctx context.Context, env Env, c Command) (any, error)
}

// An End is the wish of a step to end the nearest run.
type End struct {
	Failed  bool
	Message string
}
