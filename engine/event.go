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
	Device string         `json:"device,omitempty"` // StepStarted: the device in scope
	Reason string         `json:"reason,omitempty"` // of a request
	End    *Outcome       `json:"end,omitempty"`    // RunEnded

	Request int64  `json:"request,omitempty"` // of a request that came through the journal: its number there
	By      string `json:"by,omitempty"`      // of a request: who asked
	Kept    bool   `json:"kept,omitempty"`    // it happened in the run that this one retries
}

// An EventKind says what happened.
type EventKind string

const (
	RunStarted      EventKind = "runStarted"
	StepStarted     EventKind = "stepStarted" // an effect is about to happen
	StepDone        EventKind = "stepDone"    // an attempt ended, with Value or Error
	TimerFired      EventKind = "timerFired"
	CancelRequested EventKind = "cancelRequested"
	PauseRequested  EventKind = "pauseRequested"  // no further step begins
	ResumeRequested EventKind = "resumeRequested" // until now
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
	RetryOf  string         `json:"retryOf,omitempty"` // the run whose failed steps this one does again
	Parent   string         `json:"parent,omitempty"`  // the run that this one is a part of
	Key      string         `json:"key,omitempty"`     // which part

	Hosts map[string]string `json:"hosts,omitempty"` // where the hubs were that it may touch, by their names
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
