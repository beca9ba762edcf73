package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

func TestWorkflows(t *testing.T) {
	r := open(t, option{})
	var all struct{ Workflows []workflowLine }
	r.ask("GET", "/api/v1/workflows", nil).is(200).into(&all)
	names := []string{}
	for _, w := range all.Workflows {
		names = append(names, w.Name)
	}
	if want := []string{"alone", "ask", "call", "deploy", "hello", "nightly", "wait"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
	if got := all.Workflows[3].Triggers; len(got) != 3 || got[0] != (triggerLine{"webhook", "redeploy"}) {
		t.Errorf("%+v", got)
	}
	var hello struct {
		workflowLine
		Source string
	}
	r.ask("GET", "/api/v1/workflows/hello", nil).is(200).into(&hello)
	if hello.Source != workflows["hello.yaml"] || len(hello.Inputs) != 2 || hello.Inputs[1].Max == nil || *hello.Inputs[1].Max != 9 {
		t.Errorf("%+v", hello)
	}
	r.ask("GET", "/api/v1/workflows/none", nil).problem(404, "")
}

func TestValidate(t *testing.T) {
	r := open(t, option{})
	good := "version: 1\nworkflow: w\nsteps:\n- log: hi\n"
	for _, kind := range []string{"application/yaml", "text/yaml; charset=utf-8", "text/plain"} {
		if kind != "application/yaml" { // what is taken beside it is for tools that can send nothing else
			r.client = &http.Client{}
		}
		r.ask("POST", "/api/v1/validate", good, "Content-Type", kind).is(200)
	}
	r = open(t, option{})
	p := r.ask("POST", "/api/v1/validate", map[string]any{"file": "a/w.yaml", "source": "version: 1\nworkflow: w\nsteps:\n- invokMethod: {}\n"}).problem(422, "invalid-workflow")
	if len(p.Problems) != 1 || p.Problems[0].File != "a/w.yaml" || p.Problems[0].Line != 4 || p.Problems[0].Rule != "unknown-action" {
		t.Errorf("%+v", p)
	}
	caller := "version: 1\nworkflow: w\nsteps:\n- call: { workflow: sub.yaml }\n"
	r.ask("POST", "/api/v1/validate", map[string]any{"file": "a/w.yaml", "source": caller}).problem(422, "invalid-workflow")
	r.ask("POST", "/api/v1/validate", map[string]any{"file": "a/w.yaml", "source": caller, "files": map[string]string{"a/sub.yaml": good}}).is(200)
	r.ask("POST", "/api/v1/validate", good, "Content-Type", "application/x-www-form-urlencoded").problem(415, "")
	r.ask("POST", "/api/v1/validate", strings.Repeat("#", filesBody+1), "Content-Type", "application/yaml").problem(413, "")
}

func TestSchedules(t *testing.T) {
	r := open(t, option{})
	var all struct{ Schedules []record.ScheduleStanding }
	r.ask("GET", "/api/v1/schedules", nil).is(200).into(&all)
	if len(all.Schedules) != 2 || all.Schedules[0].ID != "nightly/early" || all.Schedules[0].Jitter != "10m" || all.Schedules[0].Next == nil || all.Schedules[1].ID != "nightly/2" {
		t.Fatalf("%+v", all)
	}
	var next struct {
		Times []record.ScheduleTime
	}
	r.ask("GET", "/api/v1/schedules/nightly/early/next?n=400", nil).is(200).into(&next)
	noted := slices.ContainsFunc(next.Times, func(l record.ScheduleTime) bool { return l.Note != "" })
	if len(next.Times) != 400 || !noted || !slices.IsSortedFunc(next.Times, func(a, b record.ScheduleTime) int { return a.Nominal.Compare(b.Nominal) }) {
		t.Errorf("%d times, noted %v", len(next.Times), noted)
	}
	r.ask("GET", "/api/v1/schedules/nightly/none/next", nil).problem(404, "")
	r.ask("GET", "/api/v1/schedules/none/early/next", nil).problem(404, "")
	r.ask("GET", "/api/v1/schedules/nightly/early/next?n=0", nil).problem(400, "invalid-query")
	r.wait("the journal knows the schedules", func() bool {
		states, err := r.journal.Schedules(t.Context())
		return err == nil && len(states) == 2
	})
	var line record.ScheduleStanding
	r.ask("POST", "/api/v1/schedules/nightly/early/pause", nil).is(200).into(&line)
	if !line.Paused || line.By != "loopback" || line.ChangedAt.IsZero() {
		t.Errorf("%+v", line)
	}
	r.ask("POST", "/api/v1/schedules/nightly/early/resume", map[string]any{}).is(200).into(&line)
	if line.Paused {
		t.Errorf("%+v", line)
	}
}

func TestBackfill(t *testing.T) {
	r := open(t, option{})
	r.wait("the journal knows the schedules", func() bool {
		states, err := r.journal.Schedules(t.Context())
		return err == nil && len(states) == 2
	})
	now := time.Now().UTC()
	day := func(ago int) string { return now.AddDate(0, 0, -ago).Format(time.RFC3339) }
	var b record.Backfill
	r.ask("POST", "/api/v1/schedules/nightly/2/backfill", map[string]any{"from": day(4), "to": day(1)}).is(202).into(&b)
	if b.ID == 0 || b.By != "loopback" {
		t.Errorf("%+v", b)
	}
	r.wait("three runs", func() bool { return len(r.list("?workflow=nightly&outcome=succeeded").Runs) == 3 })
	for _, body := range []map[string]any{
		{}, {"from": day(2)}, {"from": "monday", "to": day(1)}, {"from": day(1), "to": day(2)}, {"from": day(1), "to": now.AddDate(0, 0, 2).Format(time.RFC3339)},
		{"from": day(400), "to": day(1)}, {"from": day(1), "to": day(1)}, // the last has no time in it
	} {
		if p := r.ask("POST", "/api/v1/schedules/nightly/2/backfill", body).problem(422, "invalid-request"); p.Errors[0].Pointer == "" {
			t.Errorf("%v: %+v", body, p)
		}
	}
}

// wait waits for a fact.
func (r *rig) wait(what string, is func() bool) {
	r.Helper()
	for end := time.Now().Add(longest); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			r.Fatal("it did not come to this: " + what)
		}
	}
}

