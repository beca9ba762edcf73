package traces

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/steps"
)

var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

const nested = `
version: 1
workflow: nested
device: dev-1
inputs: { token: { type: string } }
steps:
  - id: act
    invokeMethod: { method: reboot, payload: "${{ inputs.token }}" }
    retry: { attempts: 3, delay: 2s, jitter: none, on: [offline] }
  - parallel:
      left:
        - forEach:
            in: [1, 2]
            steps:
              - id: read
                getTwin: {}
                hub: other
      right:
        - id: nap
          sleep: 72h
  - id: block
    steps:
      - assert: [{ that: 1 == 2, message: "${{ inputs.token }}" }]
    catch:
      - log: "caught ${{ inputs.token }}"
    continueOnError: true
  - if: false
    log: never
finally:
  - id: last
    http: { url: "http://example.com" }
`

func compile(t *testing.T, source string) *engine.Program {
	t.Helper()
	p, problems := engine.Compile("nested.yaml", []byte(source), engine.Options{Types: steps.All().Types})
	if len(problems) > 0 {
		t.Fatal(problems.Text())
	}
	return p
}

// answers are those of a world in which the first two calls find nobody.
func answers() func(context.Context, engine.RunStart, engine.Command, func(string)) (any, error) {
	calls := 0
	return func(_ context.Context, _ engine.RunStart, c engine.Command, _ func(string)) (any, error) {
		switch c.Type.Name {
		case "invokeMethod":
			if calls++; calls <= 2 {
				return nil, &engine.Error{Kind: engine.KindOffline, Message: "dev-1 is not connected: hush-hush"}
			}
			return map[string]any{"status": 200.0, "payload": "hush-hush"}, nil
		case "getTwin":
			return map[string]any{"twin": map[string]any{}}, nil
		}
		return map[string]any{"status": 200.0}, nil
	}
}

