package record

import (
	"time"

	"github.com/twinbook/twinbook/engine"
)

// Shown is all that is known of a run, as `runs show --output json` has it.
type Shown struct {
	Run struct {
		Listed
		Inputs   map[string]any `json:"inputs"`
		Trigger  any            `json:"trigger,omitempty"`
		By       string         `json:"by,omitempty"`        // who asked for it
		WaitsFor []Slot         `json:"waitsFor,omitempty"`  // of one that is queued
		Admitted time.Time      `json:"admittedAt,omitzero"` // of one that was queued: when its turn came
		Retries  []string       `json:"retries"`
		Wishes   []Request      `json:"wishes,omitempty"`   // that nobody has answered yet
		Children map[string]int `json:"children,omitempty"` // by how they ended
	} `json:"run"`
	Requests  []Request      `json:"requests"`
	Signals   []Signal       `json:"signals,omitempty"` // what somebody told it
	Deadline  time.Time      `json:"deadline,omitzero"` // of one that has not ended: when its own timeout ends it
	Outputs   map[string]any `json:"outputs"`
	Tolerated int            `json:"tolerated"`
	Message   string         `json:"message,omitempty"`
	Error     *engine.Error  `json:"error,omitempty"`
	Parts     []Part         `json:"parts"`
	Unread    string         `json:"unread,omitempty"` // why there are no steps
}

// A Slot is one that a queued run waits for.
type Slot struct {
	Key     string   `json:"key"`
	Limit   int      `json:"limit"`
	Holders []string `json:"holders"` // runs, at most ten
	Ahead   int      `json:"ahead"`   // how many runs wait before it, counted up to 1,000
}

// A Request is what somebody asked of a run.
type Request struct {
	Kind   engine.EventKind `json:"kind"`
	Time   time.Time        `json:"time"`
	By     string           `json:"by,omitempty"`
	Reason string           `json:"reason,omitempty"`
}

// A Signal is what somebody told a run: something that has a name, or the answer to an approve.
type Signal struct {
	Time     time.Time      `json:"time"`
	Name     string         `json:"name,omitempty"`
	Approved *bool          `json:"approved,omitempty"` // of an answer
	Payload  any            `json:"payload,omitempty"`
	By       string         `json:"by,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	At       engine.Address `json:"at,omitempty"`      // of the attempt that took it; absent: no step has
	Ignored  string         `json:"ignored,omitempty"` // why it changed nothing
}

// A Step is a step that has begun.
type Step struct {
	At         engine.Address    `json:"at"`
	Title      string            `json:"title"`
	Action     string            `json:"action"`
	Where      string            `json:"where"`
	Device     string            `json:"device,omitempty"`
	Status     engine.Status     `json:"status,omitempty"` // absent: it has not ended
	StartedAt  time.Time         `json:"startedAt"`
	FinishedAt time.Time         `json:"finishedAt,omitzero"`
	Outputs    map[string]any    `json:"outputs"`
	Error      *engine.Error     `json:"error,omitempty"`
	Tolerated  bool              `json:"tolerated,omitempty"`
	Kept       bool              `json:"kept,omitempty"`
	Attempts   int               `json:"attempts"`
	Tries      []Try             `json:"tries"`
	Retried    []Retry           `json:"retried"`
	Logs       []*engine.LogLine `json:"logs,omitempty"`
	Waits      *Waits            `json:"waits,omitempty"`
	Parts      []Part            `json:"parts,omitempty"`
}

// A Try is one attempt of an action that talks to the world, or sleeps.
type Try struct {
	At         engine.Address `json:"at"`
	StartedAt  time.Time      `json:"startedAt"`
	FinishedAt time.Time      `json:"finishedAt,omitzero"`
	Params     map[string]any `json:"params"`
	Outputs    map[string]any `json:"outputs,omitempty"` // of one that was not the last
	Error      *engine.Error  `json:"error,omitempty"`
	Kept       bool           `json:"kept,omitempty"`
}

// A Retry is a failure after which a step was tried again.
type Retry struct {
	Time    time.Time     `json:"time"`
	Attempt int           `json:"attempt"`
	Error   *engine.Error `json:"error"`
	Due     time.Time     `json:"due"`
}

// Waits is what a step that has not ended waits for itself.
type Waits struct {
	For        engine.Waiting    `json:"for,omitempty"`        // answer, time, retry, pass, signal or approval; absent: the steps inside it
	Signal     string            `json:"signal,omitempty"`     // its name
	Message    string            `json:"message,omitempty"`    // what is to be approved
	Roles      []string          `json:"roles,omitempty"`      // who may approve it has one of these
	Conditions map[string]string `json:"conditions,omitempty"` // as written, by parameter
	Seen       string            `json:"seen,omitempty"`
	Since      time.Time         `json:"since,omitzero"`
	Due        time.Time         `json:"due,omitzero"`
	Deadline   time.Time         `json:"deadline,omitzero"`
}

// A Part is a list of steps inside a run or a step.
type Part struct {
	Kind       engine.PartKind `json:"kind"`
	Branch     string          `json:"branch,omitempty"`
	Index      *int            `json:"index,omitempty"` // of an item or pass
	Item       any             `json:"item,omitempty"`
	Attempt    int             `json:"attempt,omitempty"` // of the block around it, where that was tried again
	StartedAt  time.Time       `json:"startedAt"`
	FinishedAt time.Time       `json:"finishedAt,omitzero"`
	Status     engine.Status   `json:"status,omitempty"` // of an item
	Error      *engine.Error   `json:"error,omitempty"`
	Steps      []Step          `json:"steps"`
}
