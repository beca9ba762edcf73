package triggers_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/server/triggers"
)

const stormy = `version: 1
workflow: repair
inputs: { device: { type: string } }
timeout: 1h
concurrency: { key: repairs, limit: 4 }
triggers:
  - twin: { where: twin.reported.status == "faulty" }
    inputs: { device: "${{ run.trigger.device }}" }
steps:
  - work: {}
`

// A shop counts who is at work at the same time.
type shop struct {
	mu   sync.Mutex
	busy int
	most int
	done map[string]bool // runs
}

func (s *shop) do(ctx context.Context, run engine.RunStart, _ engine.Command, _ func(string)) (any, error) {
	s.mu.Lock()
	s.busy++
	s.most = max(s.most, s.busy)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.busy--
		s.done[run.ID] = true
	}()
	return nil, ctx.Err()
}

// TestAStormStartsNoMoreThanThereIsRoomFor has every device of a fleet become faulty at once, again and again, and the server
// stop in the middle. All that was begun or queued is done in the end, and never by more at a time than there are places.
func TestAStormStartsNoMoreThanThereIsRoomFor(t *testing.T) {
	types := engine.NewTypes(engine.Define(engine.Spec{
		Name: "work", Summary: "work", NoDevice: true, Delivery: engine.Repeatable, Example: "- work: {}",
	}, func(context.Context, struct{}, struct{}) (struct{}, error) { return struct{}{}, nil }).Type)
	program, problems := engine.Compile("repair.yaml", []byte(stormy), engine.Options{Types: types})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	file, work := filepath.Join(t.TempDir(), "journal.db"), &shop{done: map[string]bool{}}
	begun := map[string]bool{}
	for life := range 2 {
		live(t, file, program, work, begun, life == 1)
	}
	if work.most > 4 {
		t.Errorf("%d runs were at work at the same time, and there are 4 places", work.most)
	}
	if len(begun) == 0 {
		t.Error("nothing was begun")
	}
	for run := range begun {
		if !work.done[run] {
			t.Errorf("run %s was begun or queued, and never done", run)
		}
	}
}

// live is one life of a server; the last one does all that is left to do.
func live(t *testing.T, file string, program *engine.Program, work *shop, begun map[string]bool, last bool) {
	j, err := journal.OpenSQLite(t.Context(), file, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	r := runner.New(runner.Config{
		Clock: clock.Real(), Journal: j, Do: work.do, Park: true,
		Program: func([]journal.Source) (*engine.Program, error) { return program, nil },
	})
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	handles, err := r.Recover(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // guards handles and begun until the lookout is closed
	var fired atomic.Int64
	var who hub.Onlooker
	trigger := program.Workflow.Triggers[0]
	l := triggers.New(triggers.Config{
		Clock: clock.Real(), Store: j,
		Watch:   func(_ string, w hub.Onlooker) (func(), error) { who = w; w.Seen(); return func() {}, nil },
		Observe: func(triggers.Event) { fired.Add(1) },
	})
	if err := l.Set(ctx, []triggers.Trigger{{
		ID: "repair/1", Hub: "desk",
		Holds: func(t hub.Twin, now time.Time) (bool, error) {
			return program.Holds(trigger, map[string]any{"reported": t.Reported}, now)
		},
		Start: func(_ context.Context, t hub.Twin, m journal.Mark) error {
			about := map[string]any{"kind": "twin", "device": t.Device}
			inputs, err := program.TriggerInputs(trigger, about, nil, time.Now())
			if err != nil {
				return err
			}
			h, err := r.StartAs(ctx, program, engine.RunStart{Inputs: inputs, Trigger: about}, runner.Admission{Marks: []journal.Mark{m}})
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				handles = append(handles, h)
				begun[h.ID()] = true
			}
			return err
		},
	}}); err != nil {
		t.Fatal(err)
	}
	const devices, changes = 300, 3300 // so that each is faulty in the end
	for i := range changes {
		status := []string{"faulty", "ok"}[i/devices%2]
		who.Twin(hub.Twin{Target: hub.Target{Device: fmt.Sprintf("dev-%d", i%devices)}, Reported: map[string]any{"status": status}})
	}
	for late := time.Now().Add(30 * time.Second); fired.Load() < devices; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("%d of %d triggers have fired", fired.Load(), devices)
		}
	}
	if !last {
		stop() // in the middle of it
	}
	l.Close()
	if !last {
		return
	}
	for _, h := range handles {
		if _, err := h.Wait(t.Context()); err != nil {
			t.Fatalf("run %s: %v", h.ID(), err)
		}
	}
}
