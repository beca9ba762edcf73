package engine

import "time"

// An Event is something that happened in a run, at a time. A run's events, in the order of their
// sequence numbers, say everything about it.
type Event struct {
	Seq  int64     `json:"seq,omitempty"` // given by the journal, from 1
	Time time.Time `json:"time"`
	Kind EventKind `json:"kind"`
	At   Address   `json:"at,omitempty"`

	Start  *RunStart      `json:"start,omitempty"`  // RunStarted
	Params map[string]any `json:"params,omitempty"` // StepStarted: as sent, secrets masked
	Value  any            `json:"value,omitempty"`  // StepDone: JSON
	Error  *Error         `json:"error,omitempty"`  // StepDone: it failed; RunEnded
	Device string         `json:"device,omitempty"` // StepStarted, and a StepDone that is Kept: the device in scope
	Reason string         `json:"reason,omitempty"` // of a request: why
	Signal *Signal        `json:"signal,omitempty"` // SignalReceived
	End    *Outcome       `json:"end,omitempty"`    // RunEnded

	Request int64  `json:"request,omitempty"` // of a request that came through the journal: its number there
	By      string `json:"by,omitempty"`      // of a request: who asked; empty: nobody knows

	// Kept is of StepDone and TimerFired: it happened in the run that this one retries. Kept events follow
	// RunStarted and have its time; each waits until its turn comes. See Retrace.
	Kept bool `json:"kept,omitempty"`
}

// An EventKind says what happened.
type EventKind string

const (
	RunStarted      EventKind = "runStarted"
	StepStarted     EventKind = "stepStarted" // an effect is about to happen
	StepDone        EventKind = "stepDone"    // an attempt ended, with Value or Error
	TimerFired      EventKind = "timerFired"
	CancelRequested EventKind = "cancelRequested"
	PauseRequested  EventKind = "pauseRequested"  // nothing further begins; see plan_pause.go
	ResumeRequested EventKind = "resumeRequested" // what a pause held begins
	RunAdmitted     EventKind = "runAdmitted"     // the turn of a run that was queued has come: it begins now
	SignalReceived  EventKind = "signalReceived"  // a signal for waitForSignal, or an answer to an approve
	RunEnded        EventKind = "runEnded"
)

// A RunStart is what a run begins with.
type RunStart struct {
	ID       string         `json:"id"`
	Workflow string         `json:"workflow"`
	File     string         `json:"file"`
	Hash     string         `json:"hash"` // of the source
	Inputs   map[string]any `json:"inputs"`
	Hub      string         `json:"hub"`
	Trigger  any            `json:"trigger,omitempty"`
	By       string         `json:"by,omitempty"`      // who asked for it; empty: nobody knows
	Queued   bool           `json:"queued,omitempty"`  // it begins with RunAdmitted, since others hold the slots it needs
	RetryOf  string         `json:"retryOf,omitempty"` // the run of which this one does again what failed; its inputs and sources are the same
	Parent   string         `json:"parent,omitempty"`  // the run that this one is a part of, such as a rollout
	Key      string         `json:"key,omitempty"`     // which part of it, such as a device's id; empty without Parent

	Hosts map[string]string `json:"hosts,omitempty"` // where the hubs were that it may touch, by their names
}

// A Signal is what somebody tells a run.
type Signal struct {
	// Name is what a waitForSignal waits for. Empty: it is the answer to the approve at the event's At.
	Name     string   `json:"name,omitempty"`
	Payload  any      `json:"payload,omitempty"`
	Approved bool     `json:"approved,omitempty"` // of an answer: yes; otherwise no
	Roles    []string `json:"roles,omitempty"`    // of who sent it, as an approve asks for them
}

// An Outcome is how a run ended.
type Outcome struct {
	Status    Status         `json:"status"`
	Error     *Error         `json:"error,omitempty"`
	Tolerated int            `json:"tolerated,omitempty"` // failures that continueOnError let pass
	Message   string         `json:"message,omitempty"`   // of the `stop` that ended it
	Outputs   map[string]any `json:"outputs,omitempty"`
}

// A Status is the outcome of a step or a run.
type Status string

const (
	Succeeded Status = "succeeded"
	Failed    Status = "failed"
	Skipped   Status = "skipped"
	Cancelled Status = "cancelled"
)
