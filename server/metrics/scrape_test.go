package metrics

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

// scrape asks for the numbers as Prometheus does.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	server := httptest.NewServer(m.Handler())
	defer server.Close()
	answer, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v: %s", answer.StatusCode, err, text)
	}
	return string(text)
}

// has says which of these lines a scrape does not have.
func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			name, _, _ := strings.Cut(line, "{")
			t.Errorf("the scrape has no line %s; it has:\n%s", line, about(text, name))
		}
	}
}

func about(text, name string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, strings.Fields(name)[0]) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// used is metrics that have seen one of everything.
func used(t *testing.T) *Metrics {
	t.Helper()
	m := New(Config{
		Version: "1.2.3",
		Counts: func(context.Context) (Counts, error) {
			return Counts{Unfinished: 9, Queued: 3, Parked: 5, Approval: 1, Orphans: 2}, nil
		},
		LinesDropped: func() int64 { return 7 }, SpansDropped: func() int64 { return 8 },
	})
	play(t, m, flaky, engine.RunStart{ID: "r1", Trigger: map[string]any{"kind": "schedule"}})
	m.Committed(3*time.Millisecond, 17)
	m.Fired("flaky", Fired, 20*time.Millisecond)
	m.Fired("flaky", Skipped, 0)
	m.Triggered("webhook", Queued)
	m.Workflows(12, 1)
	m.Hub("plant", "twin", 4*time.Millisecond, nil)
	m.Hub("plant", "invoke", time.Second, &hub.Error{Op: "call reboot", Kind: hub.Throttled, Err: errors.New("too many")})
	m.Hub("plant", "telemetry", time.Hour, nil)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /runs/{id}", func(http.ResponseWriter, *http.Request) {})
	m.Middleware(routeOf(mux), mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/runs/r1", nil))
	return m
}

func routeOf(mux *http.ServeMux) func(*http.Request) string {
	return func(r *http.Request) string {
		_, pattern := mux.Handler(r)
		return pattern
	}
}

// flaky fails twice, tolerates a failure, and never runs a step.
const flaky = `
version: 1
workflow: flaky
steps:
  - id: act
    http: { url: "http://example.com" }
    retry: { attempts: 3, delay: 2s, jitter: none }
  - id: check
    assert: 1 == 2
    continueOnError: true
  - id: never
    if: 1 == 2
    log: never
  - sleep: 3s
`

// play runs a workflow on virtual time; its first two attempts of http fail.
func play(t *testing.T, m *Metrics, source string, start engine.RunStart) {
	t.Helper()
	p, problems := engine.Compile("flaky.yaml", []byte(source), engine.Options{Types: types()})
	if len(problems) > 0 {
		t.Fatal(problems.Text())
	}
	c := clock.NewLoop(time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC))
	calls := 0
	err := c.Run(t.Context(), func(ctx context.Context) {
		r := runner.New(runner.Config{
			Clock: c, Journal: journal.NewMemory(), Observe: m.Observe,
			Do: func(context.Context, engine.RunStart, engine.Command, func(string)) (any, error) {
				if calls++; calls <= 2 {
					return nil, &engine.Error{Kind: engine.KindThrottled, Message: "slow down"}
				}
				return map[string]any{"status": 200.0}, nil
			},
		})
		h, err := r.Start(ctx, p, start)
		if err == nil {
			_, err = h.Wait(ctx)
		}
		if err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsSeenIsCounted(t *testing.T) {
	text := scrape(t, used(t))
	has(t, text,
		`twinbook_runs_started_total{trigger="schedule",workflow="flaky"} 1`,
		`twinbook_runs_ended_total{outcome="succeeded",workflow="flaky"} 1`,
		`twinbook_runs_ended_total{outcome="failed",workflow="flaky"} 0`,
		`twinbook_run_duration_seconds_sum{workflow="flaky"} 9`,
		`twinbook_step_duration_seconds_sum{action="http",outcome="succeeded"} 6`,
		`twinbook_step_duration_seconds_count{action="assert",outcome="failed"} 1`,
		`twinbook_step_duration_seconds_sum{action="sleep",outcome="succeeded"} 3`,
		`twinbook_step_retries_total{action="http"} 2`,
		`twinbook_step_errors_total{action="http",kind="throttled"} 2`,
		`twinbook_step_errors_total{action="assert",kind="assertion"} 1`,
		`twinbook_runs_unfinished 9`, `twinbook_runs_queued 3`, `twinbook_runs_parked 5`,
		`twinbook_runs_awaiting_approval 1`, `twinbook_runs_orphaned 2`,
		`twinbook_hub_requests_total{hub="plant",operation="twin",result="ok"} 1`,
		`twinbook_hub_requests_total{hub="plant",operation="twin",result="throttled"} 0`,
		`twinbook_hub_requests_total{hub="plant",operation="invoke",result="throttled"} 1`,
		`twinbook_hub_request_duration_seconds_sum{hub="plant",operation="invoke"} 1`,
		`twinbook_schedule_fires_total{result="fired",workflow="flaky"} 1`,
		`twinbook_schedule_fires_total{result="skipped",workflow="flaky"} 1`,
		`twinbook_schedule_fires_total{result="failed",workflow="flaky"} 0`,
		`twinbook_schedule_lateness_seconds_count 1`,
		`twinbook_trigger_fires_total{result="queued",trigger="webhook"} 1`,
		`twinbook_workflows 12`, `twinbook_workflows_broken 1`,
		`twinbook_journal_commit_duration_seconds_sum 0.003`, `twinbook_journal_commit_tasks_sum 17`,
		`twinbook_log_lines_dropped_total 7`, `twinbook_trace_spans_dropped_total 8`,
		`twinbook_http_requests_total{code="200",route="GET /runs/{id}"} 1`,
		`twinbook_runs_deserted_total 0`, `twinbook_runs_resumed_total 0`,
	)
	if strings.Contains(text, `operation="telemetry",le=`) || strings.Contains(text, `action="log"`) {
		t.Errorf("a wait counts as latency, or a step that was skipped counts:\n%s", text)
	}
}

func TestWhatIsKeptOfAnotherRunIsNotCounted(t *testing.T) {
	m := New(Config{})
	step := &engine.Step{Action: "http", Do: &engine.Action{}}
	failure := &engine.Error{Kind: engine.KindOffline}
	m.Observe(runner.Update{Note: &engine.Note{Kind: engine.NoteStepEnded, Step: step, Status: engine.Failed, Error: failure, Kept: true}})
	if text := scrape(t, m); strings.Contains(text, "twinbook_step_") {
		t.Errorf("it is counted:\n%s", about(text, "twinbook_step"))
	}
}

func TestRunsThatEndWithoutOutcome(t *testing.T) {
	m := New(Config{})
	m.Observe(runner.Update{Run: "r1", Err: errors.Join(runner.ErrStopped, errors.New("the server ends"))})
	m.Observe(runner.Update{Run: "r2", Err: errors.New("the journal could not be written")})
	m.Observe(runner.Update{Run: "r3", Start: &engine.RunStart{Workflow: "flaky"}, Resumed: true})
	asked := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	m.Observe(runner.Update{Run: "r4", Time: asked.Add(90 * time.Second), Asked: asked, Note: &engine.Note{Kind: engine.NoteAdmitted}})
	m.Observe(runner.Update{Run: "r4", Info: &engine.RunStart{Workflow: "flaky"}, End: &engine.Outcome{Status: engine.Cancelled}})
	text := scrape(t, m)
	has(t, text, "twinbook_runs_deserted_total 1", "twinbook_runs_resumed_total 1", "twinbook_run_queue_duration_seconds_sum 90",
		`twinbook_runs_ended_total{outcome="cancelled",workflow="flaky"} 1`)
	if strings.Contains(text, "twinbook_run_duration_seconds_count") {
		t.Errorf("a run that never began has a duration:\n%s", text)
	}
}
