package server

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/record"
	"github.com/twinbook/twinbook/server/library"
)

func TestStartAndShowARun(t *testing.T) {
	r := open(t, option{})
	a := r.ask("POST", "/api/v1/runs", map[string]any{"workflow": "hello", "inputs": map[string]any{"name": "berlin"}}).is(201)
	run := a.run()
	if want := "/api/v1/runs/" + run.ID; a.Header.Get("Location") != want || run.Workflow != "hello" || run.Hub != "desk" {
		t.Errorf("%+v at %s, want it at %s", run, a.Header.Get("Location"), want)
	}
	shown := r.untilState(run.ID, record.State(engine.Succeeded))
	trigger, _ := shown.Run.Trigger.(map[string]any)
	if shown.Outputs["text"] != "hello berlin" || shown.Run.By != "loopback" || trigger["kind"] != "api" || shown.Run.Inputs["times"] != 1.0 {
		t.Errorf("%+v", shown)
	}
	r.ask("GET", "/api/v1/runs/nobody", nil).problem(404, "")
}

func TestARunOnADevice(t *testing.T) {
	r := open(t, option{})
	id := r.start("call", map[string]any{"device": "dev-1"})
	shown := r.untilState(id, record.State(engine.Succeeded))
	if step := shown.Parts[0].Steps[0]; step.Device != "dev-1" || step.Outputs["status"] != 200.0 || len(step.Tries) != 1 {
		t.Errorf("%+v", step)
	}
	id = r.start("call", map[string]any{"device": "dev-2"})
	if shown := r.untilState(id, record.State(engine.Failed)); shown.Error == nil || shown.Error.Kind != engine.KindOffline {
		t.Errorf("%+v", shown.Error)
	}
}

func TestStartRefuses(t *testing.T) {
	r := open(t, option{})
	p := r.ask("POST", "/api/v1/runs", map[string]any{"workflow": "hello", "inputs": map[string]any{"times": 99, "no/such": 1}}).problem(422, "invalid-inputs")
	if len(p.Errors) != 2 || p.Errors[0].Pointer != "#/inputs/times" || p.Errors[1].Pointer != "#/inputs/no~1such" {
		t.Errorf("%+v", p.Errors)
	}
	r.ask("POST", "/api/v1/runs", map[string]any{"workflow": "nothing"}).problem(422, "unknown-workflow")
	r.ask("POST", "/api/v1/runs", map[string]any{"workflow": "hello", "hub": "moon"}).problem(422, "unknown-hub")
	r.ask("POST", "/api/v1/runs", map[string]any{}).problem(422, "invalid-request")
	r.ask("POST", "/api/v1/runs?dry=1", map[string]any{"workflow": "hello"}).problem(400, "invalid-query")
}

