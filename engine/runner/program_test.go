package runner

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

var start = time.Date(2026, 3, 1, 2, 30, 0, 0, time.UTC)

type textParams struct {
	Text any `yaml:"text" short:"true" doc:"Anything."`
}

type valueResult struct {
	Value any `json:"value" doc:"Anything."`
}

// stepType is a step type that the test's own Do carries out.
func stepType(name string, delivery engine.Delivery) *engine.StepType {
	return engine.Define[struct{}, textParams, valueResult](engine.Spec{Name: name, Delivery: delivery, NoDevice: true}, nil).Type
}

var (
	read       = stepType("read", engine.Read)
	repeatable = stepType("write", engine.Repeatable)
	once       = stepType("call", engine.Once)
	await      = engine.DefineWatch[struct{}, textParams, valueResult](engine.Spec{Name: "await", NoDevice: true}, nil).Type
)

// do is a step with an id; more changes it.
func do(id string, t *engine.StepType, more ...func(*engine.Step)) *engine.Step {
	s := &engine.Step{ID: id, Action: t.Name, Pos: engine.Pos{File: "test.yaml", Line: 1, Col: 1}, Do: &engine.Action{Type: t}}
	return with(s, more)
}

func with(s *engine.Step, more []func(*engine.Step)) *engine.Step {
	for _, m := range more {
		m(s)
	}
	return s
}

func literal(v any) *engine.Value { return &engine.Value{Kind: engine.ValueLiteral, Lit: v} }

func timeout(d string) func(*engine.Step) {
	return func(s *engine.Step) { s.Timeout = literal(d) }
}

func text(v *engine.Value) func(*engine.Step) {
	return func(s *engine.Step) {
		s.Do.Params = append(s.Do.Params, engine.Param{Field: &s.Do.Type.Fields[0], Value: v})
	}
}

func retry(attempts float64) func(*engine.Step) {
	return func(s *engine.Step) { s.Retry = &engine.Retry{Attempts: literal(attempts)} }
}

func sleep(id, d string) *engine.Step { return do(id, engine.Sleep, text(literal(d))) }

func parallel(id string, branches ...[]*engine.Step) *engine.Step {
	p := &engine.Parallel{FailFast: true}
	for i, b := range branches {
		p.Branches = append(p.Branches, engine.Named[[]*engine.Step]{Name: "b" + string(rune('0'+i)), Value: b})
	}
	return &engine.Step{ID: id, Action: "parallel", Parallel: p}
}

// each runs steps for n items.
func each(id string, n, concurrency int, steps ...*engine.Step) *engine.Step {
	items := &engine.Value{Kind: engine.ValueList}
	for i := range n {
		items.Items = append(items.Items, literal(float64(i)))
	}
	return &engine.Step{ID: id, Action: "forEach", ForEach: &engine.ForEach{
		Items: items, As: "item", Concurrency: literal(float64(concurrency)), FailFast: true, Steps: steps,
	}}
}

func program(steps ...*engine.Step) *engine.Program {
	return &engine.Program{
		File: "test.yaml", Source: []byte("test"), Hash: "abc",
		Workflow: &engine.Workflow{Name: "test", Steps: steps},
	}
}

// world is a scripted Do: by the step's id, or else by its address.
type world map[string]func(ctx context.Context, c engine.Command) (any, error)

func (w world) do(ctx context.Context, _ engine.RunStart, c engine.Command, _ func(string)) (any, error) {
	if f := w[string(c.At)]; f != nil {
		return f(ctx, c)
	}
	if f := w[c.Step.ID]; f != nil {
		return f(ctx, c)
	}
	return map[string]any{"value": string(c.At)}, nil
}

// clockKey is where the context of a step has its clock.
type clockKey struct{}

// hold waits until ctx ends and says why.
func hold(ctx context.Context) error {
	_, err := clock.NewPromise[int](ctx.Value(clockKey{}).(clock.Clock)).Await(ctx)
	return err
}

// virtual runs f on virtual time and fails the test if somebody stays behind.
func virtual(t *testing.T, at time.Time, f func(ctx context.Context, c *clock.Loop)) {
	t.Helper()
	c := clock.NewLoop(at)
	if err := c.Run(t.Context(), func(ctx context.Context) { f(context.WithValue(ctx, clockKey{}, c), c) }); err != nil {
		t.Fatal(err)
	}
}

// always makes the same program of whatever a journal keeps.
func always(p *engine.Program) func([]journal.Source) (*engine.Program, error) {
	return func([]journal.Source) (*engine.Program, error) { return p, nil }
}

// bothWays runs a test with runs that stay in memory while they wait, and with runs that are parked.
func bothWays(t *testing.T, f func(t *testing.T, park bool)) {
	t.Helper()
	t.Run("Stay", func(t *testing.T) { f(t, false) })
	t.Run("Park", func(t *testing.T) { f(t, true) })
}

// empty fails the test if a runner still has something.
func empty(t *testing.T, r *Runner) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.active)+len(r.lots)+len(r.letters)+len(r.waiters) > 0 {
		t.Errorf("the runner still has %d runs in memory, %d lots, %d letters, %d waiters", len(r.active), len(r.lots), len(r.letters), len(r.waiters))
	}
}

// ran is what a run left behind.
type ran struct {
	outcome engine.Outcome
	err     error
	events  []engine.Event
	updates []Update
}

// runVirtual runs a program on virtual time with a memory journal.
func runVirtual(t *testing.T, p *engine.Program, w world) ran {
	t.Helper()
	var got ran
	j := journal.NewMemory()
	virtual(t, start, func(ctx context.Context, c *clock.Loop) {
		r := New(Config{Clock: c, Journal: j, Do: w.do, Observe: func(u Update) { got.updates = append(got.updates, u) }})
		h, err := r.Start(ctx, p, engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		got.outcome, got.err = h.Wait(ctx)
	})
	got.events = eventsOf(t, j, "r1")
	return got
}

func eventsOf(t *testing.T, j journal.Journal, run string) []engine.Event {
	t.Helper()
	events, err := j.Events(t.Context(), run, 0)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// story is a run's events in short, one a line.
func story(events []engine.Event) string {
	var lines []string
	for _, e := range events {
		line := string(e.Kind)
		if e.At != "" {
			line += " " + string(e.At)
		}
		if e.Error != nil {
			line += " " + string(e.Error.Kind)
		}
		if e.End != nil {
			line += " " + string(e.End.Status)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// lines makes what follows comparable to a story.
func lines(all ...string) string { return strings.Join(all, "\n") }

// beginning is a run's first event with its sources.
func beginning(started engine.Event, sources []journal.Source) journal.Beginning {
	return journal.Beginning{Events: []engine.Event{started}, Sources: sources}
}
