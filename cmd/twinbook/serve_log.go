package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/server/logs"
	"github.com/twinbook/twinbook/server/metrics"
	"github.com/twinbook/twinbook/server/traces"
)

// openLog begins the log, on stderr. It ends last.
func (s *service) openLog() {
	s.level = &slog.LevelVar{}
	s.level.Set(s.settings.logLevel)
	s.logs = logs.Open(logs.Config{Out: s.errScreen, JSON: s.settings.logFormat == "json", Level: s.level})
	s.log = s.logs.Logger()
	s.atEnd(func() error { return inTime(s.logs.Close) })
}

// openTraces makes ready to send traces, if the environment says where to.
func (s *service) openTraces(ctx context.Context) (err error) {
	if !traces.Wanted(s.env) {
		return nil
	}
	if s.traces, err = traces.Open(ctx, traces.Config{Env: s.env, Version: versionText(), Log: s.log}); err != nil {
		return err
	}
	s.atEnd(func() error {
		if err := inTime(s.traces.Close); err != nil {
			s.log.Warn("not all traces were sent", "error", err)
		}
		return nil
	})
	return nil
}

func (s *service) openMetrics() {
	c := metrics.Config{Version: versionText(), Counts: s.counts, LinesDropped: s.logs.Dropped}
	if s.traces != nil {
		c.SpansDropped = s.traces.Dropped
	}
	s.metrics = metrics.New(c)
}

// inTime closes what may have to wait for somebody else.
func inTime(close func(context.Context) error) error {
	ctx, stop := context.WithTimeout(context.Background(), partingTime)
	defer stop()
	return close(ctx)
}

// partingTime is how long others may take at the end: who reads the log, who is sent traces, who is being answered.
const partingTime = 2 * time.Second

// observe is told what happens in runs.
func (s *service) observe(u runner.Update) {
	s.logs.Observe(u)
	s.metrics.Observe(u)
	s.api.Observe(u)
	if s.traces != nil {
		s.traces.Observe(u)
	}
}
