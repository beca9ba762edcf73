package server

import (
	"net/http"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// reasonRequest is the body of requests that may say why.
type reasonRequest struct {
	Reason string `json:"reason"`
}

func (s *Server) cancelRun(c *call) error { return s.wish(c, engine.CancelRequested) }
func (s *Server) pauseRun(c *call) error  { return s.wish(c, engine.PauseRequested) }
func (s *Server) resumeRun(c *call) error { return s.wish(c, engine.ResumeRequested) }

// wish passes on what somebody wants of a run.
func (s *Server) wish(c *call, kind engine.EventKind) error {
	var q reasonRequest
	if err := c.decode(smallBody, &q); err != nil {
		return err
	}
	c.detail = shortened(q.Reason)
	return s.ask(c, journal.Request{Kind: kind, Reason: q.Reason})
}

// ask keeps a wish about the run that the path names. It comes true when the process that drives the run hears of it, so
// the answer is 202 with the run's line as it is by now.
func (s *Server) ask(c *call, q journal.Request) error {
	q.Run, q.By, q.Time = c.PathValue("run"), c.by, s.Clock.Now()
	if err := s.Journal.Ask(c.Context(), q); err != nil {
		return err
	}
	run, err := s.run(c)
	if err != nil {
		return err
	}
	return c.json(http.StatusAccepted, record.List(run))
}