func TestDevices(t *testing.T) {
	r := open(t, option{})
	var page devicesPage
	r.ask("GET", "/api/v1/devices?limit=2", nil).is(200).into(&page)
	if len(page.Devices) != 2 || page.Next == "" {
		t.Fatalf("%+v", page)
	}
	r.ask("GET", "/api/v1/devices?limit=2&cursor="+page.Next, nil).is(200).into(&page)
	if last := page.Devices[0].(map[string]any); len(page.Devices) != 1 || last["deviceId"] != "dev-3" {
		t.Errorf("%+v", page)
	}
	r.ask("GET", "/api/v1/devices?query=SELECT+deviceId+FROM+devices+WHERE+deviceId='dev-2'", nil).is(200).into(&page)
	if len(page.Devices) != 1 || fmt.Sprint(page.Devices[0]) != "map[deviceId:dev-2]" {
		t.Errorf("%+v", page)
	}
	if p := r.ask("GET", "/api/v1/devices?query=SELEC", nil).problem(422, "hub"); p.Kind != "invalid" {
		t.Errorf("%+v", p)
	}
	r.ask("GET", "/api/v1/devices?hub=moon", nil).problem(422, "unknown-hub")
	if p := r.ask("GET", "/api/v1/devices/nobody/twin", nil).problem(404, "hub"); p.Kind != "notFound" {
		t.Errorf("%+v", p)
	}
}

func TestTwin(t *testing.T) {
	r := open(t, option{})
	a := r.ask("GET", "/api/v1/devices/dev-1/twin?hub=desk", nil).is(200)
	tag := a.Header.Get("ETag")
	var twin map[string]any
	a.into(&twin)
	if twin["deviceId"] != "dev-1" || twin["connectionState"] != "Connected" || tag != `"`+twin["etag"].(string)+`"` {
		t.Errorf("%v, ETag %s", twin, tag)
	}
	patch := map[string]any{"tags": map[string]any{"site": nil, "line": 4}, "desired": map[string]any{"interval": 30}}
	after := r.ask("PATCH", "/api/v1/devices/dev-1/twin", patch, "If-Match", tag, "Content-Type", "application/merge-patch+json").is(200)
	after.into(&twin)
	if fmt.Sprint(twin["tags"], twin["desired"]) != "map[line:4] map[interval:30]" || after.Header.Get("ETag") == tag {
		t.Errorf("%v", twin)
	}
	if p := r.ask("PATCH", "/api/v1/devices/dev-1/twin", patch, "If-Match", tag).problem(412, "hub"); p.Kind != "conflict" {
		t.Errorf("%+v", p)
	}
	r.ask("PATCH", "/api/v1/devices/dev-1/twin", patch, "If-Match", "*").is(200)
	r.ask("PATCH", "/api/v1/devices/dev-1/twin", patch, "If-Match", "unquoted").problem(400, "")
	r.ask("PATCH", "/api/v1/devices/dev-1/twin", patch, "If-Match", `"a", "b"`).problem(400, "")
	r.ask("PATCH", "/api/v1/devices/dev-1/twin", map[string]any{}).problem(422, "invalid-request")
	r.ask("PATCH", "/api/v1/devices/dev-1/twin", map[string]any{"reported": map[string]any{}}).problem(422, "invalid-request")
}

