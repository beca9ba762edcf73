package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/engine/schedule"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/server/library"
)

// A Starter makes runs of wishes; all its fields must be set. Its methods may be called from many places at once.
type Starter struct {
	Library Library
	World   World
	Runner  Runner
	Clock   clock.Clock

	// Runs is what runs live under: it outlives requests, and ends with the server.
	Runs context.Context
}

// A Wish is a run that somebody wants.
type Wish struct {
	Workflow string         // its name
	Hub      string         // empty: the configuration's default
	Inputs   map[string]any // JSON
	Trigger  any            // what it becomes as run.trigger
	By       string         // who wants it
	runner.Admission
}

// An UnknownError says that there is no workflow of a name.
type UnknownError struct {
	Workflow string
	Faults   []library.Fault // the files of which nothing is in use: it may be in one of them
}

func (e *UnknownError) Error() string {
	text := fmt.Sprintf("there is no workflow %q on this server", e.Workflow)
	for _, f := range e.Faults {
		if base := filepath.Base(f.File); strings.TrimSuffix(base, filepath.Ext(base)) == e.Workflow {
			return fmt.Sprintf("%s: %s is not in use: %v", text, f.File, f.Err)
		}
	}
	switch n := len(e.Faults); n {
	case 0:
		return text
	case 1:
		return fmt.Sprintf("%s; %s is not in use, and GET /api/v1/workflows says why", text, e.Faults[0].File)
	default:
		return fmt.Sprintf("%s; %d files are not in use, and GET /api/v1/workflows says which and why", text, n)
	}
}

// workflow is the one of a name; *UnknownError.
func (s *Starter) workflow(name string) (library.Entry, error) {
	entry, ok := s.Library.Workflow(name)
	if ok {
		return entry, nil
	}
	unknown := &UnknownError{Workflow: name}
	for _, f := range s.Library.Faults() {
		if f.Workflow == "" {
			unknown.Faults = append(unknown.Faults, f)
		}
	}
	return entry, unknown
}

// A NotReadyError says that runs of a workflow cannot be begun as the server is configured: a secret is missing, a hub
// cannot be opened.
type NotReadyError struct {
	Workflow string
	Err      error
}

func (e *NotReadyError) Error() string {
	return fmt.Sprintf("a run of %s cannot begin here: %v", e.Workflow, e.Err)
}
func (e *NotReadyError) Unwrap() error { return e.Err }

// Start begins the run that somebody wants of a workflow of the library. Its errors are *UnknownError, engine.InputProblems,
// *NotReadyError, an error that is ErrNoHub, *journal.TakenError, *journal.FullError, runner.ErrDraining, or the journal's.
func (s *Starter) Start(ctx context.Context, w Wish) (*runner.Handle, error) {
	entry, err := s.workflow(w.Workflow)
	if err != nil {
		return nil, err
	}
	return s.start(ctx, entry.Program, w)
}

func (s *Starter) start(ctx context.Context, p *engine.Program, w Wish) (*runner.Handle, error) {
	inputs, err := p.CheckInputs(w.Inputs)
	if err != nil {
		return nil, err
	}
	own, hosts, err := s.prepare(ctx, p, w.Hub)
	if err != nil {
		return nil, err
	}
	start := engine.RunStart{Workflow: p.Workflow.Name, Inputs: inputs, Hub: own, Hosts: hosts, Trigger: w.Trigger, By: w.By}
	return s.Runner.StartAs(s.Runs, p, start, w.Admission)
}

func (s *Starter) prepare(ctx context.Context, p *engine.Program, name string) (own string, hosts map[string]string, err error) {
	own, hosts, err = s.World.Prepare(ctx, p, name)
	if err != nil && !errors.Is(err, ErrNoHub) && ctx.Err() == nil {
		err = &NotReadyError{Workflow: p.Workflow.Name, Err: err}
	}
	return own, hosts, err
}

// Retry begins a run that tries another one again; see Runner.Retry. The program is that of the other run.
func (s *Starter) Retry(ctx context.Context, run journal.Run, sources []journal.Source, again []string, by string) (*runner.Handle, error) {
	p, err := s.World.Stored(sources)
	if err != nil {
		return nil, &NotReadyError{Workflow: run.Workflow, Err: err}
	}
	_, hosts, err := s.prepare(ctx, p, run.Hub)
	if err != nil {
		return nil, err
	}
	return s.Runner.Retry(s.Runs, run.ID, again, hosts, by)
}

// Fire begins the run for a schedule's time; it is a schedule.Starter.
func (s *Starter) Fire(ctx context.Context, sched schedule.Schedule, nominal time.Time, backfill bool) error {
	entry, err := s.workflow(sched.Workflow)
	if err != nil {
		return err
	}
	now := s.Clock.Now()
	trigger := map[string]any{
		"kind": "schedule", "schedule": sched.ID,
		"nominal": nominal.UTC().Format(time.RFC3339), "actual": now.UTC().Format(time.RFC3339Nano),
	}
	if backfill {
		trigger["backfill"] = true
	}
	inputs, err := entry.Program.ScheduleInputs(sched.Source, trigger, now)
	if err != nil {
		return fmt.Errorf("schedule %s: its inputs: %w", sched.ID, err)
	}
	_, err = s.start(ctx, entry.Program, Wish{
		Inputs: inputs, Trigger: trigger, By: "schedule " + sched.ID,
		Admission: runner.Admission(sched.Admission(nominal, now, backfill)),
	})
	return err
}

// Meet begins the run of a twin trigger for a device of a hub that meets its condition; twin is as conditions see it, and m stands
// for its being met.
func (s *Starter) Meet(ctx context.Context, workflow string, t *engine.Trigger, name, device string, twin map[string]any, m journal.Mark) error {
	entry, err := s.workflow(workflow)
	if err != nil {
		return err
	}
	id := workflow + "/" + t.ID
	trigger := map[string]any{"kind": "twin", "id": id, "device": device, "hub": name}
	inputs, err := entry.Program.TriggerInputs(t, trigger, twin, s.Clock.Now())
	if err != nil {
		return fmt.Errorf("trigger %s: its inputs for %s: %w", id, device, err)
	}
	_, err = s.start(ctx, entry.Program, Wish{
		Hub: name, Inputs: inputs, Trigger: trigger, By: "trigger " + id,
		Admission: runner.Admission{Marks: []journal.Mark{m}},
	})
	return err
}
