package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// line is what the log says of an update, without the time.
func line(t *testing.T, u runner.Update) string {
	t.Helper()
	u.Run, u.Time = "r1", start
	text := written(t, Config{}, func(l *Log) { l.Observe(u) })
	_, text, _ = strings.Cut(strings.TrimSuffix(text, "\n"), " ")
	return text
}

func TestWhatIsSaidOfRuns(t *testing.T) {
	info := &engine.RunStart{Workflow: "reboot", Hub: "plant", Queued: true, Trigger: "command line", RetryOf: "r0"}
	failure := &engine.Error{Kind: engine.KindOffline, Message: "dev-1 is not connected", Where: "a.yaml:7:5"}
	done := &engine.Step{ID: "act", Action: "invokeMethod", Do: &engine.Action{}}
	asks := &engine.Step{ID: "allow", Action: "approve", Do: &engine.Action{}}
	for _, c := range []struct {
		update runner.Update
		want   string
	}{
		{runner.Update{Info: info, Start: info}, `level=INFO msg="run waits for its turn" run=r1 workflow=reboot hub=plant trigger="command line" retryOf=r0`},
		{runner.Update{Info: info, Start: info, Resumed: true}, `level=INFO msg="run goes on here" run=r1 workflow=reboot hub=plant trigger="command line" retryOf=r0`},
		{runner.Update{Asked: start.Add(-time.Minute), Note: &engine.Note{Kind: engine.NoteAdmitted}}, `level=INFO msg="run began" run=r1 waitedSeconds=60`},
		{runner.Update{Asked: start.Add(-time.Minute), Info: info, End: &engine.Outcome{Status: engine.Cancelled, Error: &engine.Error{Kind: engine.KindCancelled, Message: "cancelled by anna"}}},
			`level=INFO msg="run ended" run=r1 workflow=reboot outcome=cancelled seconds=60 kind=cancelled error="cancelled by anna"`},
		{runner.Update{Began: start.Add(-time.Second), End: &engine.Outcome{Status: engine.Succeeded, Tolerated: 2, Message: "nothing to do"}},
			`level=INFO msg="run ended" run=r1 outcome=succeeded seconds=1 message="nothing to do" tolerated=2`},
		{runner.Update{Err: fmt.Errorf("run r1: %w: the server ends", runner.ErrStopped)}, `level=INFO msg="run stopped here, and goes on later" run=r1`},
		{runner.Update{Info: info, Err: runner.ErrStopped, CutOff: []engine.Command{{At: "act#2", Step: &engine.Step{Action: "invokeMethod"}, Device: "dev-1"}}},
			`level=WARN msg="step was cut off, and may have happened" run=r1 workflow=reboot step=act action=invokeMethod device=dev-1` + "\n" +
				`time=2026-11-23T08:00:00.000Z level=INFO msg="run stopped here, and goes on later" run=r1 workflow=reboot`},
		{runner.Update{Err: errors.New("the journal could not be written")}, `level=ERROR msg="run could not go on here" run=r1 error="the journal could not be written"`},
		{runner.Update{Request: &engine.Event{Kind: engine.CancelRequested, By: "anna", Reason: "too late"}}, `level=INFO msg="cancel was asked for" run=r1 by=anna reason="too late"`},
		{runner.Update{Request: &engine.Event{Kind: engine.PauseRequested, By: "anna"}}, ``},
		{runner.Update{Note: &engine.Note{Kind: engine.NotePaused, By: "anna", Reason: "lunch"}}, `level=INFO msg="run is paused" run=r1 by=anna reason=lunch`},
		{runner.Update{Note: &engine.Note{Kind: engine.NoteResumed}}, `level=INFO msg="run is not paused any more" run=r1`},
		{runner.Update{Request: &engine.Event{Kind: engine.SignalReceived, By: "ci", Signal: &engine.Signal{Name: "built", Payload: "hush"}}}, `level=INFO msg="signal came" run=r1 signal=built by=ci`},
		{runner.Update{Request: &engine.Event{Kind: engine.SignalReceived, At: "allow", By: "bob", Reason: "no", Signal: &engine.Signal{}}}, `level=INFO msg="answer came" run=r1 step=allow answer=no by=bob reason=no`},
		{runner.Update{Request: &engine.Event{Kind: engine.SignalReceived, At: "allow", By: "ann", Signal: &engine.Signal{Approved: true}}}, `level=INFO msg="answer came" run=r1 step=allow answer=yes by=ann`},
		{runner.Update{Note: &engine.Note{Kind: engine.NoteIgnored, By: "ci", Reason: "too many"}}, `level=WARN msg="signal changes nothing" run=r1 by=ci reason="too many"`},
		{runner.Update{Note: &engine.Note{Kind: engine.NoteStepEnded, At: "allow", Step: asks, Status: engine.Succeeded}}, `level=INFO msg="step was approved" run=r1 step=allow action=approve outcome=succeeded`},
		{runner.Update{Note: &engine.Note{Kind: engine.NoteStepEnded, At: "allow", Step: asks, Status: engine.Failed, Error: &engine.Error{Kind: engine.KindRejected, Message: "rejected by bob: no"}}},
			`level=WARN msg="step was rejected" run=r1 step=allow action=approve outcome=failed kind=rejected error="rejected by bob: no"`},
		{runner.Update{Note: &engine.Note{Kind: engine.NoteIgnored, At: "allow", By: "eve", Reason: "viewers may not"}}, `level=WARN msg="answer changes nothing" run=r1 step=allow by=eve reason="viewers may not"`},
		{runner.Update{Note: &engine.Note{Kind: engine.NoteAsks, At: "hear#1", Ask: &engine.Ask{Signal: "built"}}}, `level=INFO msg="step waits for a signal" run=r1 step=hear#1 signal=built`},
		{runner.Update{Note: &engine.Note{Kind: engine.NoteStepEnded, At: "act", Step: done, Status: engine.Failed, Error: failure, Device: "dev-1", Attempt: 3}},
			`level=WARN msg="step failed" run=r1 step=act action=invokeMethod device=dev-1 outcome=failed kind=offline error="dev-1 is not connected" where=a.yaml:7:5 attempts=3`},
		{runner.Update{Note: &engine.Note{Kind: engine.NoteStepEnded, At: "act", Step: done, Status: engine.Failed, Error: failure, Kept: true}}, ``},
		{runner.Update{Note: &engine.Note{Kind: engine.NoteLog, At: "say", Log: &engine.LogLine{Level: "error", Message: "level=INFO msg=x"}}}, `level=ERROR msg="step says" run=r1 step=say text="level=INFO msg=x"`},
		{runner.Update{Progress: &runner.Progress{At: "wait", Text: "still 3"}}, ``},
	} {
		if got := line(t, c.update); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

func TestJSONLinesAreForPrograms(t *testing.T) {
	text := written(t, Config{JSON: true}, func(l *Log) { play(t, eventful, l.Observe) })
	var approval map[string]any
	for one := range strings.Lines(text) {
		var values map[string]any
		if err := json.Unmarshal([]byte(one), &values); err != nil {
			t.Fatalf("%v: %s", err, one)
		}
		if values["run"] != "r1" || values["workflow"] != "eventful" {
			t.Errorf("whose is it? %s", one)
		}
		if values["msg"] == "step waits for approval" {
			approval = values
		}
	}
	if roles, _ := json.Marshal(approval["roles"]); approval["step"] != "allow" || approval["message"] != "Go on?" || string(roles) != `["operator"]` {
		t.Errorf("the approval: %v", approval)
	}
}
