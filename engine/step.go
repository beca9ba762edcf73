package engine

import (
	"time"

	"github.com/twinbook/twinbook/engine/expr"
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

	Timeout     time.Duration // of one attempt where the file gives none; zero: none
	Either      []string      // parameters of which exactly one must be given
	Nulls       bool          // a null from an expression is a value
	MustBound   bool          // it may wait for ever, so a timeout must come from somewhere
	NoDevice    bool          // it talks to no device (http): it needs none in scope
	ReadsDevice bool          // its output `twin` has the tags of the device in scope
	NeedsHub    bool          // it talks to the hub although it needs no device
	Expect      string        // the condition on `response` where the file gives none; empty: no `expect`
	ExpectText  string        // Expect in words, for the message: "status 200 to 299"

	// Unmet says more of an answer that did not meet Expect than that it was rejected; nil: it never does.
	Unmet func(outputs map[string]any) *Error
}

// A StepType is what the language knows of a step type: all but how it talks to the world.
// Exactly one of runs, wait, asks and eval is set.
type StepType struct {
	Spec
	Fields  []Field // parameters
	Outputs []Field // what its result has, beside outcome, error, startedAt, finishedAt and attempts

	runs   bool                                               // a driver carries it out
	parks  bool                                               // without a goroutine; see DefineWatch
	wait   func(c EvalContext, p resolved) (time.Time, error) // it waits until a time
	asks   func(p resolved) (Ask, error)                      // it waits for what somebody tells the run
	eval   func(c EvalContext, p resolved) (Effect, error)    // it is pure
	expect *expr.Expr                                         // Spec.Expect compiled
	since  string                                             // the parameter with the default SinceStepBefore

	// delivery is that of an attempt with these parameters; nil: Spec.Delivery.
	delivery func(p resolved) Delivery
	most     func(p resolved, timeout time.Duration) time.Duration // how long an attempt may take in all
}

// TalksToWorld says whether somebody has to carry the step out: it is a command, and secrets may stand in it.
func (t *StepType) TalksToWorld() bool { return t.runs }

// Parks says whether an attempt only waits to be told something; see DefineWatch.
func (t *StepType) Parks() bool { return t.parks }

// An EvalContext is what a step type that needs no world may know.
type EvalContext struct {
	Now time.Time
	Env expr.Env // what expressions at the step see
}

// An Effect is what a step type without a world does to the run.
type Effect struct {
	Outputs map[string]any
	Set     map[string]any // variables
	Log     *LogLine
	End     *End // ends the nearest run
}

// A LogLine is a message for the log of the run.
type LogLine struct {
	Level   string         `json:"level"` // debug info warn error
	Message string         `json:"message"`
	Fields  map[string]any `json:"fields,omitempty"`
}

// An End is the wish of a step to end the nearest run.
type End struct {
	Failed  bool
	Message string
	failure *Error // of Failed: with the place of the step that said so
}

// Types are the step types a file may use, in the order the documentation shows them.
type Types struct {
	list   []*StepType
	byName map[string]*StepType
}

// NewTypes makes a list of step types; a name that comes twice is a bug of ours.
func NewTypes(list ...*StepType) *Types {
	t := &Types{list: list, byName: make(map[string]*StepType, len(list))}
	for _, st := range list {
		if t.byName[st.Name] != nil {
			panic("engine: step type " + st.Name + " is defined twice")
		}
		t.byName[st.Name] = st
	}
	return t
}

// All are the step types in order.
func (t *Types) All() []*StepType { return t.list }

// Lookup finds a step type by its name, or nil.
func (t *Types) Lookup(name string) *StepType { return t.byName[name] }

// deviceReader is the step type that reads what a device is, or nil.
func (t *Types) deviceReader() *StepType {
	for _, st := range t.list {
		if st.ReadsDevice {
			return st
		}
	}
	return nil
}
