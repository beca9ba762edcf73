package server

import (
	"net/http"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
)

// streamEvents answers with the events of a run as they happen (Server-Sent Events), until it has ended. The id of each
// is its number, so that a browser that was cut off goes on where it was; what it asks for after the end is 204,
// which tells it to stay away.
func (s *Server) streamEvents(c *call) error {
	after, err := c.from()
	if err != nil {
		return err
	}
	run, err := s.run(c)
	if err != nil {
		return err
	}
	if over, err := s.over(c, run, after); over || err != nil {
		if over {
			c.w.WriteHeader(http.StatusNoContent)
		}
		return err
	}
	if c.Method == http.MethodHead {
		s.streamHead(c)
		return nil
	}
	r, err := s.feeds.join(run.ID, after)
	if err != nil {
		return err
	}
	defer r.leave()
	if err := r.ready(c.Context(), s.heavily); err != nil {
		return err
	}
	s.streamHead(c)
	s.stream(c, r)
	return nil
}

// over says whether the client has all events that there will ever be.
func (s *Server) over(c *call, run journal.Run, after int64) (bool, error) {
	if run.Status == "" || after == 0 {
		return false, nil
	}
	events, err := s.Journal.Events(c.Context(), run.ID, after)
	return len(events) == 0, err
}

func (s *Server) streamHead(c *call) {
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events until there are 4 KiB of them
	c.w.WriteHeader(http.StatusOK)
}

// stream sends what a reader is given until the run's end, the server's, or the client's: one that does not take
// what it is sent in time is dropped, and may come back for the rest. So is one whose token counts no longer, which
// is looked at with each heartbeat and when the server's configuration is read again.
func (s *Server) stream(c *call, r *reader) {
	control := http.NewResponseController(c.w)
	send := func(text []byte) bool {
		c.toTake()
		_, err := c.w.Write(text)
		if err == nil {
			err = control.Flush()
		}
		control.SetWriteDeadline(time.Time{}) // over HTTP/2 one that passes ends the stream although nothing is written
		return err == nil
	}
	alive := time.NewTicker(s.Heartbeat)
	defer alive.Stop()
	if !send([]byte("retry: 2000\n\n")) {
		return
	}
	replaced := s.Gate.Replaced()
	for {
		text, more, end := r.next()
		switch {
		case len(text) > 0:
			if !s.still(c, &replaced) || !send(text) {
				return
			}
			continue
		case end:
			return
		}
		select {
		case <-more:
		case <-replaced:
			if !s.still(c, &replaced) {
				return
			}
		case <-alive.C:
			if _, err := s.Gate.Identify(c.Request); err != nil || !send([]byte(":\n\n")) {
				return
			}
		case <-c.Context().Done():
			return
		}
	}
}

// still says whether who was let in still would be, if the configuration has been replaced since.
func (s *Server) still(c *call, replaced *<-chan struct{}) bool {
	select {
	case <-*replaced:
		*replaced = s.Gate.Replaced()
		_, err := s.Gate.Identify(c.Request)
		return err == nil
	default:
		return true
	}
}
