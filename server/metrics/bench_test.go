package metrics

import (
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// BenchmarkObserve is what a run's loop pays for each update.
func BenchmarkObserve(b *testing.B) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	info := &engine.RunStart{ID: "r1", Workflow: "reboot", Trigger: map[string]any{"kind": "api"}}
	step := &engine.Step{ID: "act", Action: "invokeMethod", Do: &engine.Action{}}
	for name, u := range map[string]runner.Update{
		"start": {Run: "r1", Time: now, Info: info, Start: info},
		"step":  {Run: "r1", Time: now, Info: info, Note: &engine.Note{Time: now, Kind: engine.NoteStepEnded, At: "act", Step: step, Started: now.Add(-time.Second), Status: engine.Succeeded}},
		"end":   {Run: "r1", Time: now, Info: info, Began: now.Add(-time.Minute), End: &engine.Outcome{Status: engine.Succeeded}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			m := New(Config{})
			for b.Loop() {
				m.Observe(u)
			}
		})
	}
}
