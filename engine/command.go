package engine

import (
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// A Command says what to do now. Whoever drives a run carries it out and answers with an event.
type Command struct {
	Kind CommandKind
	At   Address // what it is about; for CommandStop and CommandStopTimer, what to end

	// Of CommandDo; the answer is StepDone at the same address.
	Step     *Step
	Type     *StepType
	Title    string // the step's name with its expressions filled in
	Device   string // empty: none in scope
	Hub      string // empty: the run's
	Params   map[string]any
	Conds    map[string]*expr.Bound // parameters that are conditions
	Delivery Delivery
	Timeout  time.Duration // of the attempt as the file or the type gives it; zero: none
	Limit    time.Duration // how long the attempt may take in all; zero: no limit
	Deadline time.Time     // when that is over; zero: never

	// Of CommandTimer: when TimerFired is due.
	Due time.Time
}

// A CommandKind says what a command wants.
type CommandKind string

const (
	CommandDo        CommandKind = "do"        // carry out one attempt of a step
	CommandTimer     CommandKind = "timer"     // say when it is Due
	CommandStop      CommandKind = "stop"      // end an attempt early; its StepDone still comes
	CommandStopTimer CommandKind = "stopTimer" // a timer that is no longer needed
)

// A Note is something the planner decided that people want to see. Notes follow from the events
// alone, so they are shown and not kept.
type Note struct {
	Time    time.Time `json:"time"`
	Kind    NoteKind  `json:"kind"`
	At      Address   `json:"at"`
	In      Address   `json:"-"` // At of the step around this one; empty: the run
	Step    *Step     `json:"-"`
	Title   string    `json:"title,omitempty"` // the step's name with its expressions filled in
	Device  string    `json:"device,omitempty"`
	Hub     string    `json:"-"` // that the file names for the step; empty: the run's
	Attempt int       `json:"attempt,omitempty"`
	Status  Status    `json:"status,omitempty"`

	Tolerated bool      `json:"tolerated,omitempty"` // it failed, and the run goes on
	Error     *Error    `json:"error,omitempty"`
	Value     any       `json:"value,omitempty"` // of a step that ended: its outputs
	Log       *LogLine  `json:"log,omitempty"`
	Due       time.Time `json:"due,omitzero"` // when a retry or a sleep goes on
	Started   time.Time `json:"started,omitzero"`
	Tried     time.Time `json:"-"`              // of a retry and of a step that ended: when its latest attempt began; zero: there was none
	Kept      bool      `json:"kept,omitempty"` // of a step that ended: it did so in the run that this one retries

	By     string `json:"by,omitempty"` // of a pause and its end: who asked, and why; of what is ignored: who said it, and why it is
	Reason string `json:"reason,omitempty"`
	Ask    *Ask   `json:"ask,omitempty"` // of NoteAsks
}

// A NoteKind says what a note is about.
type NoteKind string

const (
	NoteStepStarted NoteKind = "stepStarted"
	NoteStepWaits   NoteKind = "stepWaits" // a sleep, until Due
	NoteStepRetry   NoteKind = "stepRetry" // an attempt failed, another one follows at Due
	NoteStepEnded   NoteKind = "stepEnded"
	NoteLog         NoteKind = "log"
	NoteItemStarted NoteKind = "itemStarted" // one item of a loop
	NoteItemEnded   NoteKind = "itemEnded"
	NotePaused      NoteKind = "paused"   // nothing further begins
	NoteResumed     NoteKind = "resumed"  // by a request, or by a cancel
	NoteAsks        NoteKind = "asks"     // a step waits for what somebody tells the run
	NoteIgnored     NoteKind = "ignored"  // what somebody told the run changes nothing
	NoteAdmitted    NoteKind = "admitted" // a run that was queued begins
)
