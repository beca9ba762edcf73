package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/twinbook/twinbook/engine/runner"
)

// becomeReady has the server take work.
func (s *service) becomeReady(ctx context.Context) {
	if s.phase.now.CompareAndSwap(starting, ready) {
		s.announce(ctx)
		s.supervisor.ready(s.status())
	}
}

// status is how the server is, in a line.
func (s *service) status() string {
	text := counted(len(s.library.Workflows()), "workflow") + " at " + s.url()
	if n := len(s.library.Faults()); n > 0 {
		text += "; " + counted(n, "file") + " with a fault"
	}
	return text
}

// drain takes no more work, and lets the steps that are under way end as long as the grace lasts.
func (s *service) drain(p *parts, why error) {
	s.phase.now.Store(draining)
	s.log.Info("ending: nothing further begins", "because", why.Error())
	over := atParting(p.ctx, func() { fmt.Fprintln(s.errScreen, "ended at once; the next start goes on with all runs") })
	defer over()
	s.api.Stop() // who reads a stream of events begins again with the next server
	p.fail(why)
	p.all.Wait()
	grace := s.settings.grace // a reload may have changed it
	s.supervisor.stopping("ending; steps under way may take " + grace.String())
	ctx, stop := context.WithTimeout(context.WithoutCancel(p.ctx), grace)
	defer stop()
	if err := s.runner.Drain(ctx); err != nil && !errors.Is(err, runner.ErrDraining) {
		s.log.Warn("the grace is over: what is still under way is cut off", "because", err.Error())
	}
}
