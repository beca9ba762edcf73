package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/internal/record"
	"github.com/twinbook/twinbook/steps"
)

// An act is what a step of a test does.
type act func(ctx context.Context, c clock.Clock, cmd engine.Command, waiting func(string)) (any, error)

// recorded runs a workflow in virtual time for at most so long, and gives the journal with its run.
func recorded(t testing.TB, source string, limit time.Duration, do act) (openJournal, journal.Run) {
	t.Helper()
	name := regexp.MustCompile(`workflow: "?([a-z]+)`).FindStringSubmatch(source)[1]
	p, problems := engine.Compile(name+".yaml", []byte(source), engine.Options{Types: steps.All().Types})
	if len(problems) > 0 {
		t.Fatal(problems.Text())
	}
	j := openJournal{Journal: journal.NewMemory(), command: new(app).command}
	const id = "1dwvr0800xyg7k"
	loop := clock.NewLoop(time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC))
	err := loop.Run(t.Context(), func(ctx context.Context) {
		ctx, cancel := loop.WithTimeout(ctx, limit)
		defer cancel()
		runs := runner.New(runner.Config{
			Clock: loop, Journal: j,
			Do: func(ctx context.Context, _ engine.RunStart, cmd engine.Command, waiting func(string)) (any, error) {
				return do(ctx, loop, cmd, waiting)
			},
		})
		h, err := runs.Start(ctx, p, engine.RunStart{ID: id, Inputs: map[string]any{}, Hub: "desk", Trigger: "command line"})
		if err != nil {
			t.Error(err)
			return
		}
		h.Wait(context.WithoutCancel(ctx))
	})
	if err != nil {
		t.Error(err)
	}
	run, err := j.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return j, run
}

