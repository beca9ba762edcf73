package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/engine/schedule"
	"github.com/twinbook/twinbook/server"
	"github.com/twinbook/twinbook/server/access"
	"github.com/twinbook/twinbook/server/library"
	"github.com/twinbook/twinbook/server/logs"
	"github.com/twinbook/twinbook/server/metrics"
	"github.com/twinbook/twinbook/server/traces"
	"github.com/twinbook/twinbook/server/triggers"
)

func (a *app) serveCommand() *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run workflows by schedules, triggers and an HTTP API until interrupted",
		Long: "Serves the workflows of a folder: it starts runs when their schedules and triggers say so, and for programs and\n" +
			"people over HTTP. It goes on with the runs of its journal that no living process drives. It may be killed at any\n" +
			"time: the next one goes on.\n\n" +
			"Unless tokens or oidc are configured, it listens on this machine only, and whoever is on this machine may do\n" +
			"everything.\n\n" +
			"SIGTERM and Ctrl-C: nothing further begins, steps under way may end within --grace; a second one ends it at once.\n" +
			"SIGHUP: the configuration and the workflows are read again.\n\n" +
			"Exit codes: 0 it was told to end; 1 it had to end; 2 a bad flag or configuration, nothing was touched.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.serve(c.Context(), f) },
	}
	f.register(c.Flags())
	a.hubFlag(c, c.Flags(), &f.hub)
	a.journalFlag(c.Flags())
	c.AddCommand(a.tokenCommand())
	return c
}

// A service is one call of `serve` and its parts.
type service struct {
	*app
	flags      serveFlags
	settings   serveSettings // as it started; what a reload changes is with the parts
	supervisor supervisor
	hangups    chan os.Signal
	phase      phase

	journal     servedJournal
	journalFile string                // empty: in memory
	unwritten   atomic.Pointer[error] // why its last commit failed; nil: it did not
	reach       *reach
	library     *library.Library
	runner      *runner.Runner

	logs    *logs.Log
	log     *slog.Logger // its lines
	level   *slog.LevelVar
	metrics *metrics.Metrics
	traces  *traces.Traces // nil: nobody wants them

	starter *server.Starter
	book    *schedule.Book    // of schedules
	lookout *triggers.Lookout // for twins

	following sync.Mutex // one follow at a time: the last one has the latest workflows

	gate     *access.Gate
	cert     *access.Certificate // nil: no TLS
	listener net.Listener
	api      *server.Server
	http     *http.Server

	runs     context.Context // that runs live under; it ends last
	stopRuns context.CancelCauseFunc

	closing []func() error // what is done at the end, the last one first
}

// A phase is how far a server is in its life.
type phase struct{ now atomic.Int32 }

const (
	starting int32 = iota
	ready
	draining
)

func (p *phase) is(one int32) bool { return p.now.Load() == one }

// serve runs a server until ctx ends.
func (a *app) serve(ctx context.Context, f serveFlags) error {
	settings, err := a.serveSettings(f)
	if err != nil {
		return a.refused(err)
	}
	s := a.newService(f, settings)
	if err := s.open(ctx); err != nil {
		return errors.Join(a.refused(err), s.close())
	}
	err = s.run(ctx)
	if closed := s.close(); closed != nil && err == nil {
		err = coded{exitFailed, closed}
	}
	return err
}

// refused says all that is wrong with what a server is to run with.
func (a *app) refused(err error) error {
	var wrong wrongSettings
	if !errors.As(err, &wrong) {
		return err
	}
	for _, each := range wrong {
		a.explain(each)
	}
	return coded{code: exitUsage}
}

func (a *app) newService(f serveFlags, settings serveSettings) *service {
	s := &service{app: a, flags: f, settings: settings, supervisor: a.supervisor()}
	s.runs, s.stopRuns = context.WithCancelCause(context.Background())
	s.listenForReloads()
	s.openLog()
	return s
}

// atEnd has f called when the server is closed, before what was to be done then so far.
func (s *service) atEnd(f func() error) { s.closing = append(s.closing, f) }

func (s *service) close() error {
	var all []error
	for i := len(s.closing) - 1; i >= 0; i-- {
		all = append(all, s.closing[i]())
	}
	s.closing = nil
	return errors.Join(all...)
}

// open makes all parts ready. Nothing begins yet, and nobody is answered. The error is all that is wrong.
func (s *service) open(ctx context.Context) error {
	var wrong wrongSettings
	wrong.add(s.openTraces(ctx))
	s.openMetrics()
	wrong.add(s.openServedJournal(ctx))
	wrong.add(s.openGate())
	wrong.add(s.openReach(ctx))
	if len(wrong) == 0 {
		wrong.add(s.openLibrary(ctx))
	}
	if len(wrong) == 0 { // only what is right listens
		wrong.add(s.openDoor())
	}
	switch {
	case ctx.Err() != nil:
		return stopped(ctx)
	case len(wrong) > 0:
		return wrong
	}
	s.openRunner()
	s.openStarters()
	s.openAPI()
	return nil
}

// openReach opens the hub of runs that name none. One that is down is open all the same.
func (s *service) openReach(ctx context.Context) error {
	s.reach = s.newReach(s.settings.config, s.settings.hub.name, s.metrics.Hub)
	s.atEnd(func() error {
		s.reach.close()
		return nil
	})
	_, err := s.reach.with(ctx, s.settings.hub.name)
	return err
}

// parts are what runs as long as the server does. The first that fails ends all.
type parts struct {
	ctx  context.Context
	fail context.CancelCauseFunc
	all  sync.WaitGroup
}

func newParts(ctx context.Context) *parts {
	p := &parts{}
	p.ctx, p.fail = context.WithCancelCause(ctx)
	return p
}

func (p *parts) start(name string, f func(context.Context) error) {
	p.all.Go(func() {
		if err := f(p.ctx); err != nil && p.ctx.Err() == nil {
			p.fail(fmt.Errorf("%s: %w", name, err))
		}
	})
}

// run serves until ctx ends or a part fails, and then ends all in good order.
func (s *service) run(ctx context.Context) error {
	p := newParts(ctx)
	defer p.fail(nil)
	s.follow()
	served := s.answer(s.api.HTTP())
	p.start("runs that were left behind", s.adopt)
	p.start("workflows", s.library.Run)
	p.start("schedules", s.book.Run)
	p.start("reloads", s.hearReloads)
	select {
	case <-p.ctx.Done():
	case err := <-served:
		p.fail(fmt.Errorf("HTTP: %w", err))
	}
	why := context.Cause(p.ctx)
	s.drain(p, why)
	s.stopHTTP()
	s.stopRuns(errServerEnded)
	inTime(s.runner.Drain) // those that were cut off say so
	if _, asked := interruption(ctx); asked {
		s.log.Info("ended")
		return nil
	}
	return coded{exitFailed, why}
}

var errServerEnded = errors.New("the server has ended")
