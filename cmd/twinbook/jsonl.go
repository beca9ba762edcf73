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
	Step    *stepJSON       `json:"step,omitempty"` // stepEnded
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
		j.write(eventJSON{Type: kind, Time: u.Time, Start: &start})
	case u.Request != nil:
		j.write(eventJSON{Type: string(u.Request.Kind), Time: u.Time, By: u.Request.By, Reason: u.Request.Reason})
	case u.Note != nil && u.Note.Kind != engine.NotePaused && u.Note.Kind != engine.NoteResumed: // which follow from requests
		j.write(j.note(u.Note))
	case u.Progress != nil:
		p := u.Progress
		j.write(eventJSON{
			Type: "stepWaits", Time: u.Time, At: p.At.Step(), Title: p.Title, Action: p.Step.Action,
			Where: p.Step.Pos.String(), Device: p.Device, Seen: p.Text,
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

func (j *jsonlReporter) left(s summary, why error) {
	end := leftOf(s, why.Error())
	j.write(eventJSON{Type: "runLeft", Time: s.ended, End: &end})
}
