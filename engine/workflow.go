package engine

import (
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// A Workflow is a workflow file as written; every part knows its place.
type Workflow struct {
	Pos         Pos
	Name        string
	Description string
	Inputs      []Named[*Input]
	Device      *Value // nil: no device in scope
	Hub         string
	Vars        []Named[*Value]
	Timeout     *Value // a duration; nil: none
	Steps       []*Step
	Catch       *Catch
	Finally     *Finally
	Outputs     []Named[*Value]

	Schedules   []*Schedule
	Triggers    []*Trigger
	Concurrency *Concurrency // nil: as many runs at the same time as there are
}

// Named is an entry of a mapping, in the order of the file.
type Named[T any] struct {
	Pos   Pos
	Name  string
	Value T
}

// An Input is something a run is given at its start.
type Input struct {
	Type        InputType
	Description string
	Required    bool // it has no default
	Default     any  // JSON of the input's type
	OneOf       []any
	Min, Max    *float64 // of a number; of a duration in seconds; of a text or list its length
	Pattern     string   // a regular expression that the whole text must match
}

// An InputType is what an input's value must be.
type InputType string

// The types of inputs. Times and durations are text in JSON.
const (
	InputString   InputType = "string"
	InputInteger  InputType = "integer"
	InputNumber   InputType = "number"
	InputBoolean  InputType = "boolean"
	InputDuration InputType = "duration"
	InputTime     InputType = "time"
	InputObject   InputType = "object"
	InputArray    InputType = "array"
)

// A Step is a node of the tree: one action, and what surrounds it. Exactly one of Do, Steps,
// Parallel, ForEach, Repeat and Call is set.
type Step struct {
	Pos   Pos
	ID    string // empty: nobody refers to it
	IDPos Pos
	Name  *Value // what people see; nil: made from the action
	If    *Expression

	Action    string // the action's key as written: invokeMethod, steps, forEach …
	ActionPos Pos

	Do       *Action
	Steps    []*Step         // the action `steps`
	Vars     []Named[*Value] // beside `steps`: variables of this block
	Parallel *Parallel
	ForEach  *ForEach
	Repeat   *Repeat
	Call     *Call

	Device          *Value
	Hub             string
	Timeout         *Value // a duration
	Retry           *Retry
	ContinueOnError bool

	Else    []*Step
	Catch   *Catch
	Finally *Finally
}

// An Action is a step type with its parameters.
type Action struct {
	Type   *StepType
	Params []Param // in the order of the type's fields, absent ones left out
}

// Param is the value of a parameter, or nil if the file does not give it.
func (a *Action) Param(name string) *Value {
	for i := range a.Params {
		if a.Params[i].Field.Name == name {
			return a.Params[i].Value
		}
	}
	return nil
}

// A Param is one parameter as written; what is set follows from its field's kind.
type Param struct {
	Field  *Field
	Pos    Pos
	Value  *Value          // every kind but the following
	Cond   *Expression     // KindCond
	Checks []Check         // KindChecks
	Names  []Named[*Value] // KindNames
}

// A Check is one line of an assert.
type Check struct {
	That    *Expression
	Message *Value // nil: none
}

// Parallel runs branches at the same time.
type Parallel struct {
	Branches []Named[[]*Step]
	FailFast bool
}

// ForEach runs its steps once for each item of a list.
type ForEach struct {
	In          *Expression // nil: Items
	Items       *Value      // a literal list
	AsPos       Pos
	As          string // the item's name in expressions, "item" unless given
	Concurrency *Value // nil: 1
	FailFast    bool
	Steps       []*Step
}

// Repeat runs its steps until or while something holds.
type Repeat struct {
	While, Until *Expression // exactly one of them
	Every        *Value      // a duration from one iteration's start to the next one's; nil: none
	Max          *Value      // a number; nil: unbounded
	Steps        []*Step
}

// Call runs another workflow inside this run.
type Call struct {
	Path    string // as written, beside the calling file
	PathPos Pos
	Inputs  []Named[*Value]
	Program *Program
}

// Retry says which failures of a step are tried again, and when. Zero fields mean the defaults
// that DefaultRetry names.
type Retry struct {
	Attempts *Value // a number, at least 1
	Delay    *Value // a duration
	Factor   *Value // a number, at least 1
	MaxDelay *Value // a duration
	Jitter   string // "full" or "none"
	Within   *Value // a duration since the first attempt began
	On       []ErrorKind
	OnGiven  bool // On was written in the file, so it may name kinds that repeat an effect
}

// Catch runs when the steps before it failed with a kind it lists.
type Catch struct {
	Pos   Pos
	On    []ErrorKind // empty: all kinds that can be caught
	Steps []*Step
}

// Finally runs whatever happened before it.
type Finally struct {
	Pos     Pos
	Timeout *Value // nil: FinallyTimeout
	Steps   []*Step
}

// FinallyTimeout bounds a finally that says nothing else.
const FinallyTimeout = 5 * time.Minute

// An Expression is an expression as written. Check compiles it; then Expr is set.
type Expression struct {
	Pos    Pos
	Source string
	At     func(offset int) Pos // the place of a character of Source in the file
	Expr   *expr.Expr
}
