package server

import (
	"errors"
	"net/http"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/schedule"
	"github.com/twinbook/twinbook/internal/record"
)

func (s *Server) pauseSchedule(c *call) error  { return s.setPaused(c, true) }
func (s *Server) resumeSchedule(c *call) error { return s.setPaused(c, false) }

// setPaused pauses a schedule or lets it go on, and answers with how it stands then.
func (s *Server) setPaused(c *call, paused bool) error {
	if err := c.decode(smallBody, &struct{}{}); err != nil {
		return err
	}
	sched, err := s.schedule(c)
	if err != nil {
		return err
	}
	now := s.Clock.Now()
	if err := s.Journal.PauseSchedule(c.Context(), sched.ID, paused, c.by, now); err != nil {
		return notKnown(err)
	}
	states, err := s.Journal.Schedules(c.Context())
	if err != nil {
		return err
	}
	var state journal.ScheduleState
	for _, each := range states {
		if each.ID == sched.ID {
			state = each
		}
	}
	return c.json(http.StatusOK, record.StandingOf(sched, state, now))
}

// notKnown is about a schedule that stands in a file, and that the scheduler has not read yet.
func notKnown(err error) error {
	if errors.Is(err, journal.ErrNotFound) {
		return problem(http.StatusConflict, "not-ready", "The schedule is not in force yet", "its file has just been read; try again in a moment")
	}
	return err
}

// backfillRequest is the body of POST /schedules/{workflow}/{schedule}/backfill.
type backfillRequest struct {
	From string `json:"from"` // RFC 3339
	To   string `json:"to"`
}

// backfillSchedule asks for runs for a schedule's times in the past.
func (s *Server) backfillSchedule(c *call) error {
	var q backfillRequest
	if err := c.decode(smallBody, &q); err != nil {
		return err
	}
	c.detail = shortened(q.From + ".." + q.To)
	now := s.Clock.Now()
	from, to, err := q.span(now)
	if err != nil {
		return err
	}
	sched, err := s.schedule(c)
	if err != nil {
		return err
	}
	if _, _, err := sched.Backfill(from.Format(time.RFC3339)+".."+to.Format(time.RFC3339), now); err != nil { // too many times, or none
		return invalid(FieldError{Pointer: "#/to", Detail: err.Error()})
	}
	b, err := s.Journal.AskBackfill(c.Context(), sched.ID, journal.Backfill{From: from, To: to, By: c.by, Asked: now})
	if err != nil {
		return notKnown(err)
	}
	return c.json(http.StatusAccepted, record.BackfillOf(b))
}

// span is the time that a backfill is about.
func (q backfillRequest) span(now time.Time) (from, to time.Time, err error) {
	var wrong []FieldError
	read := func(name, text string) time.Time {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			wrong = append(wrong, FieldError{Pointer: "#/" + name, Detail: "is required: a time like 2026-03-01T02:30:00Z"})
		}
		return t
	}
	from, to = read("from", q.From), read("to", q.To)
	switch {
	case len(wrong) > 0:
	case to.Before(from):
		wrong = append(wrong, FieldError{Pointer: "#/to", Detail: "is before from"})
	case to.After(now):
		wrong = append(wrong, FieldError{Pointer: "#/to", Detail: "is in the future; the schedule itself begins runs for times to come"})
	case from.Before(now.Add(-schedule.MaxAge)):
		wrong = append(wrong, FieldError{Pointer: "#/from", Detail: "is more than 366 days ago"})
	}
	if len(wrong) > 0 {
		return from, to, invalid(wrong...)
	}
	return from, to, nil
}
