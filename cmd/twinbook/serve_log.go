package main

import (
	"log/slog"

	"github.com/twinbook/twinbook/engine/runner"
)

// newLog makes the log of a server, on stderr.
func (a *app) newLog(format string, level *slog.LevelVar) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(a.err, options))
	}
	return slog.New(slog.NewTextHandler(a.err, options))
}

// observe is told what happens in runs.
func (s *service) observe(u runner.Update) {
	s.metrics.Observe(u)
	s.api.Observe(u)
	switch {
	case u.End != nil:
		s.log.Info("run ended", "run", u.Run, "status", u.End.Status)
	case u.Err != nil:
		s.log.Error("run stopped", "run", u.Run, "error", u.Err)
	}
}
