package server

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// signalRequest is the body of POST /runs/{run}/signal.
type signalRequest struct {
	Name    string `json:"name"`
	Payload any    `json:"payload"`
	Reason  string `json:"reason"`
}

// signalRun tells a run something that a waitForSignal of it waits for, or will.
func (s *Server) signalRun(c *call) error {
	var q signalRequest
	if err := c.decode(valuesBody, &q); err != nil {
		return err
	}
	if q.Name == "" {
		return invalid(FieldError{Pointer: "#/name", Detail: "is required: the name of the signal"})
	}
	c.detail = shortened(q.Name)
	return s.ask(c, journal.Request{
		Kind: engine.SignalReceived, Reason: q.Reason, Signal: &engine.Signal{Name: q.Name, Payload: q.Payload, Roles: c.who.Roles},
	})
}

// answerRequest is the body of POST /runs/{run}/approve and reject.
type answerRequest struct {
	At      string `json:"at"` // the address of the approve step; may be left out where there is one alone
	Payload any    `json:"payload"`
	Reason  string `json:"reason"`
}

func (s *Server) approveRun(c *call) error { return s.decide(c, true) }
func (s *Server) rejectRun(c *call) error  { return s.decide(c, false) }

// decide answers an approve of a run.
func (s *Server) decide(c *call, approved bool) error {
	var q answerRequest
	if err := c.decode(valuesBody, &q); err != nil {
		return err
	}
	c.detail = shortened(q.At)
	ask, err := s.asked(c, q.At)
	if err != nil {
		return err
	}
	c.detail = shortened(strings.TrimSpace(string(ask.At) + " " + q.Reason))
	if !engine.MayAnswer(ask.Roles, c.who.Roles) {
		return plain(http.StatusForbidden, fmt.Sprintf("%s may not answer this: it takes the role %s", c.by, strings.Join(ask.Roles, " or ")))
	}
	return s.ask(c, journal.Request{
		Kind: engine.SignalReceived, At: ask.At, Reason: q.Reason,
		Signal: &engine.Signal{Payload: q.Payload, Approved: approved, Roles: c.who.Roles},
	})
}

// asked is the approve that somebody wants to answer: the one at an address, or the only one, also by the end of its address.
// What waits follows from the run's events; the journal refuses an answer beside one that waits to be heard.
func (s *Server) asked(c *call, at string) (engine.Ask, error) {
	run, err := s.run(c)
	if err != nil {
		return engine.Ask{}, err
	}
	var r record.Record
	if err := s.heavily(c.Context(), func() error {
		r, err = s.record(c.Context(), run)
		return err
	}); err != nil {
		return engine.Ask{}, err
	}
	open, meant := r.Approvals(at)
	before, answered := r.Answer(at)
	switch {
	case len(meant) == 1:
		return meant[0], nil
	case len(meant) == 0 && answered:
		return engine.Ask{}, before
	case r.Run.Status != "":
		return engine.Ask{}, fmt.Errorf("run %s: %w", run.ID, journal.ErrEnded)
	}
	return engine.Ask{}, notAsked(open)
}

// notAsked is for an answer that fits none, or several, of what is asked.
func notAsked(open []engine.Ask) *Problem {
	p := problem(http.StatusConflict, "not-asked", "Nobody is asked for this", "no approve of the run waits for an answer")
	if len(open) > 0 {
		names := make([]string, len(open))
		for i, ask := range open {
			names[i] = string(ask.At.Step())
		}
		p.Detail = "say in `at` which approve is meant; those that wait for an answer: " + strings.Join(names, ", ")
	}
	return p
}
