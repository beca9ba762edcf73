package main

import (
	"context"
	"errors"
	"strings"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/schedule"
	"github.com/twinbook/twinbook/server"
	"github.com/twinbook/twinbook/server/library"
	"github.com/twinbook/twinbook/server/metrics"
	"github.com/twinbook/twinbook/server/triggers"
)

// openStarters makes ready what begins runs: requests, schedules and twins have it done by the same starter.
func (s *service) openStarters() {
	clock := s.reach.clock
	s.starter = &server.Starter{Library: s.library, World: s.reach, Runner: s.runner, Clock: clock, Runs: s.runs}
	s.book = schedule.New(schedule.Config{Store: s.journal, Starter: s.starter, Clock: clock, Observe: s.fired, Log: s.log})
	s.lookout = triggers.New(triggers.Config{Clock: clock, Store: s.journal, Watch: s.reach.watchAll, Observe: s.triggered})
	s.atEnd(func() error {
		s.lookout.Close()
		return nil
	})
}

// openLibrary reads the workflows. Files with faults are told of in the log, and do not keep the server from starting.
func (s *service) openLibrary(ctx context.Context) (err error) {
	s.library, err = library.Open(ctx, library.Config{
		Dir: s.settings.workflows, Kind: kindOf, Compile: s.reach.compileAdmitted, Changed: s.follow, Log: s.log,
	})
	return err
}

// follow has schedules and triggers be those of the workflows that there are now.
func (s *service) follow() {
	s.following.Lock()
	defer s.following.Unlock()
	entries := s.library.Workflows()
	s.book.Replace(schedulesOf(entries, s.log.Error))
	if err := s.lookout.Set(s.runs, s.triggersOf(entries)); err != nil {
		s.log.Error("not all triggers can be followed", "error", err)
	}
	s.metrics.Workflows(len(entries), len(s.library.Faults()))
	if s.phase.is(ready) {
		s.supervisor.ready(s.status())
	}
}

// schedulesOf are the schedules of workflows. What is wrong with one was a problem of its file before.
func schedulesOf(entries []library.Entry, wrong func(msg string, args ...any)) (all []schedule.Schedule) {
	var r schedule.Reader
	for _, e := range entries {
		for _, source := range e.Program.Workflow.Schedules {
			one, err := r.Read(e.Name, source)
			if err != nil {
				wrong("a schedule cannot be followed", "workflow", e.Name, "error", err)
				continue
			}
			all = append(all, one)
		}
	}
	return all
}

// fired is told what became of a schedule's time.
func (s *service) fired(f schedule.Fired) {
	var taken *journal.TakenError
	var full *journal.FullError
	result, late := metrics.Fired, f.Began.Sub(f.Due)
	if f.Missed || f.Backfill {
		late = -1
	}
	switch {
	case errors.As(f.Err, &taken), errors.As(f.Err, &full):
		result = metrics.Skipped
	case f.Err != nil:
		result = metrics.Failed
	}
	workflow, _, _ := strings.Cut(f.Schedule, "/")
	s.metrics.Fired(workflow, result, late)
	s.log.Debug("a schedule's time has come", "schedule", f.Schedule, "time", f.Nominal, "late", f.Began.Sub(f.Due).String(), "result", result)
}
