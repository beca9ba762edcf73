package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// A page of testdata/plan is a workflow, and events in and commands out:
//
//	> +5s started {"inputs": …}      an event, with the time since the one before
//	< do call#1 act {"n":1}          what Next answered
//
// UPDATE=1 rewrites the answers; read the difference like code.

// planTypes are step types without a world: act is done once, read may be repeated, watch and hear wait.
func planTypes() *Types {
	type params struct {
		N    any         `yaml:"n"`
		Want *expr.Bound `yaml:"want"`
	}
	type outputs struct {
		Value  any `json:"value"`
		Status int `json:"status"`
	}
	do := func(context.Context, struct{}, params) (outputs, error) { return outputs{}, nil }
	define := func(s Spec) Definition[struct{}] { return Define(s, do) }
	type twin struct {
		Twin map[string]any `json:"twin"`
	}
	look := Define(Spec{Name: "look", Delivery: Read, ReadsDevice: true}, func(context.Context, struct{}, struct{}) (twin, error) {
		return twin{}, nil
	})
	type hearParams struct {
		Since time.Time `yaml:"since" default:"the start of the step before"`
	}
	hear := Define(Spec{Name: "hear", Delivery: Read, NoDevice: true, MustBound: true}, func(context.Context, struct{}, hearParams) (outputs, error) {
		return outputs{}, nil
	})
	return NewCatalog(
		look, hear,
		define(Spec{Name: "act", Delivery: Once, NoDevice: true, Timeout: 30 * time.Second}),
		define(Spec{Name: "ask", Delivery: Once, NoDevice: true, Timeout: 30 * time.Second, Expect: "response.status == 200", ExpectText: "status 200"}),
		define(Spec{Name: "call2", Delivery: Once, Timeout: 30 * time.Second}),
		define(Spec{Name: "read", Delivery: Read, NoDevice: true, Timeout: 30 * time.Second}),
		define(Spec{Name: "watch", Delivery: Read, NoDevice: true, MustBound: true}),
		Pure[struct{}](Sleep), Pure[struct{}](Set), Pure[struct{}](Log), Pure[struct{}](Fail), Pure[struct{}](Stop), Pure[struct{}](Assert),
		Pure[struct{}](WaitForSignal), Pure[struct{}](Approve),
	).Types
}

func TestPlanPages(t *testing.T) {
	playPages(t, "testdata/plan/*.txtar")
}

// TestRetracePages has pages in which a run that ended is retried: "> retry" with the names of --again, and
// in the answer what is kept of it, and what is doubtful.
func TestRetracePages(t *testing.T) { playPages(t, "testdata/retrace/*.txtar") }

func playPages(t *testing.T, pattern string) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { playPage(t, file) })
	}
}