// drive runs f with a runner on virtual time, from a time on.
func drive(t *testing.T, from time.Time, j journal.Journal, p *engine.Program, observe func(runner.Update), f func(ctx context.Context, c *clock.Loop, r *runner.Runner)) {
	t.Helper()
	c := clock.NewLoop(from)
	err := c.Run(t.Context(), func(ctx context.Context) {
		f(ctx, c, runner.New(runner.Config{
			Clock: c, Journal: j, Park: true, Observe: observe, Do: answers(),
			Program: func([]journal.Source) (*engine.Program, error) { return p, nil },
		}))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// whole runs a workflow from start to end.
func whole(t *testing.T, observe func(runner.Update), as engine.RunStart) {
	t.Helper()
	p := compile(t, nested)
	drive(t, start, journal.NewMemory(), p, observe, func(ctx context.Context, _ *clock.Loop, r *runner.Runner) {
		h, err := r.Start(ctx, p, as)
		if err == nil {
			_, err = h.Wait(ctx)
		}
		if err != nil {
			t.Error(err)
		}
	})
}

var begun = engine.RunStart{ID: "r1", Hub: "plant", Inputs: map[string]any{"token": "hush-hush"}}

func closeNow(t testing.TB, traces *Traces) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := traces.Close(ctx); err != nil {
		t.Error(err)
	}
}

// picture draws spans as a tree, in the order of their times.
func picture(spans []*otlp.Span) string {
	var b strings.Builder
	var draw func(parent string, depth int)
	draw = func(parent string, depth int) {
		for _, s := range spans {
			if hex.EncodeToString(s.ParentSpanId) != parent {
				continue
			}
			a := attributesOf(s.Attributes)
			fmt.Fprintf(&b, "%s%s %s +%s %s", strings.Repeat("  ", depth), s.Name, a["twinbook.address"],
				time.Unix(0, int64(s.StartTimeUnixNano)).Sub(start), time.Duration(s.EndTimeUnixNano-s.StartTimeUnixNano))
			for _, name := range []string{"twinbook.outcome", "twinbook.device", "twinbook.hub", "error.type"} {
				if a[name] != "" {
					fmt.Fprintf(&b, " %s=%s", name[strings.LastIndexByte(name, '.')+1:], a[name])
				}
			}
			b.WriteByte('\n')
			draw(hex.EncodeToString(s.SpanId), depth+1)
		}
	}
	spans = slices.SortedStableFunc(slices.Values(spans), func(a, b *otlp.Span) int {
		if a.StartTimeUnixNano != b.StartTimeUnixNano {
			return int(int64(a.StartTimeUnixNano) - int64(b.StartTimeUnixNano))
		}
		return strings.Compare(attributesOf(a.Attributes)["twinbook.address"], attributesOf(b.Attributes)["twinbook.address"])
	})
	draw("", 0)
	return b.String()
}

// wholePicture is a run of nested, wherever it was driven.
const wholePicture = `run nested  +0s 72h0m6s outcome=succeeded hub=plant
  invokeMethod act act +0s 6s outcome=succeeded device=dev-1 hub=plant
    attempt act#1 +0s 0s outcome=failed device=dev-1 hub=plant type=offline
    attempt act#2 +2s 0s outcome=failed device=dev-1 hub=plant type=offline
    attempt act#3 +6s 0s outcome=succeeded device=dev-1 hub=plant
  parallel parallel@2 +6s 72h0m0s outcome=succeeded
    forEach parallel@2/left/forEach@1 +6s 0s outcome=succeeded
      getTwin read parallel@2/left/forEach@1[0]/read +6s 0s outcome=succeeded device=dev-1 hub=other
      getTwin read parallel@2/left/forEach@1[1]/read +6s 0s outcome=succeeded device=dev-1 hub=other
    sleep nap parallel@2/right/nap +6s 72h0m0s outcome=succeeded
  steps block block +72h0m6s 0s outcome=succeeded
    assert block/assert@1 +72h0m6s 0s outcome=failed type=assertion
    log block/catch/log@1 +72h0m6s 0s outcome=succeeded
  http last finally/last +72h0m6s 0s outcome=succeeded
`

func TestARunIsATrace(t *testing.T) {
	r := receive(t)
	t.Setenv("OTEL_SERVICE_NAME", "plant-twinbook")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=k1")
	traces := open(t, Config{Version: "1.2.3"})
	whole(t, traces.Observe, begun)
	closeNow(t, traces)
	if got := picture(r.all()); got != wholePicture {
		t.Errorf("got\n%swant\n%s", got, wholePicture)
	}
	if r.resource["service.name"] != "plant-twinbook" || r.resource["service.version"] != "1.2.3" || r.resource["deployment.environment"] != "test" {
		t.Errorf("resource %v", r.resource)
	}
	if r.headers.Get("api-key") != "k1" {
		t.Errorf("headers %v", r.headers)
	}
	if strings.Contains(r.bytes.String(), "hush") {
		t.Error("what a device said, or a secret, was sent")
	}
	for _, s := range r.all() {
		if want := traceOf("r1"); hex.EncodeToString(s.TraceId) != want.String() {
			t.Errorf("%s is in the trace %x", s.Name, s.TraceId)
		}
	}
	if n := traces.Dropped(); n != 0 {
		t.Errorf("%d spans were dropped", n)
	}
}

// TestARunThatGoesOnElsewhereStaysOneTrace stops a run in its sleep of three days, and has another process go on with it.
func TestARunThatGoesOnElsewhereStaysOneTrace(t *testing.T) {
	r, j, p := receive(t), journal.NewMemory(), compile(t, nested)
	before := open(t, Config{})
	drive(t, start, j, p, before.Observe, func(ctx context.Context, c *clock.Loop, r *runner.Runner) {
		inner, stop := c.WithCancel(ctx)
		if _, err := r.Start(inner, p, begun); err != nil {
			t.Error(err)
		}
		clock.Sleep(ctx, c, time.Hour)
		stop()
	})
	closeNow(t, before)
	if n := len(r.all()); n < 5 {
		t.Fatalf("only %d spans were sent before the run went on", n)
	}
	after := open(t, Config{})
	drive(t, start.Add(2*time.Hour), j, p, after.Observe, func(ctx context.Context, _ *clock.Loop, r *runner.Runner) {
		h, err := r.Resume(ctx, "r1")
		if err == nil {
			_, err = h.Wait(ctx)
		}
		if err != nil {
			t.Error(err)
		}
	})
	closeNow(t, after)
	if got := picture(r.all()); got != wholePicture {
		t.Errorf("got\n%swant\n%s", got, wholePicture)
	}
}

func TestTracesThatBelongTogetherHaveLinks(t *testing.T) {
	r := receive(t)
	traces := open(t, Config{})
	caller := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	traces.Observe(runner.Update{Run: "r2", Asked: start, Time: start, End: &engine.Outcome{Status: engine.Cancelled, Error: &engine.Error{Kind: engine.KindCancelled}}, Info: &engine.RunStart{
		ID: "r2", RetryOf: "r1", Parent: "r0", Trigger: map[string]any{"kind": "api", "traceparent": caller},
	}})
	closeNow(t, traces)
	links := map[string]string{}
	for _, l := range r.all()[0].Links {
		links[attributesOf(l.Attributes)["twinbook.link"]] = fmt.Sprintf("00-%x-%x-01", l.TraceId, l.SpanId)
	}
	for what, want := range map[string]string{"retryOf": Traceparent("r1"), "parent": Traceparent("r0"), "caller": caller} {
		if links[what] != want {
			t.Errorf("the link to %s is %q, want %q", what, links[what], want)
		}
	}
	if code := r.all()[0].Status.GetCode(); code != otlp.Status_STATUS_CODE_UNSET {
		t.Errorf("a cancel that somebody wanted is %v", code)
	}
}

func TestTheWaitForATurnIsASpan(t *testing.T) {
	r := receive(t)
	traces := open(t, Config{})
	info := &engine.RunStart{ID: "r3", Workflow: "nested", Queued: true}
	traces.Observe(runner.Update{Run: "r3", Info: info, Asked: start, Time: start.Add(time.Minute), Note: &engine.Note{Kind: engine.NoteAdmitted, Time: start.Add(time.Minute)}})
	traces.Observe(runner.Update{Run: "r3", Info: info, Asked: start, Began: start.Add(time.Minute), Time: start.Add(time.Hour), End: &engine.Outcome{Status: engine.Succeeded}})
	closeNow(t, traces)
	want := "run nested  +0s 1h0m0s outcome=succeeded\n  wait for a turn  +0s 1m0s\n"
	if got := picture(r.all()); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestWhatIsKeptOfAnotherRunIsNotSentAgain(t *testing.T) {
	r := receive(t)
	traces := open(t, Config{})
	note := &engine.Note{Kind: engine.NoteStepEnded, At: "a", Step: &engine.Step{Action: "http"}, Status: engine.Succeeded, Kept: true}
	traces.Observe(runner.Update{Run: "r4", Info: &begun, Note: note})
	traces.Observe(runner.Update{Run: "r4", Err: runner.ErrStopped})
	closeNow(t, traces)
	if n := len(r.all()); n != 0 {
		t.Errorf("%d spans", n)
	}
}

// TestSamplesAreOfWholeRuns has very many runs of which some are sent: of those all spans are.
func TestSamplesAreOfWholeRuns(t *testing.T) {
	r := receive(t)
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
	traces := open(t, Config{})
	const runs = 400
	for i := range runs {
		id := fmt.Sprint("run", i)
		for _, at := range []engine.Address{"a", "b"} {
			note := &engine.Note{Kind: engine.NoteStepEnded, At: at, Step: &engine.Step{Action: "http"}, Status: engine.Succeeded, Started: start, Time: start}
			traces.Observe(runner.Update{Run: id, Info: &begun, Note: note})
		}
		traces.Observe(runner.Update{Run: id, Info: &begun, Asked: start, Time: start, End: &engine.Outcome{Status: engine.Succeeded}})
	}
	closeNow(t, traces)
	sent := map[string]int{}
	for _, s := range r.all() {
		sent[string(s.TraceId)]++
	}
	if len(sent) < runs/8 || len(sent) > runs/2 {
		t.Errorf("%d of %d runs were sent, want a quarter", len(sent), runs)
	}
	for id, n := range sent {
		if n != 3 {
			t.Errorf("%d spans of the trace %x were sent, want 3", n, id)
		}
	}
}

// TestHostileTextSpoilsNoBatch has a device whose id is very long and no text, which a collector would refuse.
func TestHostileTextSpoilsNoBatch(t *testing.T) {
	r := receive(t)
	traces := open(t, Config{})
	info := &engine.RunStart{Workflow: "\xffw", Trigger: map[string]any{"traceparent": 7}}
	note := &engine.Note{
		Kind: engine.NoteStepEnded, At: "a", Device: strings.Repeat("\xffä", 1<<20), Status: engine.Failed,
		Step:  &engine.Step{Action: "getTwin", Do: &engine.Action{Type: steps.All().Types.Lookup("getTwin")}},
		Error: &engine.Error{Kind: "\xff", Where: strings.Repeat("x", 1<<20)},
	}
	traces.Observe(runner.Update{Run: "r\xff", Info: info, Note: note})
	traces.Observe(runner.Update{Run: "r\xff", Info: info, End: &engine.Outcome{}})
	closeNow(t, traces)
	if len(r.all()) != 2 {
		t.Fatalf("%d spans came, want 2", len(r.all()))
	}
	if n := r.bytes.Len(); n > 4*longestValue {
		t.Errorf("they have %d bytes", n)
	}
}
