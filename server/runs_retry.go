package server

import (
	"errors"
	"net/http"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
)

// retryRequest is the body of POST /runs/{run}/retry.
type retryRequest struct {
	Again []string `json:"again"` // steps of delivery once that may be repeated although they may have happened
}

// A Doubt is a step that may have happened, and would be done again.
type Doubt struct {
	At     string `json:"at"`
	Again  string `json:"again"` // what to write into again if it may be repeated
	Title  string `json:"title"`
	Device string `json:"device,omitempty"`
	Detail string `json:"detail"`
}

// retryRun begins a run that does again what failed in another one.
func (s *Server) retryRun(c *call) error {
	var q retryRequest
	if err := c.decode(smallBody, &q); err != nil {
		return err
	}
	run, err := s.run(c)
	if err != nil {
		return err
	}
	c.detail = "of " + run.ID
	switch {
	case run.Retry != "":
		return &journal.RetriedError{Run: run.ID, Retry: run.Retry}
	case run.Status == "":
		return journal.ErrUnfinished
	}
	var h *runner.Handle
	err = s.heavily(c.Context(), func() error {
		sources, err := s.Journal.Sources(c.Context(), run.ID)
		if err == nil {
			h, err = s.Starter.Retry(c.Context(), run, sources, q.Again, c.by)
		}
		return err
	})
	return s.began(c, h, retryProblem(err), nil)
}

// retryProblem is for errors that only say in words that a run cannot be tried again.
func retryProblem(err error) error {
	if err == nil || runProblem(err) != nil || errors.Is(err, ErrNoHub) || errors.Is(err, runner.ErrDraining) {
		return err
	}
	var notReady *NotReadyError
	if errors.As(err, &notReady) {
		return err
	}
	return problem(http.StatusConflict, "no-retry", "The run cannot be tried again", err.Error())
}

func doubtProblem(e *runner.DoubtError) *Problem {
	p := problem(http.StatusConflict, "doubts", "Something would be done twice",
		"steps that must not happen twice may have happened; look at the devices, and name in again what may be repeated")
	p.Run = e.Run
	for _, d := range e.Doubts {
		p.Doubts = append(p.Doubts, Doubt{At: string(d.At), Again: againWord(d), Title: d.Title, Device: d.Device, Detail: d.String()})
	}
	return p
}

// againWord is how `again` names a step: by its id, or, where it has none, by its address.
func againWord(d engine.Doubt) string {
	if at := string(d.At); at == d.Step || strings.HasSuffix(at, "/"+d.Step) {
		return d.Step
	}
	return string(d.At)
}
