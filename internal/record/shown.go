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
		Retries  []string       `json:"retries"`
		Wishes   []Request      `json:"wishes,omitempty"`   // that nobody has answered yet
		Children map[string]int `json:"children,omitempty"` // by how they ended
	} `json:"run"`
	Requests  []Request      `json:"requests"`
	Deadline  time.Time      `json:"deadline,omitzero"` // of one that has not ended: when its own timeout ends it
	Outputs   map[string]any `json:"outputs"`
	Tolerated int            `json:"tolerated"`
	Message   string         `json:"message,omitempty"`
	Error     *engine.Error  `json:"error,omitempty"`
	Parts     []Part         `json:"parts"`
	Unread    string         `json:"unread,omitempty"` // why there are no steps
}

// A Request is what somebody asked of a run.
type Request struct {
	Kind   engine.EventKind `json:"kind"`
	Time   time.Time        `json:"time"`
	By     string           `json:"by,omitempty"`
	Reason string           `json:"reason,omitempty"`
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
	For        engine.Waiting    `json:"for,omitempty"`        // answer, time, retry or pass; absent: the steps inside it
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