func TestCallMethod(t *testing.T) {
	r := open(t, option{})
	var reply struct {
		Status  int
		Payload map[string]any
	}
	r.ask("POST", "/api/v1/devices/dev-1/methods/ping", map[string]any{"payload": map[string]any{"n": 1}, "timeout": "10s"}).is(200).into(&reply)
	if reply.Status != 200 || reply.Payload["method"] != "ping" {
		t.Errorf("%+v", reply)
	}
	r.ask("POST", "/api/v1/devices/dev-1/methods/ping", nil).is(200)
	if p := r.ask("POST", "/api/v1/devices/dev-2/methods/ping", nil).problem(409, "hub"); p.Kind != "offline" || p.MaybeDone {
		t.Errorf("%+v", p)
	}
	for name, value := range map[string]any{"timeout": "4s", "deliverWithin": "6m"} {
		if p := r.ask("POST", "/api/v1/devices/dev-1/methods/ping", map[string]any{name: value}).problem(422, "invalid-request"); p.Errors[0].Pointer != "#/"+name {
			t.Errorf("%+v", p)
		}
	}
}

func TestAudit(t *testing.T) {
	r := open(t, option{roles: []string{"viewer", "operator", "admin"}})
	r.token = r.tokens["operator"]
	id := r.start("hello", nil)
	r.ask("GET", "/api/v1/audit", nil).problem(403, "")
	r.token = r.tokens["viewer"]
	r.ask("POST", "/api/v1/runs", map[string]any{"workflow": "hello"}).problem(403, "")
	r.ask("GET", "/api/v1/runs", nil).is(200)
	r.token = r.tokens["admin"]
	r.ask("POST", "/api/v1/devices/dev-2/methods/ping", nil).problem(409, "hub")
	var page auditPage
	r.ask("GET", "/api/v1/audit", nil).is(200).into(&page)
	var got []string
	for _, e := range page.Entries {
		got = append(got, strings.Join([]string{e.Who, e.Action, e.Target, e.Detail, e.Result[:4], e.From}, " "))
	}
	want := []string{
		"admin (token) devices.call dev-2 ping The  127.0.0.1", "viewer (token) runs.start   Forb 127.0.0.1", "operator (token) runs.start " + id + " hello done 127.0.0.1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	r.ask("GET", "/api/v1/audit?limit=1", nil).is(200).into(&page)
	r.ask("GET", "/api/v1/audit?limit=1&cursor="+page.Next, nil).is(200).into(&page)
	if len(page.Entries) != 1 || page.Entries[0].Who != "viewer (token)" {
		t.Errorf("%+v", page)
	}
	r.ask("GET", "/api/v1/audit?target="+id, nil).is(200).into(&page)
	if len(page.Entries) != 1 {
		t.Errorf("%+v", page)
	}
	r.ask("GET", "/api/v1/audit?cursor="+cursor("audit", "-3"), nil).problem(400, "invalid-query")
}

func sign(body string) string {
	mac := hmac.New(sha256.New, []byte("a secret of the webhook"))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func TestWebhook(t *testing.T) {
	r := open(t, option{roles: []string{"viewer", "operator"}})
	body := `{"version":"1.2"}`
	send := func(body string, header ...string) answered {
		return r.ask("POST", "/api/v1/hooks/redeploy", body, append([]string{"X-Hub-Signature-256", sign(body), "X-GitHub-Event", "push"}, header...)...)
	}
	run := send(body, "X-GitHub-Delivery", "d-1").is(201).run()
	r.token = r.tokens["operator"]
	shown := r.untilState(run.ID, record.State(engine.Succeeded))
	r.token = ""
	trigger := fmt.Sprint(shown.Run.Trigger)
	for _, part := range []string{"kind:webhook", "id:redeploy", "version:1.2", "x-github-event:push"} {
		if !strings.Contains(trigger, part) {
			t.Errorf("%s, want %s in it", trigger, part)
		}
	}
	if strings.Contains(trigger, "sha256") || shown.Run.By != "webhook redeploy" || shown.Run.Inputs["version"] != "1.2" {
		t.Errorf("%+v", shown.Run)
	}
	if again := send(body, "X-GitHub-Delivery", "d-1").is(200).run(); again.ID != run.ID {
		t.Errorf("%+v, want %s", again, run.ID)
	}
	if again := send(`{ "version": "1.2" }`, "X-GitHub-Delivery", "d-1").is(200).run(); again.ID != run.ID {
		t.Errorf("the same, written otherwise, is %+v, want %s", again, run.ID)
	}
	send(`{"version":"1.3"}`, "X-GitHub-Delivery", "d-1").problem(422, "key-reused")
	r.ask("POST", "/api/v1/hooks/redeploy", body, "X-Hub-Signature-256", sign("other")).problem(401, "")
	r.ask("POST", "/api/v1/hooks/redeploy", body).problem(401, "")
	r.ask("POST", "/api/v1/hooks/nothing", body).problem(404, "")
	r.ask("POST", "/api/v1/hooks/nosecret", body).problem(409, "not-ready")
	send(`{"other":1}`).problem(422, "invalid-inputs")
	send(`{"version":`).problem(400, "invalid-json")
	send(body, "Content-Type", "application/x-www-form-urlencoded").problem(415, "")
}

// TestDeliveriesAreToldOf has each way in which a request to a webhook may end.
func TestDeliveriesAreToldOf(t *testing.T) {
	tell, told := make(chan string, 10), []string{}
	r := open(t, option{roles: []string{"viewer", "operator"}, config: func(c *Config) {
		c.Delivered = func(d Delivery) {
			tell <- fmt.Sprintf("%s %s by=%q refused=%v again=%v failed=%v", d.Hook, d.Workflow, d.By, d.Refused, d.Again, d.Err != nil)
		}
	}})
	body := `{"version":"1.2"}`
	for _, send := range []func(){
		func() {
			r.ask("POST", "/api/v1/hooks/redeploy", body, "X-Hub-Signature-256", sign(body), "Idempotency-Key", "k").is(201)
		},
		func() {
			r.ask("POST", "/api/v1/hooks/redeploy", body, "X-Hub-Signature-256", sign(body), "Idempotency-Key", "k").is(200)
		},
		func() { r.ask("POST", "/api/v1/hooks/redeploy", `{}`, "X-Hub-Signature-256", sign(`{}`)).is(422) },
		func() {
			r.ask("POST", "/api/v1/hooks/nothing", body).is(404)
			r.ask("POST", "/api/v1/hooks/redeploy", body).is(401)
		},
		func() { r.ask("POST", "/api/v1/hooks/nosecret", body).is(409) },
		func() { r.token = r.tokens["viewer"]; r.ask("POST", "/api/v1/hooks/internal", nil).is(403) },
	} {
		send()
		told = append(told, <-tell)
	}
	want := []string{
		`redeploy deploy by="webhook redeploy" refused=false again=false failed=false`,
		`redeploy deploy by="webhook redeploy" refused=false again=true failed=false`,
		`redeploy deploy by="webhook redeploy" refused=false again=false failed=true`,
		`redeploy deploy by="" refused=true again=false failed=false`,
		`nosecret deploy by="" refused=false again=false failed=true`,
		`internal deploy by="viewer (token)" refused=true again=false failed=true`,
	}
	if !slices.Equal(told, want) {
		t.Errorf("told:\n%s\nwant:\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
}

// A webhook without a secret takes the server's own tokens.
func TestWebhookWithToken(t *testing.T) {
	r := open(t, option{roles: []string{"viewer", "operator"}})
	r.ask("POST", "/api/v1/hooks/internal", nil).problem(401, "")
	r.token = r.tokens["viewer"]
	r.ask("POST", "/api/v1/hooks/internal", nil).problem(403, "")
	r.token = r.tokens["operator"]
	run := r.ask("POST", "/api/v1/hooks/internal", nil, "Idempotency-Key", "k").is(201).run()
	if again := r.ask("POST", "/api/v1/hooks/internal", nil, "Idempotency-Key", "k").is(200).run(); again.ID != run.ID {
		t.Errorf("%+v, want %s", again, run.ID)
	}
	r.ask("POST", "/api/v1/hooks/internal", `{}`, "Idempotency-Key", "k").problem(422, "key-reused")
}

func TestHealth(t *testing.T) {
	var why error
	r := open(t, option{roles: []string{"viewer"}, config: func(c *Config) {
		c.Ready = func(context.Context) error { return why }
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			fmt.Fprintln(w, "up 1")
		})
	}})
	r.ask("GET", "/healthz", nil).is(200)
	r.ask("GET", "/readyz", nil).is(200)
	why = journal.ErrLost
	r.ask("GET", "/healthz", nil).is(200)
	if p := r.ask("GET", "/readyz", nil).problem(503, ""); strings.Contains(p.Detail, journal.ErrLost.Error()) {
		t.Errorf("strangers hear %q", p.Detail)
	}
	r.ask("GET", "/metrics", nil).problem(401, "")
	r.token = r.tokens["viewer"]
	r.ask("GET", "/metrics", nil).is(200)
	r.ask("GET", "/api/v1/openapi.json", nil).is(200)
	r.ask("GET", "/api/v1/openapi.yaml", nil).is(200)
}
