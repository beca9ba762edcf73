package main

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/twinbook/twinbook/server/traces"
)

// collectSpans starts a collector of traces, and has the environment of servers name it. all gives what came.
func collectSpans(t *testing.T) (all func() []*otlp.Span) {
	var mu sync.Mutex
	var spans []*otlp.Span // guarded by mu
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var export collector.ExportTraceServiceRequest
		text, err := io.ReadAll(r.Body)
		if err == nil {
			err = proto.Unmarshal(text, &export)
		}
		if err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, from := range export.ResourceSpans {
			for _, scope := range from.ScopeSpans {
				spans = append(spans, scope.Spans...)
			}
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	return func() []*otlp.Span {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(spans)
	}
}

const callerTrace = "0af7651916cd43dd8448eb211c80319c"

// TestServeIsWatched has a run that a caller with a trace begins, a server that is killed in the middle of it, and one
// that goes on with it: log, numbers and trace tell of both.
func TestServeIsWatched(t *testing.T) {
	spans := collectSpans(t)
	dir := servedFolder(t, "", map[string]string{
		"watched": "steps:\n  - id: first\n    log: { level: warn, message: here we go }\n  - id: nap\n    sleep: 1500ms\n" +
			"  - id: last\n    http: { url: \"http://127.0.0.1:1\" }\n    retry: { attempts: 2, delay: 1ms, jitter: none, on: [unavailable] }\n",
	})
	s := startServing(t, dir, "", "--listen", "127.0.0.1:0")
	s.mustReady()
	run := beginTraced(t, s.url)
	s.awaitSaid("here we go")
	awaitSpan(t, spans, "log first")
	s.kill()

	s = startServing(t, dir, "", "--listen", "127.0.0.1:0")
	s.mustReady()
	root := awaitSpan(t, spans, "run watched")
	for _, want := range []string{`"level":"INFO","msg":"run goes on here","run":"` + run + `","workflow":"watched"`, `"level":"WARN","msg":"run ended","run":"` + run, `"step":"last","action":"http"`} {
		if !strings.Contains(s.said(), want) {
			t.Errorf("the log does not say %s:\n%s", want, s.said())
		}
	}
	for _, span := range spans() {
		if hex.EncodeToString(span.TraceId) != traces.Traceparent(run)[3:35] {
			t.Errorf("%s is in another trace", span.Name)
		}
		if !slices.Contains([]string{"run watched", "log first", "sleep nap", "http last", "attempt"}, span.Name) {
			t.Errorf("there is a span %s", span.Name)
		}
	}
	if len(root.Links) != 1 || hex.EncodeToString(root.Links[0].TraceId) != callerTrace {
		t.Errorf("the links are %v", root.Links)
	}
	numbers := scrapeServer(t, s.url)
	for _, want := range []string{
		`twinbook_runs_ended_total{outcome="failed",workflow="watched"} 1`, "twinbook_runs_resumed_total 1", "twinbook_runs_unfinished 0",
		`twinbook_step_retries_total{action="http"} 1`, `twinbook_step_errors_total{action="http",kind="unavailable"} 2`,
		"twinbook_workflows 1", "twinbook_log_lines_dropped_total 0", "twinbook_trace_spans_dropped_total 0",
	} {
		if !strings.Contains(numbers, "\n"+want+"\n") {
			t.Errorf("the numbers have no %s:\n%s", want, numbers)
		}
	}
	checkWithPromtool(t, numbers)
}

// beginTraced begins a run by a request that is a part of a trace, and holds the answer's against the run.
func beginTraced(t *testing.T, url string) (run string) {
	t.Helper()
	r, err := http.NewRequest("POST", url+"/api/v1/runs", strings.NewReader(`{"workflow":"watched"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Traceparent", "00-"+callerTrace+"-b7ad6b7169203331-01")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	run = strings.TrimPrefix(answer.Header.Get("Location"), "/api/v1/runs/")
	if answer.StatusCode != http.StatusCreated || answer.Header.Get("Traceparent") != traces.Traceparent(run) {
		t.Fatalf("%s, %v", answer.Status, answer.Header)
	}
	return run
}

// awaitSpan waits until a span has come.
func awaitSpan(t *testing.T, all func() []*otlp.Span, name string) *otlp.Span {
	t.Helper()
	for late := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		spans := all()
		if i := slices.IndexFunc(spans, func(s *otlp.Span) bool { return s.Name == name }); i >= 0 {
			return spans[i]
		}
		if time.Now().After(late) {
			t.Fatalf("there is no span %s among %v", name, spans)
		}
	}
}

func scrapeServer(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", answer.Status, err)
	}
	return string(text)
}

// checkWithPromtool holds numbers against Prometheus' own tool, where there is one; package metrics does that everywhere.
func checkWithPromtool(t *testing.T, numbers string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("TWINBOOK_WITNESSES") != "" {
			t.Error("promtool is missing; in Debian it is in the package prometheus")
		}
		return
	}
	command := exec.Command(path, "check", "metrics")
	command.Stdin = strings.NewReader(numbers)
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}
