package server

import "net/http"

// health says that the process answers.
func (s *Server) health(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	return c.json(http.StatusOK, map[string]string{"status": "ok"})
}

// ready says whether the server can do its work. Why it cannot is for the log: anybody may ask.
func (s *Server) ready(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	if err := s.Ready(c.Context()); err != nil {
		s.Log.Warn("not ready", "error", err)
		return plain(http.StatusServiceUnavailable, "the server cannot do its work now; its log says why")
	}
	return c.json(http.StatusOK, map[string]string{"status": "ready"})
}
