package main

import (
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// The shapes in this file are described in docs/output.md. Keys may be added; none is taken away or
// changes its meaning.

// shownJSON is all of `runs show --output json`.
type shownJSON struct {
	Run struct {
		listedJSON
		Inputs   map[string]any `json:"inputs"`
		Trigger  any            `json:"trigger,omitempty"`
		Retries  []string       `json:"retries"`
		Wishes   []requestJSON  `json:"wishes,omitempty"`   // that nobody has answered yet
		Children map[string]int `json:"children,omitempty"` // by how they ended
	} `json:"run"`
	Requests  []requestJSON  `json:"requests"`
	Deadline  time.Time      `json:"deadline,omitzero"` // of one that has not ended: when its own timeout ends it
	Outputs   map[string]any `json:"outputs"`
	Tolerated int            `json:"tolerated"`
	Message   string         `json:"message,omitempty"`
	Error     *engine.Error  `json:"error,omitempty"`
	Parts     []partJSON     `json:"parts"`
	Unread    string         `json:"unread,omitempty"` // why there are no steps
}

// requestJSON is what somebody asked of a run.
type requestJSON struct {
	Kind   engine.EventKind `json:"kind"`
	Time   time.Time        `json:"time"`
	By     string           `json:"by,omitempty"`
	Reason string           `json:"reason,omitempty"`
}

// shownStepJSON is a step that has begun.
type shownStepJSON struct {
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
	Tries      []tryJSON         `json:"tries"`
	Retried    []retryJSON       `json:"retried"`
	Logs       []*engine.LogLine `json:"logs,omitempty"`
	Waits      *waitsJSON        `json:"waits,omitempty"`
	Parts      []partJSON        `json:"parts,omitempty"`
}

// tryJSON is one attempt of an action that talks to the world, or sleeps.
type tryJSON struct {
	At         engine.Address `json:"at"`
	StartedAt  time.Time      `json:"startedAt"`
	FinishedAt time.Time      `json:"finishedAt,omitzero"`
	Params     map[string]any `json:"params"`
	Outputs    map[string]any `json:"outputs,omitempty"` // of one that was not the last
	Error      *engine.Error  `json:"error,omitempty"`
	Kept       bool           `json:"kept,omitempty"`
}

// retryJSON is a failure after which a step was tried again.
type retryJSON struct {
	Time    time.Time     `json:"time"`
	Attempt int           `json:"attempt"`
	Error   *engine.Error `json:"error"`
	Due     time.Time     `json:"due"`
}

// waitsJSON is what a step that has not ended waits for itself.
type waitsJSON struct {
	For        engine.Waiting    `json:"for,omitempty"`        // answer, time, retry or pass; absent: the steps inside it
	Conditions map[string]string `json:"conditions,omitempty"` // as written, by parameter
	Seen       string            `json:"seen,omitempty"`
	Since      time.Time         `json:"since,omitzero"`
	Due        time.Time         `json:"due,omitzero"`
	Deadline   time.Time         `json:"deadline,omitzero"`
}

// partJSON is a list of steps inside a run or a step.
type partJSON struct {
	Kind       engine.PartKind `json:"kind"`
	Branch     string          `json:"branch,omitempty"`
	Index      *int            `json:"index,omitempty"` // of an item or pass
	Item       any             `json:"item,omitempty"`
	Attempt    int             `json:"attempt,omitempty"` // of the block around it, where that was tried again
	StartedAt  time.Time       `json:"startedAt"`
	FinishedAt time.Time       `json:"finishedAt,omitzero"`
	Status     engine.Status   `json:"status,omitempty"` // of an item
	Error      *engine.Error   `json:"error,omitempty"`
	Steps      []shownStepJSON `json:"steps"`
}

func shown(r record) shownJSON {
	s := shownJSON{Requests: []requestJSON{}, Parts: []partJSON{}, Unread: r.unread}
	s.Run.listedJSON = listed(r.run)
	s.Run.Inputs, s.Run.Trigger, s.Run.Retries = orNone(r.start.Inputs), r.start.Trigger, idsOf(r.retries)
	for _, w := range r.wishes {
		s.Run.Wishes = append(s.Run.Wishes, requestJSON{w.Kind, w.Time, w.By, w.Reason})
	}
	for status, n := range r.children {
		if s.Run.Children == nil {
			s.Run.Children = map[string]int{}
		}
		if status == "" {
			status = unfinished
		}
		s.Run.Children[string(status)] = n
	}
	s.Outputs = map[string]any{}
	if n := len(r.events); n > 0 && r.events[n-1].End != nil {
		end := r.events[n-1].End
		s.Outputs, s.Tolerated, s.Message, s.Error = orNone(end.Outputs), end.Tolerated, end.Message, end.Error
	}
	if r.traced == nil {
		return s
	}
	if r.traced.End == nil {
		s.Deadline = r.traced.Deadline
	}
	for _, q := range r.requests() {
		s.Requests = append(s.Requests, requestJSON(q))
	}
	sights := sightsByPlace(r.sights)
	s.Parts = partsJSON(r.traced.Parts, sights)
	return s
}

func partsJSON(parts []*engine.TracedPart, sights map[engine.Address]journal.Sight) []partJSON {
	list := make([]partJSON, len(parts))
	for i, part := range parts {
		p := partJSON{Kind: part.Kind, Branch: part.Branch, Item: part.Item, StartedAt: part.Started, FinishedAt: part.Ended,
			Status: part.Status, Error: part.Error, Steps: make([]shownStepJSON, len(part.Steps))}
		if isItem(part) {
			p.Index = &part.Index
		}
		if part.Attempt > 1 {
			p.Attempt = part.Attempt
		}
		for k, s := range part.Steps {
			p.Steps[k] = shownStep(s, sights)
		}
		list[i] = p
	}
	return list
}

func shownStep(s *engine.TracedStep, sights map[engine.Address]journal.Sight) shownStepJSON {
	shown := shownStepJSON{
		At: s.At, Title: s.Title, Action: s.Step.Action, Where: s.Step.Pos.String(), Device: s.Device, Status: s.Status,
		StartedAt: s.Started, FinishedAt: s.Ended, Outputs: objectOf(s.Value), Error: s.Error, Tolerated: s.Tolerated, Kept: s.Kept,
		Attempts: attemptsOf(s), Tries: make([]tryJSON, len(s.Attempts)), Retried: make([]retryJSON, len(s.Retries)), Logs: s.Logs,
		Parts: partsJSON(s.Parts, sights),
	}
	for i, a := range s.Attempts {
		shown.Tries[i] = tryJSON{At: a.At, StartedAt: a.Started, FinishedAt: a.Ended, Params: orNone(a.Params), Error: a.Error, Kept: a.Kept}
		if i < len(s.Attempts)-1 { // those of the last one are the step's
			shown.Tries[i].Outputs, _ = a.Value.(map[string]any)
		}
	}
	for i, r := range s.Retries {
		shown.Retried[i] = retryJSON{Time: r.Time, Attempt: r.Attempt, Error: r.Error, Due: r.Due}
	}
	if s.Step.ForEach != nil {
		shown.Outputs = orNone(nil) // its results are its parts
	}
	if s.Ended.IsZero() {
		shown.Waits = waiting(s, sights)
	}
	return shown
}

// attemptsOf is how often a step was begun.
func attemptsOf(s *engine.TracedStep) int {
	switch {
	case s.Status == engine.Skipped:
		return 0
	case s.Waits == engine.WaitsRetry:
		return len(s.Retries)
	}
	return len(s.Retries) + 1
}

// objectOf is the object that a value is, never null.
func objectOf(value any) map[string]any {
	object, _ := value.(map[string]any)
	return orNone(object)
}

func waiting(s *engine.TracedStep, sights map[engine.Address]journal.Sight) *waitsJSON {
	w := &waitsJSON{For: s.Waits, Due: s.Due, Deadline: s.Deadline}
	for _, m := range conditions(s) {
		if w.Conditions == nil {
			w.Conditions = map[string]string{}
		}
		w.Conditions[m.name] = m.words
	}
	if sight, ok := sightOf(s, sights); ok {
		w.Seen, w.Since = sight.Text, sight.Since
	}
	return w
}
