package main

import (
	"io"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/internal/record"
)

// The shapes in this file are described in docs/output.md. Keys may be added; none is taken away or
// changes its meaning.

// runJSON is a run's head or whole, as --output json and jsonl show it.
type runJSON struct {
	ID       string         `json:"id"`
	Workflow string         `json:"workflow"`
	File     string         `json:"file"`
	Hash     string         `json:"hash"`
	Hubs     []hubJSON      `json:"hubs"` // the run's own first, then those that steps name
	Inputs   map[string]any `json:"inputs"`
	RetryOf  string         `json:"retryOf,omitempty"`
}

// hubJSON is a hub that a run may touch.
type hubJSON struct {
	Name      string `json:"name"`
	Title     string `json:"title"` // "simulator desk", or the host's name
	Simulated bool   `json:"simulated"`
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
	Outputs    map[string]any `json:"outputs"`
	Error      *engine.Error  `json:"error,omitempty"`
	Kept       bool           `json:"kept,omitempty"` // it ended so in the run that this one tries again
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

func runOf(s engine.RunStart, hubs []openHub) runJSON {
	run := runJSON{ID: s.ID, Workflow: s.Workflow, File: s.File, Hash: s.Hash, Inputs: s.Inputs, RetryOf: s.RetryOf, Hubs: []hubJSON{}}
	for _, h := range hubs {
		run.Hubs = append(run.Hubs, hubJSON{Name: h.name, Title: h.title, Simulated: !h.real})
	}
	return run
}

func stepOf(n *engine.Note) stepJSON {
	began := n.Started
	if began.IsZero() {
		began = n.Time
	}
	outputs, _ := n.Value.(map[string]any)
	return stepJSON{
		At: n.At, Title: n.Title, Action: n.Step.Action, Where: n.Step.Pos.String(), Device: n.Device, Status: n.Status,
		Attempts: n.Attempt, StartedAt: began, FinishedAt: n.Time, Outputs: record.Object(outputs), Error: n.Error, Kept: n.Kept,
	}
}

func endOf(s summary) endJSON {
	return endJSON{
		Status: s.outcome.Status, StartedAt: s.began, FinishedAt: s.ended, Outputs: record.Object(s.outcome.Outputs),
		Tolerated: s.outcome.Tolerated, Message: s.outcome.Message, Error: s.outcome.Error,
	}
}

func leftOf(s summary, why string) endJSON {
	return endJSON{Status: record.Unfinished, StartedAt: s.began, FinishedAt: s.ended, Outputs: record.Object(nil), Message: why}
}

// A jsonReporter writes one document when the run has ended.
type jsonReporter struct {
	out   io.Writer
	steps []stepJSON
}

func (j *jsonReporter) begin(h header) {
	for i := range h.past {
		j.note(&h.past[i])
	}
}

func (j *jsonReporter) interrupting(string) {}

func (j *jsonReporter) update(u runner.Update) {
	if u.Note != nil {
		j.note(u.Note)
	}
}

func (j *jsonReporter) note(n *engine.Note) {
	if n.Kind == engine.NoteStepEnded {
		j.steps = append(j.steps, stepOf(n))
	}
}

func (j *jsonReporter) end(s summary) { j.write(s, endOf(s)) }

func (j *jsonReporter) left(s summary, why error) { j.write(s, leftOf(s, why.Error())) }

func (j *jsonReporter) write(s summary, end endJSON) {
	steps := j.steps
	if steps == nil {
		steps = []stepJSON{}
	}
	writeJSON(j.out, documentJSON{Run: runOf(s.start, s.hubs), endJSON: end, Steps: steps})
}

// writeJSON writes a value for people's tools: indented.
func writeJSON(w io.Writer, value any) {
	text, err := record.Text(value, "  ")
	if err != nil {
		panic("twinbook: " + err.Error()) // all that is written is JSON already
	}
	io.WriteString(w, text)
}
