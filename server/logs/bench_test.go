package logs

import (
	"io"
	"log/slog"
	"testing"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// BenchmarkObserve is what a run's loop pays for a line, and for one whose level is not wanted.
func BenchmarkObserve(b *testing.B) {
	info := &engine.RunStart{ID: "1dwvr0800xyg7k", Workflow: "reboot", Hub: "plant", By: "anna", Trigger: map[string]any{"kind": "api"}}
	began := runner.Update{Run: info.ID, Time: start, Info: info, Start: info}
	note := &engine.Note{Kind: engine.NoteStepEnded, At: "act", Device: "dev-1", Step: &engine.Step{Action: "getTwin"}, Status: engine.Succeeded, Started: start, Time: start}
	ended := runner.Update{Run: info.ID, Time: start, Info: info, Note: note}
	for _, c := range []struct {
		name   string
		json   bool
		update runner.Update
	}{{"text", false, began}, {"json", true, began}, {"unwanted", false, ended}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			l := Open(Config{Out: io.Discard, JSON: c.json, Level: slog.LevelInfo})
			defer l.Close(b.Context())
			for b.Loop() {
				l.Observe(c.update)
			}
			b.ReportMetric(float64(l.Dropped())/float64(b.N), "dropped/op")
		})
	}
}
