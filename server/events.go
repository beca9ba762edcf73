package server

import (
	"math"
	"net/http"
	"strconv"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/record"
)

// How many events a page has.
const (
	pageOfEvents = 1000
	mostEvents   = 10_000
)

// runEvents answers with events of a run: a page of them, or, if the client asks for it, a stream.
func (s *Server) runEvents(c *call) error {
	c.w.Header().Set("Vary", "Accept")
	if c.wants("text/event-stream") {
		return s.streamEvents(c)
	}
	q, err := c.query("after", "limit")
	if err != nil {
		return err
	}
	after, err := q.number("after", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := q.number("limit", pageOfEvents, 1, mostEvents)
	if err != nil {
		return err
	}
	var body []byte
	err = s.heavily(c.Context(), func() error {
		events, err := s.Journal.Events(c.Context(), c.PathValue("run"), after)
		if err != nil {
			return err
		}
		page := struct {
			Events []engine.Event `json:"events"`
			Next   int64          `json:"next,omitempty"` // what the next page comes after; absent: these are all by now
		}{Events: events}
		if len(events) > int(limit) {
			page.Events, page.Next = events[:limit], events[limit-1].Seq
		}
		body, err = record.Bytes(page)
		return err
	})
	if err != nil {
		return err
	}
	return c.bytes(http.StatusOK, "application/json", body)
}

// from is the number of the last event that the client of a stream has: what a browser says when it comes back, or else what
// the URL says.
func (c *call) from() (int64, error) {
	q, err := c.query("after")
	if err != nil {
		return 0, err
	}
	after, err := q.number("after", 0, 0, math.MaxInt64)
	if err != nil {
		return 0, err
	}
	last := c.Header.Values("Last-Event-Id")
	if len(last) == 0 || last[0] == "" {
		return after, nil
	}
	n, err := strconv.ParseInt(last[0], 10, 64)
	if err != nil || n < 0 || len(last) > 1 {
		const wrong = "it is the number of an event of this run"
		p := plain(http.StatusBadRequest, "Last-Event-ID: "+wrong)
		p.Errors = []FieldError{{Header: "Last-Event-ID", Detail: wrong}}
		return 0, p
	}
	return n, nil
}
