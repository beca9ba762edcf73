package traces

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/steps"
)

// BenchmarkObserve is what a run's loop pays for the end of a step, while spans are sent in the background: nothing is
// dropped, which would be cheaper.
func BenchmarkObserve(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	note := &engine.Note{
		Kind: engine.NoteStepEnded, At: "each[3]/act", In: "each", Device: "dev-1", Started: start, Time: start, Attempt: 1, Status: engine.Succeeded,
		Step: &engine.Step{ID: "act", Action: "invokeMethod", Do: &engine.Action{Type: steps.All().Types.Lookup("invokeMethod")}},
	}
	u := runner.Update{Run: "1dwvr0800xyg7k", Info: &begun, Note: note}
	for _, sampler := range []string{"always_on", "always_off"} {
		b.Run(sampler, func(b *testing.B) {
			b.ReportAllocs()
			b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
			b.Setenv("OTEL_TRACES_SAMPLER", sampler)
			b.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
			traces := open(b, Config{})
			for n := 1; b.Loop(); n++ {
				if n%(traces.queue.most/2) == 0 {
					b.StopTimer()
					for traces.queue.held() > 0 {
						time.Sleep(time.Millisecond)
					}
					b.StartTimer()
				}
				traces.Observe(u)
			}
			if n := traces.Dropped(); n > 0 {
				b.Errorf("%d spans were dropped", n)
			}
			closeNow(b, traces)
		})
	}
}
