package server

import (
	"context"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// showRun answers with all that is known of a run. It is made of all of its events, which may be very many.
func (s *Server) showRun(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	run, err := s.run(c)
	if err != nil {
		return err
	}
	var body []byte
	if err := s.heavily(c.Context(), func() error {
		r, err := s.record(c.Context(), run)
		if err == nil {
			body, err = record.Bytes(r.Show())
		}
		return err
	}); err != nil {
		return err
	}
	return c.bytes(200, "application/json", body)
}

// run is the one that the path names.
func (s *Server) run(c *call) (journal.Run, error) {
	return s.Journal.Run(c.Context(), c.PathValue("run"))
}

func (s *Server) record(ctx context.Context, run journal.Run) (record.Record, error) {
	return record.Read(ctx, s.Journal, run, s.Starter.World.Stored)
}
