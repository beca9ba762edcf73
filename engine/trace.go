package engine

import "time"

// A Traced is what the events of a run say of it: the steps that began as a tree, with their times and
// values, and what those that are under way wait for. It is made by Trace and belongs to the caller.
type Traced struct {
	Start    RunStart
	Started  time.Time
	Queued   bool      // it waits for its turn, and nothing of it has begun
	Admitted time.Time // of one that was queued: when its turn came, from which all its times count; zero: it has not, or was not queued
	Ended    time.Time // zero: it has not
	End      *Outcome  // nil: it has not
	Deadline time.Time // of one that has not: when its own timeout ends it; zero: never
	Paused   *Request  // nil: it is not
	Requests []Request // that changed its course: pauses, what ended them, and a cancel, which ends one, too
	Signals  []TracedSignal
	Latest   time.Time // of the events
	Parts    []*TracedPart
}

// A Request is what somebody wanted of a run.
type Request struct {
	Kind   EventKind // CancelRequested, PauseRequested or ResumeRequested
	Time   time.Time
	By     string
	Reason string
}

// A TracedSignal is what somebody told the run.
type TracedSignal struct {
	Time    time.Time
	By      string
	Reason  string
	Signal  Signal
	At      Address // of the attempt that took it; of an answer that was ignored, what it was meant for; empty: no step has taken it
	Ignored string  // why it changed nothing; empty: it is not so
}

// A TracedPart is a list of steps inside a run or a step of which something began.
type TracedPart struct {
	Kind    PartKind
	Branch  string // of PartBranch: its name
	Index   int    // of PartItem and PartPass, from 0
	Item    any    // of PartItem
	Attempt int    // of the step around it, from 1; what catch and finally follow is the last one

	Started  time.Time
	Ended    time.Time // of PartItem; zero: it has not
	Status   Status    // of PartItem that ended
	Error    *Error    // of PartItem that ended
	Deadline time.Time // of PartFinally under way
	Steps    []*TracedStep

	address Address
	of      *TracedStep // nil: the run
}

// A PartKind says what a list of steps is to what stands around it.
type PartKind string

const (
	PartSteps   PartKind = "steps"   // of the run, a block, a called workflow; the reading of a device's tags
	PartElse    PartKind = "else"    // of a block whose condition is false
	PartBranch  PartKind = "branch"  // of a parallel
	PartItem    PartKind = "item"    // of a forEach
	PartPass    PartKind = "pass"    // of a repeat
	PartCatch   PartKind = "catch"   // of the run, a block, a called workflow
	PartFinally PartKind = "finally" // of the run, a block, a called workflow
)

// A TracedStep is one instance of a step.
type TracedStep struct {
	At     Address // without the number of an attempt
	Step   *Step
	Title  string
	Device string // empty: none in scope

	Started   time.Time // of one that was skipped: when it was
	Ended     time.Time // zero: it is under way
	Status    Status    // empty: it is under way
	Tolerated bool      // it failed, and the run went on
	Error     *Error
	Value     any  // its outputs
	Kept      bool // all that it did was done in the run that this one retries
	Tries     int  // attempts that began, with those that came to nothing before anything was asked for
	Logs      []*LogLine
	Attempts  []*TracedAttempt // of an action that talks to the world, sleeps, or waits to be told something
	Retries   []TracedRetry    // of whatever can be tried again

	Waits    Waiting   // of one that is under way
	Ask      *Ask      // of WaitsSignal and WaitsApproval
	Due      time.Time // of WaitsTime, WaitsRetry and WaitsPass: until when
	Deadline time.Time // of one that is under way: when its timeout ends it, or its attempt; zero: never
	Parts    []*TracedPart

	in *TracedPart
}

// A TracedAttempt is one attempt of an action.
type TracedAttempt struct {
	At       Address
	Started  time.Time // it was decided
	Sent     time.Time // the journal says that it began; zero: it does not
	Ended    time.Time // zero: there is no answer
	Params   map[string]any
	Value    any
	Error    *Error
	Due      time.Time // of a sleep
	Deadline time.Time // zero: none
	Kept     bool

	delivery Delivery
}

// MayRepeat says whether it may happen twice.
func (a *TracedAttempt) MayRepeat() bool { return a.delivery != Once }

// A TracedRetry is a failure after which a step was tried again.
type TracedRetry struct {
	Time    time.Time
	Attempt int // that failed
	Error   *Error
	Due     time.Time
}

// Waiting says what a step that is under way waits for itself, beside the steps inside it.
type Waiting string

const (
	WaitsNothing  Waiting = ""         // for the steps inside it, or it is held by a pause
	WaitsAnswer   Waiting = "answer"   // an attempt is under way
	WaitsTime     Waiting = "time"     // a sleep
	WaitsRetry    Waiting = "retry"    // the next attempt
	WaitsPass     Waiting = "pass"     // the next pass of a repeat
	WaitsSignal   Waiting = "signal"   // a signal that somebody sends
	WaitsApproval Waiting = "approval" // somebody's answer
)