// drawnRun is what `runs show` prints on a terminal of so many columns, without colours.
func drawnRun(t testing.TB, j openJournal, run journal.Run, columns int, f showFlags, now time.Time) string {
	t.Helper()
	r, err := record.Read(t.Context(), j, run, compileStored)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := &app{out: &out, err: &out, outScreen: &out, env: func(string) (string, bool) { return "", false }}
	if f.values == "" {
		f.values = valuesShort
	}
	s := screen{w: &out, columns: func() int { return columns }}
	if err := a.showRecord(t.Context(), j, s, r, f, now); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// golden compares a text with a file of testdata/show; UPDATE=1 rewrites it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata/show", name+".want")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

const rebootSource = `
version: 1
workflow: reboot
device: myDevice
timeout: 10m
inputs: { reason: { type: string, default: "maintenance" } }
steps:
  - id: before
    name: Read the twin
    getTwin: {}
  - id: reboot
    name: Ask the device to reboot
    invokeMethod: { method: rebootDevice, payload: { method_number: "42" } }
    retry: { attempts: 3, delay: 1s, jitter: none }
  - id: after
    name: Wait for a new reboot time
    waitForTwin: { until: twin.reported.rebootTime != steps.before.twin.reported.rebootTime }
    timeout: 5m
  - log: { message: it is back, level: warn, fields: { n: 1 } }
  - if: 1 == 2
    name: Never
    sleep: 1h
outputs:
  rebootTime: ${{ steps.after.twin.reported.rebootTime }}
`

// rebooting does what the steps of a reboot do; it waits for the twin as long as it is told to.
func rebooting(wait time.Duration) act {
	calls := 0
	return func(ctx context.Context, c clock.Clock, cmd engine.Command, waiting func(string)) (any, error) {
		switch cmd.Type.Name {
		case "getTwin":
			twin := map[string]any{
				"deviceId": "myDevice", "connectionState": "Connected", "reported": map[string]any{"firmware": "1.4.2"}, "desired": map[string]any{},
				"tags": map[string]any{"site": "berlin"}, "$metadata": map[string]any{"reported": map[string]any{}},
			}
			return map[string]any{"twin": twin}, clock.Sleep(ctx, c, 20*time.Millisecond)
		case "invokeMethod":
			if calls++; calls == 1 {
				return nil, &engine.Error{Kind: engine.KindOffline, Message: "myDevice is not connected"}
			}
			return map[string]any{"status": 200.0, "payload": map[string]any{"Response": "This is the response"}}, clock.Sleep(ctx, c, 614*time.Millisecond)
		}
		clock.Sleep(ctx, c, 2*time.Second)
		waiting("twin.reported.rebootTime is missing")
		if err := clock.Sleep(ctx, c, wait); err != nil {
			return nil, err
		}
		return map[string]any{"twin": map[string]any{"reported": map[string]any{"rebootTime": "10:31:02"}}, "waited": "9s"}, nil
	}
}

func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", "2026-01-02 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

func TestShowARunThatSucceeded(t *testing.T) {
	j, run := recorded(t, rebootSource, time.Hour, rebooting(7*time.Second))
	golden(t, "reboot", drawnRun(t, j, run, 100, showFlags{}, at("11:00:00")))
	golden(t, "reboot-full", drawnRun(t, j, run, 100, showFlags{values: valuesFull}, at("11:00:00")))
	golden(t, "reboot-narrow", drawnRun(t, j, run, 60, showFlags{values: valuesNone}, at("11:00:00")))
}

func TestShowARunThatWaits(t *testing.T) {
	j, run := recorded(t, rebootSource, time.Minute, rebooting(time.Hour))
	golden(t, "waiting", drawnRun(t, j, run, 100, showFlags{}, at("10:02:00")))
	r, err := record.Read(t.Context(), j, run, compileStored)
	if err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	writeJSON(&data, r.Show())
	golden(t, "waiting-json", data.String())
	run.Driver = ""
	golden(t, "left", drawnRun(t, j, run, 100, showFlags{}, at("10:20:00")))
}

// Who paused a run, let it go on and cancelled it is seen, and when and why; and so is what a call under way may have
// done.
func TestShowWhoAsked(t *testing.T) {
	const source = `
version: 1
workflow: asked
device: valve-1
steps:
  - { id: rest, sleep: 5s }
  - { id: open, invokeMethod: { method: open }, timeout: 1m }
  - { id: never, getTwin: {} }
`
	silent := func(ctx context.Context, c clock.Clock, _ engine.Command, _ func(string)) (any, error) {
		return nil, clock.Sleep(ctx, c, time.Hour)
	}
	j, run := recorded(t, source, 14*time.Second, silent)
	events, err := j.Events(t.Context(), run.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	sources, err := j.Sources(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	happened := func(e engine.Event, clock string) {
		e.Seq, e.Time = 0, at(clock)
		if e.Kind != engine.StepDone && e.Kind != engine.RunEnded {
			e.By = "anna@desk"
		}
		events = append(events, e)
	}
	show := func(name, clock string) {
		slices.SortStableFunc(events, func(a, b engine.Event) int { return a.Time.Compare(b.Time) })
		j := openJournal{Journal: journal.NewMemory(), command: new(app).command}
		if _, err := j.Begin(t.Context(), journal.Beginning{Events: slices.Clone(events), Sources: sources}); err != nil {
			t.Fatal(err)
		}
		line, err := j.Run(t.Context(), run.ID)
		if err != nil {
			t.Fatal(err)
		}
		line.Driver = ""
		golden(t, name, drawnRun(t, j, line, 100, showFlags{}, at(clock)))
	}
	for i := range events {
		events[i].Seq = 0
	}
	happened(engine.Event{Kind: engine.PauseRequested, Reason: "look first"}, "10:00:02")
	happened(engine.Event{Kind: engine.ResumeRequested}, "10:00:04")
	show("asked-left", "10:00:40")
	happened(engine.Event{Kind: engine.CancelRequested}, "10:00:15")
	failure := &engine.Error{Kind: engine.KindCancelled, Message: "no answer came", MaybeDone: true}
	happened(engine.Event{Kind: engine.StepDone, At: "open#1", Error: failure}, "10:00:16")
	p, err := compileStored(sources)
	if err != nil {
		t.Fatal(err)
	}
	happened(engine.Event{Kind: engine.RunEnded, End: engine.NewRun(p).Next(events...).End}, "10:00:16")
	show("asked", "10:20:00")
}

const loopSource = `
version: 1
workflow: sweep
steps:
  - id: sweep
    name: Each device
    forEach:
      in: map(1..%d, string(#))
      concurrency: 3
      failFast: false
      steps:
        - name: Twin
          device: dev-${{ item }}
          getTwin: {}
        - sleep: 1s
finally:
  - log: swept
`

func TestShowALoopThatFailed(t *testing.T) {
	do := func(_ context.Context, _ clock.Clock, cmd engine.Command, _ func(string)) (any, error) {
		if cmd.Device == "dev-3" || cmd.Device == "dev-40" {
			return nil, &engine.Error{Kind: engine.KindNotFound, Message: "there is no device " + cmd.Device}
		}
		return map[string]any{"twin": map[string]any{"connectionState": "Connected"}}, nil
	}
	j, run := recorded(t, fmt.Sprintf(loopSource, 4), time.Hour, do)
	golden(t, "loop", drawnRun(t, j, run, 100, showFlags{}, at("11:00:00")))
	j, run = recorded(t, fmt.Sprintf(loopSource, 100), time.Hour, do)
	golden(t, "loop-long", drawnRun(t, j, run, 100, showFlags{}, at("11:00:00")))
	j, run = recorded(t, fmt.Sprintf(loopSource, 100), 20*time.Second, do)
	golden(t, "loop-going-on", drawnRun(t, j, run, 100, showFlags{}, at("10:00:21")))
}

func TestShowARetry(t *testing.T) {
	j, failed := recorded(t, rebootSource, time.Hour, rebooting(time.Hour))
	events, err := j.Events(t.Context(), failed.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	sources, err := j.Sources(t.Context(), failed.ID)
	if err != nil {
		t.Fatal(err)
	}
	p, err := compileStored(sources)
	if err != nil {
		t.Fatal(err)
	}
	start := *events[0].Start
	start.ID, start.RetryOf = "1dwvr61g07p3ma", failed.ID
	started := engine.Event{Seq: 1, Time: at("10:30:00"), Kind: engine.RunStarted, Start: &start}
	kept, _, err := engine.Retrace(p, started, events, nil)
	if err == nil {
		_, err = j.Begin(t.Context(), journal.Beginning{Events: append([]engine.Event{started}, kept...), Sources: sources})
	}
	if err != nil {
		t.Fatal(err)
	}
	retry, err := j.Run(t.Context(), start.ID)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "retry", drawnRun(t, j, retry, 100, showFlags{}, at("10:30:30")))
	if err := j.Remove(t.Context(), failed.ID); err != nil {
		t.Fatal(err)
	}
	golden(t, "retry-orphan", drawnRun(t, j, retry, 100, showFlags{}, at("10:30:30")))
	j, failed = recorded(t, rebootSource, time.Hour, rebooting(time.Hour))
	if _, err := j.Begin(t.Context(), journal.Beginning{Events: append([]engine.Event{started}, kept...), Sources: sources}); err != nil {
		t.Fatal(err)
	}
	if failed, err = j.Run(t.Context(), failed.ID); err != nil {
		t.Fatal(err)
	}
	golden(t, "retried", drawnRun(t, j, failed, 100, showFlags{values: valuesNone}, at("11:00:00")))
}

// What devices, files and other people say may hold anything; none of it moves the cursor, and no line is wider
// than the terminal.
func TestShowOfHostileValues(t *testing.T) {
	const nasty = "\x1b[2J\x1b]0;title\x07\u202e\u2028\r\n世界世界"
	huge := strings.Repeat(nasty+"x", 5000)
	j, run := recorded(t, `
version: 1
workflow: "w"
device: "dev\u001b[31m"
inputs: { evil: { type: string, default: "\u001b[2J\u202e" } }
steps:
  - id: a
    name: ${{ inputs.evil }}
    invokeMethod: { method: m, payload: "${{ inputs.evil }}" }
    retry: { attempts: 2, on: [failed] }
  - log: { message: "${{ steps.a.payload.text }}", fields: { f: "${{ inputs.evil }}" } }
  - forEach:
      in: [ "${{ inputs.evil }}", "b" ]
      steps:
        - waitForTwin: { until: twin.reported.a == "\u001b" }
          timeout: 1h
`, time.Minute, func(ctx context.Context, c clock.Clock, cmd engine.Command, waiting func(string)) (any, error) {
		switch {
		case cmd.Type.Name == "waitForTwin":
			waiting(huge)
			return nil, clock.Sleep(ctx, c, time.Hour)
		case strings.HasSuffix(string(cmd.At), "#1"):
			return nil, errors.New(huge)
		}
		return map[string]any{"status": 200.0, "payload": map[string]any{"text": huge, nasty: []any{nasty, huge}}}, nil
	})
	run.File, run.Hub, run.Driver = nasty, nasty, nasty
	for _, values := range []string{valuesShort, valuesFull} {
		text := drawnRun(t, j, run, 80, showFlags{values: values}, at("10:02:00"))
		for row := range strings.Lines(text) {
			row = strings.TrimSuffix(row, "\n")
			if clean(row) != row {
				t.Errorf("--values %s: a line with control characters: %q", values, row)
			}
			if w := width(row); values == valuesShort && w >= 80 {
				t.Errorf("a line of %d columns: %s", w, row)
			}
		}
	}
	s := screen{columns: func() int { return 80 }}
	events, err := j.Events(t.Context(), run.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		row := strings.TrimSuffix(s.eventLine(e), "\n")
		if clean(row) != row || width(row) >= 80 {
			t.Errorf("an event as %q", row)
		}
	}
}

// A workflow that this version does not understand, or an event that it does not know, is shown as its events.
func TestShowOfWhatIsNotKnown(t *testing.T) {
	beginning := func(source string, more ...engine.Event) journal.Beginning {
		start := &engine.RunStart{ID: "0123456789abcd", Workflow: "w", File: "w.yaml", Inputs: map[string]any{"n": 1.0}}
		return journal.Beginning{
			Events:  append([]engine.Event{{Time: at("10:00:00"), Kind: engine.RunStarted, Start: start}}, more...),
			Sources: []journal.Source{{File: "w.yaml", Text: []byte(source)}},
		}
	}
	for name, b := range map[string]journal.Beginning{
		"unread-source": beginning("version: 1\nworkflow: w\nsteps:\n  - teleport: { to: moon }\n",
			engine.Event{Time: at("10:00:01"), Kind: engine.StepStarted, At: "teleport@1#1", Device: "dev-1", Params: map[string]any{"to": "moon"}},
			engine.Event{Time: at("10:00:02"), Kind: engine.StepDone, At: "teleport@1#1", Error: &engine.Error{Kind: engine.KindOffline, Message: "too far"}},
			engine.Event{Time: at("10:00:03"), Kind: engine.RunEnded, End: &engine.Outcome{Status: engine.Failed, Error: &engine.Error{Kind: engine.KindOffline, Message: "too far"}}}),
		"unread-event": beginning("version: 1\nworkflow: w\nsteps: [ { sleep: 1h } ]\n", engine.Event{Time: at("10:00:01"), Kind: "stepDelegated", At: "sleep@1"}),
	} {
		j := openJournal{Journal: journal.NewMemory(), command: new(app).command}
		if _, err := j.Begin(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		run, err := j.Run(t.Context(), "0123456789abcd")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, drawnRun(t, j, run, 100, showFlags{}, at("10:00:09")))
		r, err := record.Read(t.Context(), j, run, compileStored)
		if err != nil {
			t.Fatal(err)
		}
		if s := r.Show(); s.Unread == "" || s.Parts == nil || len(s.Parts) != 0 {
			t.Errorf("%s as data: %+v", name, s)
		}
	}
}

// Events of another machine may say anything: showing them does not panic.
func TestTraceOfStrangeEvents(t *testing.T) {
	p, problems := engine.Compile("w.yaml", []byte(rebootSource), engine.Options{Types: steps.All().Types})
	if len(problems) > 0 {
		t.Fatal(problems.Text())
	}
	start := engine.Event{Time: at("10:00:00"), Kind: engine.RunStarted, Start: &engine.RunStart{}}
	for _, place := range []engine.Address{"", "before", "before#", "before#x", "before#1", "before#99999999999999999999", "#", "/", "]", "[", "a]", "!", "!timeout", "x[y]/z#1", "before/[#"} {
		for _, kind := range []engine.EventKind{engine.RunStarted, engine.StepStarted, engine.StepDone, engine.TimerFired, engine.CancelRequested, engine.PauseRequested, engine.ResumeRequested, engine.RunEnded} {
			event := engine.Event{Time: at("10:00:01"), Kind: kind, At: place}
			for _, events := range [][]engine.Event{{event}, {start, event}, {start, event, event}} {
				(&picture{Traced: engine.Trace(p, events), now: at("10:00:02"), values: valuesShort}).draw()
			}
		}
	}
}
