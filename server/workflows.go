package server

import (
	"errors"
	"net/http"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/record"
	"github.com/twinbook/twinbook/server/library"
)

// A workflowLine is a workflow of the library, and what it takes to run it.
type workflowLine struct {
	Name        string        `json:"name"`
	Description string        `json:"description,omitempty"`
	File        string        `json:"file"`
	Hash        string        `json:"hash"` // of the version in use
	LoadedAt    time.Time     `json:"loadedAt"`
	Inputs      []inputLine   `json:"inputs"`
	Schedules   []string      `json:"schedules"` // ids
	Triggers    []triggerLine `json:"triggers"`
	Broken      *faultLine    `json:"broken,omitempty"` // the file is wrong by now, and the version before is in use
}

type inputLine struct {
	Name        string           `json:"name"`
	Type        engine.InputType `json:"type"`
	Description string           `json:"description,omitempty"`
	Required    bool             `json:"required"`
	Default     any              `json:"default,omitempty"`
	OneOf       []any            `json:"oneOf,omitempty"`
	Min         *float64         `json:"min,omitempty"`
	Max         *float64         `json:"max,omitempty"`
	Pattern     string           `json:"pattern,omitempty"`
}

type triggerLine struct {
	Kind string `json:"kind"` // webhook, twin
	ID   string `json:"id"`
}

// A faultLine is a file that is not in use as it is now.
type faultLine struct {
	File     string           `json:"file"`
	Workflow string           `json:"workflow,omitempty"` // whose version before is in use
	Since    time.Time        `json:"since,omitzero"`
	Detail   string           `json:"detail"`
	Problems []record.Problem `json:"problems"`
	More     int              `json:"more,omitempty"` // how many further problems there are
}

func (s *Server) listWorkflows(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	var all struct {
		Workflows []workflowLine `json:"workflows"`
		Faults    []faultLine    `json:"faults"`
	}
	all.Workflows, all.Faults = []workflowLine{}, []faultLine{}
	for _, e := range s.Starter.Library.Workflows() {
		all.Workflows = append(all.Workflows, workflowOf(e))
	}
	for _, f := range s.Starter.Library.Faults() {
		all.Faults = append(all.Faults, faultOf(f))
	}
	return c.json(http.StatusOK, all)
}

// showWorkflow answers with a workflow and its text.
func (s *Server) showWorkflow(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	e, ok := s.Starter.Library.Workflow(c.PathValue("workflow"))
	if !ok {
		return plain(http.StatusNotFound, "there is no such workflow on this server")
	}
	return c.json(http.StatusOK, struct {
		workflowLine
		Source string `json:"source"`
	}{workflowOf(e), string(e.Program.Source)})
}

func workflowOf(e library.Entry) workflowLine {
	w := e.Program.Workflow
	line := workflowLine{
		Name: e.Name, Description: w.Description, File: e.File, Hash: e.Program.Hash, LoadedAt: e.Loaded.UTC(),
		Inputs: []inputLine{}, Schedules: []string{}, Triggers: []triggerLine{},
	}
	for _, in := range w.Inputs {
		v := in.Value
		line.Inputs = append(line.Inputs, inputLine{
			Name: in.Name, Type: v.Type, Description: v.Description, Required: v.Required, Default: v.Default,
			OneOf: v.OneOf, Min: v.Min, Max: v.Max, Pattern: v.Pattern,
		})
	}
	for _, sched := range w.Schedules {
		line.Schedules = append(line.Schedules, e.Name+"/"+sched.ID)
	}
	for _, t := range w.Triggers {
		switch {
		case t.Webhook != nil:
			line.Triggers = append(line.Triggers, triggerLine{Kind: "webhook", ID: t.ID})
		case t.Twin != nil:
			line.Triggers = append(line.Triggers, triggerLine{Kind: "twin", ID: e.Name + "/" + t.ID})
		}
	}
	if e.Broken != nil {
		broken := faultOf(library.Fault{File: e.File, Err: e.Broken})
		line.Broken = &broken
	}
	return line
}

func faultOf(f library.Fault) faultLine {
	line := faultLine{File: f.File, Workflow: f.Workflow, Since: f.Since.UTC(), Detail: record.Clean(f.Err.Error()), Problems: []record.Problem{}}
	if f.Since.IsZero() {
		line.Since = time.Time{}
	}
	var problems engine.Problems
	if errors.As(f.Err, &problems) {
		problems, line.More = few(problems)
		line.Problems = record.Problems(problems)
	}
	return line
}
