package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/server/logs"
	"github.com/twinbook/twinbook/server/metrics"
	"github.com/twinbook/twinbook/server/traces"
	"github.com/twinbook/twinbook/steps"
)

// Listeners are told what happens in runs: all the server has for that, or one part of it. The collector of its traces
// takes all there is.
type listeners struct {
	metrics *metrics.Metrics
	traces  *traces.Traces
	log     *logs.Log
	dropped int64 // spans
}

var listenerNames = []string{"nobody", "metrics", "log", "traces", "all"}

func newListeners(b *testing.B, name string) *listeners {
	a, all := &listeners{}, name == "all"
	if all || name == "metrics" {
		a.metrics = metrics.New(metrics.Config{})
	}
	if all || name == "log" {
		a.log = logs.Open(logs.Config{Out: io.Discard, JSON: true})
		b.Cleanup(func() { a.log.Close(context.Background()) })
	}
	if all || name == "traces" {
		collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
		b.Cleanup(collector.Close)
		b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
		a.flush(b)
	}
	return a
}

func (a *listeners) observe(u runner.Update) {
	if a.metrics != nil {
		a.metrics.Observe(u)
	}
	if a.traces != nil {
		a.traces.Observe(u)
	}
	if a.log != nil {
		a.log.Observe(u)
	}
}

// flush sends the spans that wait: what is dropped would cost less.
func (a *listeners) flush(b *testing.B) {
	if a.traces != nil {
		if err := a.traces.Close(b.Context()); err != nil {
			b.Error(err)
		}
		a.dropped += a.traces.Dropped()
	}
	t, err := traces.Open(b.Context(), traces.Config{Env: os.LookupEnv})
	if err != nil {
		b.Fatal(err)
	}
	a.traces = t
}

// BenchmarkObserve is what the loop of a run pays for each of its updates: those of a run of three steps, again and
// again.
func BenchmarkObserve(b *testing.B) {
	var updates []runner.Update
	runThree(b, journal.NewMemory(), func(u runner.Update) { updates = append(updates, u) })(b)
	for _, name := range listenerNames {
		b.Run(name, func(b *testing.B) {
			a := newListeners(b, name)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%4096 == 4095 && a.traces != nil {
					b.StopTimer()
					a.flush(b)
					b.StartTimer()
				}
				a.observe(updates[i%len(updates)])
			}
			if a.dropped > 0 {
				b.Errorf("%d spans were dropped", a.dropped)
			}
		})
	}
}

// BenchmarkObservedRuns is runs of three steps from start to end, as many at once as there are callers, kept on disk.
func BenchmarkObservedRuns(b *testing.B) {
	for _, name := range listenerNames {
		b.Run(name, func(b *testing.B) {
			j, err := journal.OpenSQLite(b.Context(), filepath.Join(b.TempDir(), "journal.db"), journal.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer j.Close()
			a := newListeners(b, name)
			run := runThree(b, j, a.observe)
			b.SetParallelism(50)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					run(b)
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
			if a.traces != nil {
				b.ReportMetric(float64(a.traces.Dropped()), "spans-dropped")
			}
		})
	}
}

// runThree makes a function that runs three steps, which do nothing.
func runThree(b *testing.B, j journal.Journal, observe func(runner.Update)) func(*testing.B) {
	source := "version: 1\nworkflow: three\ndevice: dev-1\nsteps:\n  - id: a\n    getTwin: {}\n  - id: b\n    updateTwin: { desired: { n: 1 } }\n  - id: c\n    getTwin: {}\n"
	p, problems := engine.Compile("three.yaml", []byte(source), engine.Options{Types: steps.All().Types})
	if len(problems) > 0 {
		b.Fatal(problems.Text())
	}
	answer := map[string]any{"twin": map[string]any{"reported": map[string]any{}}}
	r := runner.New(runner.Config{
		Clock: clock.Real(), Journal: j, Observe: observe,
		Do: func(context.Context, engine.RunStart, engine.Command, func(string)) (any, error) { return answer, nil },
	})
	return func(b *testing.B) {
		h, err := r.Start(b.Context(), p, engine.RunStart{Hub: "plant", Trigger: map[string]any{"kind": "api"}})
		if err == nil {
			_, err = h.Wait(b.Context())
		}
		if err != nil {
			b.Error(err)
		}
	}
}
