package main

import (
	"io"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// eventJSON is one line of --output jsonl. Type says which of the others are set.
type eventJSON struct {
	Type string    `json:"type"`
	Time time.Time `json:"time"`
	Run  string    `json:"run"`

	Start *runJSON `json:"start,omitempty"` // runStarted, runResumed
	End   *endJSON `json:"end,omitempty"`   // runEnded, runLeft

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
	By      string          `json:"by,omitempty"`   // of a request: who asked, and why
	Reason  string          `json:"reason,omitempty"`
	Asks    *engine.Ask     `json:"asks,omitempty"`   // stepWaits: what the run waits to be told
	Signal  *engine.Signal  `json:"signal,omitempty"` // signalReceived
	Queued  bool            `json:"queued,omitempty"` // runStarted, runResumed: it waits for its turn
	Step    *stepJSON       `json:"step,omitempty"`   // stepEnded
}

// A jsonlReporter writes a line for each event as it happens.
type jsonlReporter struct {
	out  io.Writer
	hubs []openHub
	run  string
}

func (j *jsonlReporter) begin(h header)      { j.hubs, j.run = h.hubs, h.start.ID }
func (j *jsonlReporter) interrupting(string) {}

func (j *jsonlReporter) update(u runner.Update) {
	switch {
	case u.Start != nil:
		start := runOf(*u.Start, j.hubs)
		kind := "runStarted"
		if u.Resumed {
			kind = "runResumed"
		}
		j.write(eventJSON{Type: kind, Time: u.Time, Start: &start, Queued: u.Queued})
	case u.Request != nil:
		q := u.Request
		j.write(eventJSON{Type: string(q.Kind), Time: u.Time, At: q.At.Step(), Signal: q.Signal, By: q.By, Reason: q.Reason})
	case u.Note != nil && !follows(u.Note.Kind):
		j.write(j.note(u.Note))
	case u.Progress != nil:
		p := u.Progress
		j.write(eventJSON{
			Type: "stepWaits", Time: u.Time, At: p.At.Step(), Title: p.Title, Action: p.Step.Action,
			Where: p.Step.Pos.String(), Device: p.Device, Seen: p.Text,
		})
	}
}

// follows says whether a note follows from a request that has been told.
func follows(kind engine.NoteKind) bool {
	return kind == engine.NotePaused || kind == engine.NoteResumed || kind == engine.NoteAdmitted
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
	case engine.NoteAsks:
		e.Type, e.Asks = string(engine.NoteStepWaits), n.Ask
	case engine.NoteIgnored:
		e.By, e.Reason = n.By, n.Reason
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

func (j *jsonlReporter) left(s summary, why error) {
	end := leftOf(s, why.Error())
	j.write(eventJSON{Type: "runLeft", Time: s.ended, End: &end})
}
