package logs

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/steps"
)

var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

const eventful = `
version: 1
workflow: eventful
device: dev-1
steps:
  - id: act
    invokeMethod: { method: reboot }
    retry: { attempts: 2, delay: 2s, jitter: none, on: [offline] }
  - steps:
      - assert: 1 == 2
    catch:
      - log: { level: warn, message: "it is\nback", fields: { n: 1 } }
  - id: allow
    approve: { message: "Go on?" }
    timeout: 1h
    continueOnError: true
  - http: { url: "http://example.com" }
    continueOnError: true
  - forEach: { in: [1], steps: [{ sleep: 3s }] }
  - invokeMethod: { method: reboot }
`

// play runs a workflow on virtual time: the first call finds nobody, http and the last call fail.
func play(t *testing.T, source string, observe func(runner.Update)) {
	t.Helper()
	p, problems := engine.Compile("eventful.yaml", []byte(source), engine.Options{Types: steps.All().Types})
	if len(problems) > 0 {
		t.Fatal(problems.Text())
	}
	c, calls := clock.NewLoop(start), 0
	err := c.Run(t.Context(), func(ctx context.Context) {
		r := runner.New(runner.Config{
			Clock: c, Journal: journal.NewMemory(), Park: true, Observe: observe, Program: func([]journal.Source) (*engine.Program, error) { return p, nil },
			Do: func(_ context.Context, _ engine.RunStart, c engine.Command, _ func(string)) (any, error) {
				if c.Type.Name == "http" {
					return nil, &engine.Error{Kind: engine.KindUnauthorized, Message: "example.com refused us"}
				}
				if calls++; calls != 2 {
					return nil, &engine.Error{Kind: engine.KindOffline, Message: "dev-1 is not connected"}
				}
				return map[string]any{"status": 200.0}, nil
			},
		})
		h, err := r.Start(ctx, p, engine.RunStart{ID: "r1", Hub: "plant", By: "anna", Trigger: map[string]any{"kind": "api"}})
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

// written is what a log has after f.
func written(t *testing.T, c Config, f func(l *Log)) string {
	t.Helper()
	var out bytes.Buffer
	c.Out = &out
	l := Open(c)
	f(l)
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
	return out.String()
}

func same(t *testing.T, got, want string) {
	t.Helper()
	if want = strings.TrimPrefix(want, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestARunInTheLog(t *testing.T) {
	got := written(t, Config{}, func(l *Log) { play(t, eventful, l.Observe) })
	same(t, got, `
time=2026-11-23T08:00:00.000Z level=INFO msg="run began" run=r1 workflow=eventful hub=plant trigger=api by=anna
time=2026-11-23T08:00:00.000Z level=INFO msg="step is tried again" run=r1 workflow=eventful step=act action=invokeMethod device=dev-1 attempt=1 kind=offline error="dev-1 is not connected" where=eventful.yaml:6:5 until=2026-11-23T08:00:02.000Z
time=2026-11-23T08:00:02.000Z level=WARN msg="step failed" run=r1 workflow=eventful step=steps@2/assert@1 action=assert device=dev-1 outcome=failed seconds=0 kind=assertion error="1 == 2 is false" where=eventful.yaml:10:9
time=2026-11-23T08:00:02.000Z level=WARN msg="step says" run=r1 workflow=eventful step=steps@2/catch/log@1 device=dev-1 text="it is\nback" fields="{\"n\":1}"
time=2026-11-23T08:00:02.000Z level=INFO msg="step waits for approval" run=r1 workflow=eventful step=allow device=dev-1 message="Go on?" roles=operator until=2026-11-23T09:00:02.000Z
time=2026-11-23T09:00:02.000Z level=INFO msg="step failed" run=r1 workflow=eventful step=allow action=approve device=dev-1 outcome=failed seconds=3600 kind=timeout error="nobody has answered within 1h" where=eventful.yaml:13:5 tolerated=true
time=2026-11-23T09:00:02.000Z level=INFO msg="step failed" run=r1 workflow=eventful step=http@4 action=http device=dev-1 outcome=failed seconds=0 kind=unauthorized error="example.com refused us" where=eventful.yaml:17:5 tolerated=true
time=2026-11-23T09:00:05.000Z level=INFO msg="step is tried again" run=r1 workflow=eventful step=invokeMethod@6 action=invokeMethod device=dev-1 attempt=1 kind=offline error="dev-1 is not connected" where=eventful.yaml:20:5 until=2026-11-23T09:00:05.141Z
time=2026-11-23T09:00:05.141Z level=INFO msg="step is tried again" run=r1 workflow=eventful step=invokeMethod@6 action=invokeMethod device=dev-1 attempt=2 kind=offline error="dev-1 is not connected" where=eventful.yaml:20:5 until=2026-11-23T09:00:05.233Z
time=2026-11-23T09:00:05.233Z level=INFO msg="step is tried again" run=r1 workflow=eventful step=invokeMethod@6 action=invokeMethod device=dev-1 attempt=3 kind=offline error="dev-1 is not connected" where=eventful.yaml:20:5 until=2026-11-23T09:00:05.327Z
time=2026-11-23T09:00:05.327Z level=WARN msg="step failed" run=r1 workflow=eventful step=invokeMethod@6 action=invokeMethod device=dev-1 outcome=failed seconds=0.327 kind=offline error="dev-1 is not connected" where=eventful.yaml:20:5 attempts=4
time=2026-11-23T09:00:05.327Z level=WARN msg="run ended" run=r1 workflow=eventful outcome=failed seconds=3605.327 kind=offline error="dev-1 is not connected" where=eventful.yaml:20:5 tolerated=2
`)
}

func TestARunInTheLogWithEachStep(t *testing.T) {
	got := written(t, Config{Level: slog.LevelDebug}, func(l *Log) { play(t, eventful, l.Observe) })
	for _, want := range []string{"step began", "step sleeps", "item began", "item ended", `msg="step ended" run=r1 workflow=eventful step=act action=invokeMethod device=dev-1 outcome=succeeded seconds=2 attempts=2`} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %s in\n%s", want, got)
		}
	}
}