func playPage(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	script, files := splitPage(string(text))
	program, problems := Compile("workflow.yaml", []byte(files["workflow.yaml"]), Options{
		Types: planTypes(),
		Read:  func(path string) ([]byte, error) { return []byte(files[path]), nil },
	})
	if len(problems) > 0 {
		t.Fatalf("%v", problems)
	}
	run := NewRun(program)
	var past []Event
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var got strings.Builder
	ended := false
	for line := range strings.Lines(script) {
		if !strings.HasPrefix(line, "<") {
			got.WriteString(line)
		}
		if !strings.HasPrefix(line, ">") {
			continue
		}
		if again, retried := strings.CutPrefix(line, "> retry"); retried {
			var answer string
			run, past, answer = retryOnPage(program, past, strings.Fields(again), &now)
			got.WriteString(answer)
			ended = past[len(past)-1].Kind == RunEnded
			continue
		}
		if strings.HasPrefix(line, "> show") {
			got.WriteString(printTraced(Trace(program, past), past[0].Time))
			continue
		}
		if run == nil {
			t.Fatalf("%s: the retry before was refused:\n%s", line, got.String())
		}
		event, err := parseEvent(strings.TrimSpace(line[1:]), &now, program)
		if err != nil {
			t.Fatalf("%s: %s: %v", file, line, err)
		}
		if _, awaited := run.pending[event.At]; event.At != "" && !awaited && event.Kind != SignalReceived {
			t.Fatalf("%s: nobody waits for %s", line, event.At)
		}
		decision := run.Next(event)
		past = append(past, event)
		got.WriteString(printDecision(decision, now))
		if ended = decision.End != nil; ended {
			past = append(past, Event{Time: now, Kind: RunEnded, End: decision.End})
		}
	}
	if run != nil && !ended {
		t.Errorf("%s: the run has not ended; under way: %v", file, run.Outstanding())
	}
	if got.String() == script {
		return
	}
	if os.Getenv("UPDATE") != "" {
		rest := string(text)[len(script):]
		if err := os.WriteFile(file, []byte(got.String()+rest), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s: got\n%s\nwant\n%s", file, got.String(), script)
}

// retryOnPage begins a new run a minute later, with "> retryQueued" one that is queued; where that is refused the page has to say what is.
func retryOnPage(p *Program, past []Event, again []string, now *time.Time) (*Run, []Event, string) {
	*now = now.Add(time.Minute)
	started := Event{Seq: 1, Time: *now, Kind: RunStarted, Start: &RunStart{ID: "r2", Inputs: past[0].Start.Inputs}}
	if len(again) > 0 && again[0] == "Queued" {
		started.Start.Queued, again = true, again[1:]
	}
	kept, doubts, err := Retrace(p, started, past, again)
	if err != nil {
		return nil, past, "< refused: " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, e := range kept {
		fmt.Fprintf(&b, "<   kept %s %s", e.Kind, e.At)
		if e.Value != nil {
			b.WriteString(" " + expr.CompactJSON(e.Value))
		}
		if e.Error != nil {
			b.WriteString(" " + printError(e.Error))
		}
		b.WriteString("\n")
	}
	for _, d := range doubts {
		fmt.Fprintf(&b, "< doubt %s\n", d)
	}
	if len(doubts) > 0 {
		return nil, past, b.String()
	}
	run := NewRun(p)
	events := append([]Event{started}, kept...)
	decision := run.Next(events...)
	b.WriteString(printDecision(decision, *now))
	if decision.End != nil {
		events = append(events, Event{Time: *now, Kind: RunEnded, End: decision.End})
	}
	return run, events, b.String()
}

// splitPage cuts "-- name --" sections off a script.
func splitPage(text string) (script string, files map[string]string) {
	files = map[string]string{}
	name := ""
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "-- "); ok && strings.HasSuffix(rest, " --") {
			name = strings.TrimSuffix(rest, " --")
			continue
		}
		if name == "" {
			script += line
		} else {
			files[name] += line
		}
	}
	return script, files
}

// parseEvent reads "+5s done call#1 {…}"; failed has a kind, and perhaps "maybe" and "after=7s" (Retry-After), before its message.
// A signal has a name, who sent it and a payload; an answer the address, who gave it, the roles ("a,b", or "-") and a reason.
func parseEvent(line string, now *time.Time, p *Program) (Event, error) {
	words := strings.Fields(line)
	if d, ok := strings.CutPrefix(words[0], "+"); ok {
		step, err := time.ParseDuration(d)
		if err != nil {
			return Event{}, err
		}
		*now = now.Add(step)
		words = words[1:]
	}
	e := Event{Time: *now}
	rest := func(n int) string { return strings.Join(words[min(n, len(words)):], " ") }
	switch words[0] {
	case "started", "queued":
		e.Kind, e.Start = RunStarted, &RunStart{ID: "r1", Workflow: p.Workflow.Name, Inputs: map[string]any{}, Queued: words[0] == "queued"}
		if text := rest(1); text != "" {
			if err := json.Unmarshal([]byte(text), &e.Start.Inputs); err != nil {
				return e, err
			}
		}
		inputs, err := p.CheckInputs(e.Start.Inputs)
		e.Start.Inputs = inputs
		return e, err
	case "done":
		e.Kind, e.At = StepDone, Address(words[1])
		if text := rest(2); text != "" {
			return e, json.Unmarshal([]byte(text), &e.Value)
		}
	case "failed":
		e.Kind, e.At = StepDone, Address(words[1])
		e.Error = &Error{Kind: ErrorKind(words[2])}
		n := 3
		if len(words) > 3 && words[3] == "maybe" {
			e.Error.MaybeDone, n = true, 4
		}
		if n < len(words) && strings.HasPrefix(words[n], "after=") {
			wait, err := time.ParseDuration(strings.TrimPrefix(words[n], "after="))
			if err != nil {
				return e, err
			}
			e.Error.RetryAfter, n = wait.Seconds(), n+1
		}
		e.Error.Message = rest(n)
	case "begun":
		e.Kind, e.At = StepStarted, Address(words[1])
	case "fired":
		e.Kind, e.At = TimerFired, Address(words[1])
	case "cancel":
		e.Kind, e.Reason = CancelRequested, rest(1)
	case "cancelBy":
		e.Kind, e.By, e.Reason = CancelRequested, words[1], rest(2)
	case "pause", "resume":
		e.Kind = map[string]EventKind{"pause": PauseRequested, "resume": ResumeRequested}[words[0]]
		if len(words) > 1 {
			e.By, e.Reason = words[1], rest(2)
		}
	case "admitted":
		e.Kind = RunAdmitted
	case "signal":
		e.Kind, e.By, e.Signal = SignalReceived, words[2], &Signal{Name: words[1]}
		if text := rest(3); text != "" {
			return e, json.Unmarshal([]byte(text), &e.Signal.Payload)
		}
	case "approve", "reject":
		e.Kind, e.At, e.By, e.Reason = SignalReceived, Address(words[1]), words[2], rest(4)
		e.Signal = &Signal{Approved: words[0] == "approve", Roles: strings.FieldsFunc(words[3], func(r rune) bool { return r == ',' || r == '-' })}
	default:
		return e, fmt.Errorf("unknown event %q", words[0])
	}
	return e, nil
}

func printDecision(d Decision, now time.Time) string {
	var b strings.Builder
	for _, n := range d.Notes {
		if text := printNote(n); text != "" {
			fmt.Fprintf(&b, "<   %s\n", text)
		}
	}
	for _, c := range d.Commands {
		fmt.Fprintf(&b, "< %s\n", printCommand(c, now))
	}
	if d.End != nil {
		fmt.Fprintf(&b, "< end %s\n", printOutcome(d.End))
	}
	return b.String()
}

func printCommand(c Command, now time.Time) string {
	text := string(c.Kind) + " " + string(c.At)
	switch c.Kind {
	case CommandDo:
		text += " " + c.Type.Name
		if len(c.Params) > 0 {
			text += " " + expr.CompactJSON(c.Params)
		}
		if c.Device != "" {
			text += " on " + c.Device
		}
		if !c.Deadline.IsZero() {
			text += " within " + expr.FormatDuration(c.Deadline.Sub(now))
		}
	case CommandTimer:
		text += " in " + expr.FormatDuration(c.Due.Sub(now))
	}
	return text
}

func printNote(n Note) string {
	switch n.Kind {
	case NoteStepEnded:
		text := fmt.Sprintf("%s %s", n.At, n.Status)
		if n.Error != nil {
			text += " " + printError(n.Error)
		}
		return text
	case NoteLog:
		return fmt.Sprintf("%s log %s: %s", n.At, n.Log.Level, n.Log.Message)
	case NotePaused, NoteResumed:
		return strings.Join(strings.Fields(fmt.Sprint(n.Kind, " ", n.By, " ", n.Reason)), " ")
	case NoteAsks:
		text := fmt.Sprintf("%s asks %s", n.At, n.Ask.At)
		if n.Ask.Signal != "" {
			return text + " for the signal " + n.Ask.Signal
		}
		return fmt.Sprintf("%s for %v: %s", text, n.Ask.Roles, n.Ask.Message)
	case NoteIgnored:
		return fmt.Sprintf("%s ignored what %s said: %s", n.At, n.By, n.Reason)
	case NoteAdmitted:
		return "admitted"
	case NoteStepRetry:
		return fmt.Sprintf("%s retry after %s", n.At, printError(n.Error))
	}
	return ""
}

func printError(e *Error) string {
	text := string(e.Kind)
	switch {
	case e.Elsewhere:
		text += " (maybe done elsewhere)"
	case e.MaybeDone:
		text += " (maybe done)"
	}
	text += ": " + e.Message
	for _, also := range e.Also {
		text += fmt.Sprintf(" [%s %s]", also.Role, printError(also))
	}
	if e.More > 0 {
		text += fmt.Sprintf(" [and %d more]", e.More)
	}
	return text
}

func printOutcome(o *Outcome) string {
	text := string(o.Status)
	if o.Message != "" {
		text += " (" + o.Message + ")"
	}
	if o.Tolerated > 0 {
		text += fmt.Sprintf(" tolerated %d", o.Tolerated)
	}
	if o.Error != nil {
		text += " " + printError(o.Error) + " at step " + o.Error.Step
	}
	if len(o.Outputs) > 0 {
		text += " " + expr.CompactJSON(o.Outputs)
	}
	return text
}