func TestIdempotencyKey(t *testing.T) {
	r := open(t, option{})
	hello := map[string]any{"workflow": "hello", "inputs": map[string]any{"name": "x"}}
	first := r.ask("POST", "/api/v1/runs", hello, "Idempotency-Key", "k-1").is(201).run()
	again := r.ask("POST", "/api/v1/runs", ` { "inputs": {"name":"x"},  "workflow":"hello" } `, "Idempotency-Key", "k-1").is(200)
	if run := again.run(); run.ID != first.ID || again.Header.Get("Location") != "/api/v1/runs/"+first.ID {
		t.Errorf("%+v, want run %s", run, first.ID)
	}
	if other := r.ask("POST", "/api/v1/runs", hello, "Idempotency-Key", "k-2").is(201).run(); other.ID == first.ID {
		t.Error("another key is another run")
	}
	r.ask("POST", "/api/v1/runs", map[string]any{"workflow": "hello"}, "Idempotency-Key", "k-1").problem(422, "key-reused")
	for _, key := range []string{"", "a b", "ü", strings.Repeat("k", 256)} {
		if p := r.ask("POST", "/api/v1/runs", hello, "Idempotency-Key", key).problem(400, ""); p.Errors[0].Header != "Idempotency-Key" {
			t.Errorf("%q: %+v", key, p)
		}
	}
	r.untilState(first.ID, record.State(engine.Succeeded))
	if err := r.journal.Remove(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	if p := r.ask("POST", "/api/v1/runs", hello, "Idempotency-Key", "k-1").problem(409, "taken"); p.Run != first.ID {
		t.Errorf("%+v", p)
	}
}

// The key of one is not that of another: nobody is told of runs that others began.
func TestIdempotencyKeysAreTheirSenders(t *testing.T) {
	r := open(t, option{roles: []string{"operator", "admin"}})
	hello := map[string]any{"workflow": "hello"}
	r.token = r.tokens["operator"]
	mine := r.ask("POST", "/api/v1/runs", hello, "Idempotency-Key", "k").is(201).run()
	r.token = r.tokens["admin"]
	if other := r.ask("POST", "/api/v1/runs", hello, "Idempotency-Key", "k").is(201).run(); other.ID == mine.ID {
		t.Error("two senders with the same key have one run")
	}
}

func TestQueuedAndFull(t *testing.T) {
	r := open(t, option{})
	first := r.start("wait", nil)
	second := r.ask("POST", "/api/v1/runs", map[string]any{"workflow": "wait"}).is(201).run()
	if second.State != record.Queued || !second.Queued {
		t.Errorf("%+v, want it queued", second)
	}
	var shown record.Shown
	r.ask("GET", "/api/v1/runs/"+second.ID, nil).is(200).into(&shown)
	if w := shown.Run.WaitsFor; len(w) != 1 || w[0].Key != "one" || w[0].Limit != 1 || !slices.Equal(w[0].Holders, []string{first}) || w[0].Ahead != 0 {
		t.Errorf("it waits for %+v, want what %s holds", w, first)
	}
	if page := r.list("?queued=true"); len(page.Runs) != 1 || page.Runs[0].ID != second.ID {
		t.Errorf("%+v", page)
	}
	r.ask("POST", "/api/v1/runs/"+first+"/signal", map[string]any{"name": "partsDelivered", "payload": map[string]any{"n": 3}}).is(202)
	r.untilState(first, record.State(engine.Succeeded))
	if shown := r.until(second.ID, "admitted", func(s record.Shown) bool { return s.Run.State == record.Waiting }); shown.Run.Admitted.IsZero() {
		t.Errorf("%+v", shown.Run)
	}
	r.ask("POST", "/api/v1/runs/"+second.ID+"/cancel", map[string]any{"reason": "not needed"}).is(202)
	shown = r.untilState(second.ID, record.State(engine.Cancelled))
	if len(shown.Requests) != 1 || shown.Requests[0].Reason != "not needed" || shown.Requests[0].By != "loopback" {
		t.Errorf("%+v", shown.Requests)
	}
	holder := r.start("alone", nil)
	if p := r.ask("POST", "/api/v1/runs", map[string]any{"workflow": "alone"}).problem(409, "full"); !slices.Equal(p.Holders, []string{holder}) {
		t.Errorf("%+v, want the holder %s", p, holder)
	}
}

func TestPauseAndResume(t *testing.T) {
	r := open(t, option{})
	id := r.start("wait", nil)
	r.ask("POST", "/api/v1/runs/"+id+"/pause", nil, "Content-Type", "none").is(202)
	r.untilState(id, record.Paused)
	r.ask("POST", "/api/v1/runs/"+id+"/resume", map[string]any{}).is(202)
	r.untilState(id, record.Waiting)
	r.ask("POST", "/api/v1/runs/"+id+"/cancel", nil).is(202)
	r.untilState(id, record.State(engine.Cancelled))
	r.ask("POST", "/api/v1/runs/"+id+"/cancel", nil).problem(409, "ended")
	r.ask("POST", "/api/v1/runs/nobody/cancel", nil).problem(404, "")
}

func TestRetry(t *testing.T) {
	r := open(t, option{})
	id := r.start("call", map[string]any{"device": "dev-2"})
	r.untilState(id, record.State(engine.Failed))
	retry := r.ask("POST", "/api/v1/runs/"+id+"/retry", nil).is(201).run()
	if retry.RetryOf != id {
		t.Errorf("%+v, want the retry of %s", retry, id)
	}
	if p := r.ask("POST", "/api/v1/runs/"+id+"/retry", nil).problem(409, "retried"); p.Run != retry.ID {
		t.Errorf("%+v", p)
	}
	waiting := r.start("wait", nil)
	r.ask("POST", "/api/v1/runs/"+waiting+"/retry", nil).problem(409, "unfinished")
	done := r.start("hello", nil)
	r.untilState(done, record.State(engine.Succeeded))
	r.ask("POST", "/api/v1/runs/"+done+"/retry", nil).problem(409, "no-retry")
}

// A call whose answer never came may have happened: only somebody who has looked may have it done again.
func TestRetryDoubts(t *testing.T) {
	r := open(t, option{})
	id := r.start("call", map[string]any{"device": "dev-1", "method": "silent"})
	r.until(id, "sent", func(s record.Shown) bool { return len(s.Parts) > 0 && len(s.Parts[0].Steps[0].Tries) > 0 })
	r.ask("POST", "/api/v1/runs/"+id+"/cancel", nil).is(202)
	r.untilState(id, record.State(engine.Cancelled))
	p := r.ask("POST", "/api/v1/runs/"+id+"/retry", nil).problem(409, "doubts")
	if len(p.Doubts) != 1 || p.Doubts[0].Again != "call" || p.Doubts[0].Device != "dev-1" || p.Run != id {
		t.Fatalf("%+v", p)
	}
	retry := r.ask("POST", "/api/v1/runs/"+id+"/retry", map[string]any{"again": []string{p.Doubts[0].Again}}).is(201).run()
	r.ask("POST", "/api/v1/runs/"+retry.ID+"/cancel", nil).is(202)
	r.untilState(retry.ID, record.State(engine.Cancelled))
}

func (r *rig) list(query string) (page runsPage) {
	r.Helper()
	r.ask("GET", "/api/v1/runs"+query, nil).is(200).into(&page)
	return page
}

func TestListInPages(t *testing.T) {
	r := open(t, option{})
	var ids []string
	for range 5 {
		id := r.start("hello", nil)
		r.untilState(id, record.State(engine.Succeeded))
		ids = append([]string{id}, ids...)
	}
	r.start("wait", nil)
	var got []string
	query := "?workflow=hello&outcome=succeeded,failed&since=1h&limit=2"
	for next := query; next != ""; {
		a := r.ask("GET", "/api/v1/runs"+next, nil).is(200)
		var page runsPage
		a.into(&page)
		for _, run := range page.Runs {
			got = append(got, run.ID)
		}
		if next = ""; page.Next != "" {
			next = query + "&cursor=" + url.QueryEscape(page.Next)
			link := a.Header.Get("Link")
			if to, ok := strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`); !ok {
				t.Errorf("Link: %s", link)
			} else {
				next = strings.TrimPrefix(to, "/api/v1/runs")
			}
		}
	}
	if !slices.Equal(got, ids) {
		t.Errorf("%v, want %v", got, ids)
	}
	if page := r.list("?outcome=unfinished"); len(page.Runs) != 1 || page.Next != "" {
		t.Errorf("%+v", page)
	}
}

func TestListRefuses(t *testing.T) {
	r := open(t, option{})
	for query, parameter := range map[string]string{
		"?limit=0":                            "limit",
		"?limit=1001":                         "limit",
		"?limit=":                             "limit",
		"?limit=2&limit=3":                    "limit",
		"?outcome=broken":                     "outcome",
		"?since=yesterday":                    "since",
		"?queued=1":                           "queued",
		"?cursor=":                            "cursor",
		"?cursor=!!":                          "cursor",
		"?cursor=" + cursor("audit", "3"):     "cursor",
		"?nonsense=1":                         "nonsense",
		"?cursor=" + strings.Repeat("a", 9e3): "cursor",
	} {
		if p := r.ask("GET", "/api/v1/runs"+query, nil).problem(400, "invalid-query"); p.Errors[0].Parameter != parameter {
			t.Errorf("%s: %+v, want it about %s", query, p, parameter)
		}
	}
	r.ask("GET", "/api/v1/runs?%zz", nil).problem(400, "")
	r.ask("GET", "/api/v1/runs?cursor="+cursor("runs", "nobody"), nil).problem(410, "cursor-gone")
}

func TestApprove(t *testing.T) {
	r := open(t, option{roles: []string{"viewer", "operator", "shiftLead", "admin"}})
	r.token = r.tokens["operator"]
	id := r.start("ask", nil)
	shown := r.until(id, "asked", func(s record.Shown) bool { return s.Run.Approval })
	if w := shown.Parts[0].Steps[0].Waits; w == nil || w.For != engine.WaitsApproval || w.Message != "Go on?" || !slices.Equal(w.Roles, []string{"shiftLead"}) {
		t.Errorf("%+v", w)
	}
	p := r.ask("POST", "/api/v1/runs/"+id+"/approve", nil).problem(403, "")
	if !strings.Contains(p.Detail, "shiftLead") {
		t.Errorf("%+v", p)
	}
	if page := r.list("?approval=true"); len(page.Runs) != 1 {
		t.Errorf("%+v", page)
	}
	r.token = r.tokens["shiftLead"] // who has this role alone may answer, and read nothing
	r.ask("GET", "/api/v1/runs/"+id, nil).problem(403, "")
	r.ask("POST", "/api/v1/runs/"+id+"/approve", map[string]any{"at": "other"}).problem(409, "not-asked")
	r.token = r.tokens["admin"]
	r.ask("POST", "/api/v1/runs/"+id+"/approve", map[string]any{"at": "ok", "reason": "fine", "payload": 7}).is(202)
	shown = r.untilState(id, record.State(engine.Succeeded))
	if s := shown.Signals; len(s) != 1 || s[0].Approved == nil || !*s[0].Approved || s[0].By != "admin (token)" || s[0].Reason != "fine" {
		t.Errorf("%+v", s)
	}
	if p := r.ask("POST", "/api/v1/runs/"+id+"/reject", nil).problem(409, "answered"); !strings.Contains(p.Detail, "ok has been approved already, by admin") {
		t.Errorf("%+v", p)
	}
	r.token = r.tokens["operator"]
	id = r.start("ask", nil)
	r.until(id, "asked", func(s record.Shown) bool { return s.Run.Approval })
	r.token = r.tokens["shiftLead"]
	r.ask("POST", "/api/v1/runs/"+id+"/reject", map[string]any{"reason": "not now"}).is(202)
	r.token = r.tokens["viewer"]
	if shown := r.untilState(id, record.State(engine.Failed)); shown.Error.Kind != engine.KindRejected {
		t.Errorf("%+v", shown.Error)
	}
}

// TestOneOfManyAnswersCounts has many answer the same at the same time: all but one hear who did before them.
func TestOneOfManyAnswersCounts(t *testing.T) {
	r := open(t, option{})
	for range 5 {
		id := r.start("ask", nil)
		r.until(id, "asked", func(s record.Shown) bool { return s.Run.Approval })
		var taken atomic.Int32
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				a := r.ask("POST", "/api/v1/runs/"+id+"/"+[]string{"approve", "reject"}[i%2], nil)
				switch a.StatusCode {
				case 202:
					taken.Add(1)
				case 409:
				default:
					t.Errorf("%d %s", a.StatusCode, a.body)
				}
			})
		}
		all.Wait()
		shown := r.until(id, "ended", func(s record.Shown) bool { return s.Run.Status != "" })
		if len(shown.Signals) != int(taken.Load()) {
			t.Errorf("%d answers were taken, and the run knows of %+v", taken.Load(), shown.Signals)
		}
	}
}

// TestAnAnswerBesideOneThatWaitsIsRefused has a run that no process hears.
func TestAnAnswerBesideOneThatWaitsIsRefused(t *testing.T) {
	r := open(t, option{files: map[string]string{
		"nested.yaml": `
version: 1
workflow: nested
timeout: 1h
steps:
- id: p
  parallel:
    one:
    - id: go
      approve: First?
    two:
    - id: on
      approve: Second?
`,
	}})
	id := r.start("nested", nil)
	r.until(id, "asked", func(s record.Shown) bool { return s.Run.Approval })
	r.drain()
	r.ask("POST", "/api/v1/runs/"+id+"/reject", map[string]any{"at": "go"}).is(202)
	p := r.ask("POST", "/api/v1/runs/"+id+"/approve", map[string]any{"at": "p/one/go"}).problem(409, "answered")
	if !strings.Contains(p.Detail, "p/one/go has been rejected already, by loopback") {
		t.Errorf("%+v", p)
	}
	r.ask("POST", "/api/v1/runs/"+id+"/approve", map[string]any{"at": "o"}).problem(409, "not-asked")
}

// A faultyLibrary has a file that is not in use, beside those of another one.
type faultyLibrary struct{ Library }

func (faultyLibrary) Faults() []library.Fault {
	return []library.Fault{{File: "flows/bad.yaml", Err: errors.New("secret key: it is not set")}, {File: "flows/old.yaml", Workflow: "old", Err: errors.New("no steps")}}
}

func TestAWorkflowWhoseFileIsFaultyIsNamed(t *testing.T) {
	r := open(t, option{})
	r.Starter.Library = faultyLibrary{r.Starter.Library}
	for name, want := range map[string]string{
		"bad":   "flows/bad.yaml is not in use: secret key: it is not set",
		"other": "flows/bad.yaml is not in use, and GET /api/v1/workflows says why",
	} {
		if p := r.ask("POST", "/api/v1/runs", map[string]any{"workflow": name}).problem(422, "unknown-workflow"); !strings.Contains(p.Detail, want) {
			t.Errorf("%s: %q, want %q in it", name, p.Detail, want)
		}
	}
}

func TestSignalNeedsAName(t *testing.T) {
	r := open(t, option{})
	id := r.start("wait", nil)
	r.ask("POST", "/api/v1/runs/"+id+"/signal", map[string]any{"payload": 1}).problem(422, "invalid-request")
	r.ask("POST", "/api/v1/runs/"+id+"/approve", nil).problem(409, "not-asked")
}

func TestDrainingIsSaid(t *testing.T) {
	r := open(t, option{})
	r.drain()
	if a := r.ask("POST", "/api/v1/runs", map[string]any{"workflow": "hello"}); a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Errorf("%s %v", a.body, a.Header)
	}
}
