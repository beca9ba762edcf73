package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// The shapes in this file are described in docs/output.md. Keys may be added; none is taken away or
// changes its meaning.

// runJSON is a run's head or whole, as --output json and jsonl show it.
type runJSON struct {
	ID       string         `json:"id"`
	Workflow string         `json:"workflow"`
	File     string         `json:"file"`
	Hash     string         `json:"hash"`
	Hub      string         `json:"hub"`
	Inputs   map[string]any `json:"inputs"`
}

// stepJSON is a step that ended.
type stepJSON struct {
	At         engine.Address `json:"at"`
	Title      string         `json:"title"`
	Action     string         `json:"action"`
	Where      string         `json:"where"`
	Device     string         `json:"device,omitempty"`
	Status     engine.Status  `json:"status"`
	Attempts   int            `json:"attempts"`
	StartedAt  time.Time      `json:"startedAt"`
	FinishedAt time.Time      `json:"finishedAt"`
	Outputs    any            `json:"outputs,omitempty"`
	Error      *engine.Error  `json:"error,omitempty"`
}

// endJSON is how a run ended.
type endJSON struct {
	Status     engine.Status  `json:"status"`
	StartedAt  time.Time      `json:"startedAt"`
	FinishedAt time.Time      `json:"finishedAt"`
	Outputs    map[string]any `json:"outputs"`
	Tolerated  int            `json:"tolerated"`
	Message    string         `json:"message,omitempty"`
	Error      *engine.Error  `json:"error,omitempty"`
}

// documentJSON is all of --output json.
type documentJSON struct {
	Run runJSON `json:"run"`
	endJSON
	Steps []stepJSON `json:"steps"`
}

func runOf(s engine.RunStart, hub string) runJSON {
	return runJSON{ID: s.ID, Workflow: s.Workflow, File: s.File, Hash: s.Hash, Hub: hub, Inputs: s.Inputs}
}

func stepOf(n *engine.Note) stepJSON {
	began := n.Started
	if began.IsZero() {
		began = n.Time
	}
	return stepJSON{
		At: n.At, Title: n.Title, Action: n.Step.Action, Where: n.Step.Pos.String(), Device: n.Device, Status: n.Status,
		Attempts: n.Attempt, StartedAt: began, FinishedAt: n.Time, Outputs: n.Value, Error: n.Error,
	}
}

func endOf(s summary) endJSON {
	outputs := s.outcome.Outputs
	if outputs == nil {
		outputs = map[string]any{}
	}
	return endJSON{
		Status: s.outcome.Status, StartedAt: s.began, FinishedAt: s.ended, Outputs: outputs,
		Tolerated: s.outcome.Tolerated, Message: s.outcome.Message, Error: s.outcome.Error,
	}
}

// A jsonReporter writes one document when the run has ended.
type jsonReporter struct {
	out   io.Writer
	steps []stepJSON
}

func (j *jsonReporter) begin(header) {}

func (j *jsonReporter) update(u runner.Update) {
	if u.Note != nil && u.Note.Kind == engine.NoteStepEnded {
		j.steps = append(j.steps, stepOf(u.Note))
	}
}

func (j *jsonReporter) end(s summary) {
	steps := j.steps
	if steps == nil {
		steps = []stepJSON{}
	}
	writeJSON(j.out, documentJSON{Run: runOf(s.start, s.hub), endJSON: endOf(s), Steps: steps})
}

// writeJSON writes a value for people's tools: indented, characters as they are.
func writeJSON(w io.Writer, value any) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		panic("twinbook: " + err.Error()) // all that is written is JSON already
	}
}

// eventJSON is one line of --output jsonl. Type says which of the others are set.
type eventJSON struct {
	Type string    `json:"type"`
	Time time.Time `json:"time"`
	Run  string    `json:"run"`

	Start *runJSON `json:"start,omitempty"` // runStarted
	End   *endJSON `json:"end,omitempty"`   // runEnded

	At      engine.Address  `json:"at,omitempty"`
	Title   string          `json:"title,omitempty"`
	Action  string          `json:"action,omitempty"`
	Where   string          `json:"where,omitempty"`
	Device  string          `json:"device,omitempty"`
	Attempt int             `json:"attempt,omitempty"`
	Seen    string          `json:"seen,omitempty"`  // stepWaits
	Due     time.Time       `json:"due,omitzero"`    // stepWaits, stepRetry
	Log     *engine.LogLine `json:"log,omitempty"`   // log
	Error   *engine.Error   `json:"error,omitempty"` // stepRetry, itemEnded
	Status  engine.Status   `json:"status,omitempty"`
	Item    any             `json:"item,omitempty"` // itemStarted, itemEnded
	Step    *stepJSON       `json:"step,omitempty"` // stepEnded
}

// A jsonlReporter writes a line for each event as it happens.
type jsonlReporter struct {
	out io.Writer
	hub string
	run string
}

func (j *jsonlReporter) begin(h header) { j.hub = h.hub }

func (j *jsonlReporter) update(u runner.Update) {
	switch {
	case u.Start != nil:
		j.run = u.Run
		start := runOf(*u.Start, j.hub)
		j.write(eventJSON{Type: "runStarted", Time: u.Time, Start: &start})
	case u.Note != nil:
		j.write(j.note(u.Note))
	case u.Progress != nil:
		p := u.Progress
		j.write(eventJSON{
			Type: "stepWaits", Time: u.Time, At: p.At.Step(), Action: p.Step.Action, Where: p.Step.Pos.String(),
			Device: p.Device, Seen: p.Text,
		})
	}
}

func (j *jsonlReporter) note(n *engine.Note) eventJSON {
	e := eventJSON{Type: string(n.Kind), Time: n.Time, At: n.At, Title: n.Title, Device: n.Device, Due: n.Due, Log: n.Log}
	if n.Step != nil {
		e.Action, e.Where = n.Step.Action, n.Step.Pos.String()
	}
	switch n.Kind {
	case engine.NoteStepEnded:
		step := stepOf(n)
		return eventJSON{Type: e.Type, Time: e.Time, At: n.At, Step: &step}
	case engine.NoteStepRetry:
		e.Attempt, e.Error = n.Attempt, n.Error
	case engine.NoteItemStarted, engine.NoteItemEnded:
		e.Item, e.Status, e.Error = n.Value, n.Status, n.Error
	}
	return e
}

func (j *jsonlReporter) write(e eventJSON) {
	e.Run = j.run
	io.WriteString(j.out, jsonLine(e)+"\n")
}

func (j *jsonlReporter) end(s summary) {
	end := endOf(s)
	j.write(eventJSON{Type: "runEnded", Time: s.ended, End: &end})
}
