package server

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// What the router itself answers is a problem, too.
func TestEveryErrorIsAProblem(t *testing.T) {
	r := open(t, option{})
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/", 404, ""},
		{"GET", "/api/v1/nothing", 404, ""},
		{"GET", "/api/v1/runs/", 404, ""},
		{"GET", "/api/v1//runs", 404, ""},
		{"GET", "/api/v1/../v1/runs", 404, ""},
		{"GET", "/api/v1/runs/a/b/c", 404, ""},
		{"GET", "/api/v1/runs/%00", 404, ""},
		{"GET", "/api/v1/runs/%ff%fe", 404, ""},
		{"GET", "/api/v1/runs/" + strings.Repeat("a", 10_000), 404, ""},
		{"GET", "/metrics", 404, ""},
		{"DELETE", "/api/v1/runs", 405, "GET, HEAD, POST"},
		{"PUT", "/api/v1/devices/dev-1/twin", 405, "GET, HEAD, PATCH"},
		{"OPTIONS", "/api/v1/runs", 405, "GET, HEAD, POST"},
		{"POST", "/healthz", 405, "GET, HEAD"},
		{"BREW", "/api/v1/runs", 405, "GET, HEAD, POST"},
	} {
		a := r.ask(c.method, c.path, nil)
		a.problem(c.status, "")
		if got := a.Header.Get("Allow"); got != c.allow {
			t.Errorf("%s %s: Allow %q, want %q", c.method, c.path, got, c.allow)
		}
	}
}

func TestHead(t *testing.T) {
	r := open(t, option{})
	for _, path := range []string{"/api/v1/runs", "/api/v1/workflows", "/api/v1/runs/nobody", "/healthz"} {
		if a := r.ask("HEAD", path, nil); len(a.body) != 0 || a.ContentLength <= 0 {
			t.Errorf("%s: %d bytes, Content-Length %d", path, len(a.body), a.ContentLength)
		}
	}
}

// Bodies that are no JSON document of what the route takes do nothing, and the answer says why.
func TestBodiesAreTakenStrictly(t *testing.T) {
	r := open(t, option{})
	deep := strings.Repeat("[", 600) + strings.Repeat("]", 600)
	for body, detail := range map[string]string{
		" ":                                   "too early",
		"{":                                   "too early",
		`{"workflow":"hello"} {}`:             "after top-level value",
		`{"workflow":"hello"},`:               "after top-level value",
		`{"workflow":"hello","workflow":"x"}`: "twice",
		`{"workflow":"hello","inputs":{"a":1,"a":2}}`:      "twice",
		`{"workflow":"hello","inputs":{"a":` + deep + `}}`: "deeper",
		"{\"workflow\":\"he\xffllo\"}":                     "UTF-8",
		"\xff\xfe{\x00}\x00":                               "UTF-8",
		`{"workflow":'hello'}`:                             "byte 13",
		`["hello"]`:                                        "no object",
		`"hello"`:                                          "no object",
		`null`:                                             "no object",
		`{"workflow":"\ud800"}`:                            "half of a character",
		`{"\udc00":1}`:                                     "half of a character",
		`{"workflow":"\ud83d\ud83d"}`:                      "half of a character",
		`{"inputs":{"a":["\\\\","\ud83dx"]}}`:              "half of a character",
		`{"workflow":hello}`:                               "byte",
	} {
		p := r.ask("POST", "/api/v1/runs", body).problem(400, "invalid-json")
		if !strings.Contains(p.Detail, detail) {
			t.Errorf("%.60q: %q, want %q in it", body, p.Detail, detail)
		}
	}
	for body, pointer := range map[string]string{
		``:                                   "#/workflow",
		`{"workflow":7}`:                     "#/workflow",
		`{"Workflow":"hello"}`:               "#/Workflow",
		`{"workflow":"hello","inputs":[]}`:   "#/inputs",
		`{"workflow":"hello","dryRun":true}`: "#/dryRun",
		`{"workflow":"hello","inputs":{"n":1e999}}`: "#/inputs",
	} {
		p := r.ask("POST", "/api/v1/runs", body).problem(422, "invalid-request")
		if !strings.HasPrefix(p.Errors[0].Pointer, pointer) {
			t.Errorf("%s: %+v, want it about %s", body, p.Errors, pointer)
		}
	}
	r.ask("POST", "/api/v1/runs", `{"workflow":"\ud83d\ude00 \\ud800"}`).problem(422, "unknown-workflow")
	r.ask("POST", "/api/v1/runs/nobody/cancel", "").problem(404, "")
	ok := `{"workflow":"hello"}`
	r.ask("POST", "/api/v1/runs", ok, "Content-Type", "none").problem(415, "")
	r.ask("POST", "/api/v1/runs", ok, "Content-Type", "text/json").problem(415, "")
	r.ask("POST", "/api/v1/runs", ok, "Content-Type", "application/json;;=(").problem(415, "")
	r.ask("POST", "/api/v1/runs", ok, "Content-Encoding", "gzip").problem(415, "")
	r.ask("POST", "/api/v1/runs", `{"workflow":"`+strings.Repeat("x", valuesBody)+`"}`).problem(413, "")
	r.ask("POST", "/api/v1/runs/a/cancel", `{"reason":"`+strings.Repeat("x", smallBody)+`"}`).problem(413, "")
	if page := r.list(""); len(page.Runs) != 0 {
		t.Errorf("%+v was begun", page.Runs)
	}
	r.ask("POST", "/api/v1/runs", ok, "Content-Type", "application/json; charset=utf-8").is(201)
}

// raw sends bytes on a connection of their own, and gives all that comes back.
func (r *rig) raw(text string) string {
	r.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(longest))
	if _, err := io.WriteString(c, text); err != nil {
		r.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		r.Fatal(err)
	}
	return string(got)
}

func TestHostileHeads(t *testing.T) {
	r := open(t, option{})
	for name, text := range map[string]string{
		"no HTTP":      "hello\r\n\r\n",
		"long head":    "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n",
		"no host":      "GET /api/v1/runs HTTP/1.1\r\n\r\n",
		"two lengths":  "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"wrong chunks": "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		got := r.raw(text)
		answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got)), nil)
		if err != nil || answer.StatusCode < 400 || answer.StatusCode >= 500 || !answer.Close {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	r.ask("GET", "/healthz", nil).is(200)
}

// Who sends a body slowly is told so, and keeps nothing but their own connection for that time.
func TestSlowBody(t *testing.T) {
	r := open(t, option{config: func(c *Config) { c.Patience = 50 * time.Millisecond }})
	for path, status := range map[string]int{"/api/v1/runs": 408, "/api/v1/nothing": 404} {
		got := r.raw("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
		answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got)), nil)
		if err != nil || answer.StatusCode != status || !answer.Close {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
}

// A panic of a handler is its request's end only. It is in the log, and not in the answer.
func TestPanicIsAnswered(t *testing.T) {
	var log lockedBuffer
	r := open(t, option{config: func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		c.Ready = func(context.Context) error { panic("our own bug") }
	}})
	if p := r.ask("GET", "/readyz", nil).problem(500, ""); strings.Contains(p.Detail, "our own bug") {
		t.Errorf("%+v", p)
	}
	if text := log.String(); !strings.Contains(text, "our own bug") || !strings.Contains(text, "/readyz") {
		t.Errorf("the log says %q", text)
	}
	r.ask("GET", "/healthz", nil).is(200)
}

// brokenJournal fails at what is ours alone.
type brokenJournal struct{ Journal }

func (brokenJournal) Runs(context.Context, journal.Filter) ([]journal.Run, error) {
	return nil, fmt.Errorf("disk /secret/path is full")
}

func TestFailuresOfOursAreLogged(t *testing.T) {
	var log lockedBuffer
	r := open(t, option{config: func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		c.Journal = brokenJournal{c.Journal}
	}})
	if p := r.ask("GET", "/api/v1/runs", nil).problem(500, ""); strings.Contains(p.Detail, "disk") {
		t.Errorf("%+v", p)
	}
	if text := log.String(); !strings.Contains(text, "disk /secret/path is full") {
		t.Errorf("the log says %q", text)
	}
}

type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Pages of other sites are refused, and so is whoever has no token, or not the role.
func TestAccess(t *testing.T) {
	r := open(t, option{roles: []string{"viewer", "operator", "admin"}})
	for i, route := range routes {
		if route.role == "" {
			continue
		}
		method, path, _ := strings.Cut(route.pattern, " ")
		path = strings.NewReplacer("{", "", "}", "").Replace(path)
		if i%10 == 0 { // who fails too often is told so instead
			r.token = ""
			r.ask(method, path, nil).problem(401, "")
			r.token = r.tokens["admin"]
			r.ask(method, path, nil, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site").problem(403, "")
		}
		if route.role != "viewer" && route.role != known {
			r.token = r.tokens["viewer"]
			r.ask(method, path, nil).problem(403, "")
		}
		r.token = r.tokens["admin"]
		if a := r.ask(method, path, nil); a.StatusCode == 401 || a.StatusCode == 403 {
			t.Errorf("%s: an admin is told %s", route.pattern, a.body)
		}
	}
	r.ask("GET", "/nothing", nil, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site").problem(403, "")
}

// 200 clients at once do all that clients do: start, watch, list, show, signal, cancel. Nothing is lost, nothing twice.
func TestManyClients(t *testing.T) {
	r := open(t, option{files: map[string]string{"hello.yaml": workflows["hello.yaml"], "wait.yaml": strings.Replace(workflows["wait.yaml"], "concurrency: { key: one, limit: 1, whenFull: queue }", "", 1)}})
	const clients = 200
	var all sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]bool{}
	for i := range clients {
		all.Go(func() {
			key := fmt.Sprintf("key-%d", i)
			body := map[string]any{"workflow": "wait", "inputs": map[string]any{"n": i}}
			run := r.ask("POST", "/api/v1/runs", body, "Idempotency-Key", key).is(201).run()
			if again := r.ask("POST", "/api/v1/runs", body, "Idempotency-Key", key).is(200).run(); again.ID != run.ID {
				t.Errorf("%s twice: %s and %s", key, run.ID, again.ID)
			}
			mu.Lock()
			ids[run.ID] = true
			mu.Unlock()
			w := r.watch(t.Context(), run.ID, "")
			if _, ok := w.next(); !ok {
				t.Errorf("no events of %s", run.ID)
			}
			r.ask("GET", "/api/v1/runs?limit=5", nil).is(200)
			if i%2 == 0 {
				r.ask("POST", "/api/v1/runs/"+run.ID+"/signal", map[string]any{"name": "partsDelivered"}).is(202)
			} else {
				r.ask("POST", "/api/v1/runs/"+run.ID+"/cancel", nil).is(202)
			}
			if _, last := w.rest(); last != engine.RunEnded {
				t.Errorf("the stream of %s ends with %s", run.ID, last)
			}
			var shown record.Shown
			r.ask("GET", "/api/v1/runs/"+run.ID, nil).is(200).into(&shown)
			if want := []engine.Status{engine.Succeeded, engine.Cancelled}[i%2]; shown.Run.Status != want || shown.Run.Inputs["n"] != float64(i) {
				t.Errorf("%+v, want it %s", shown.Run, want)
			}
		})
	}
	all.Wait()
	if len(ids) != clients {
		t.Errorf("%d runs, want %d", len(ids), clients)
	}
	if n := len(r.list("?limit=1000").Runs); n != clients {
		t.Errorf("%d runs are listed, want %d", n, clients)
	}
}

// Who sends a parameter expects something of it.
func TestUnknownParametersAreRefused(t *testing.T) {
	r := open(t, option{config: func(c *Config) { c.Metrics = http.NotFoundHandler() }})
	for _, each := range append(slices.Clone(routes), route{pattern: metricsPattern}) {
		method, path, _ := strings.Cut(each.pattern, " ")
		if strings.HasPrefix(path, "/api/v1/hooks/") { // senders add what they like
			continue
		}
		path = strings.NewReplacer("{run}", "nobody", "{workflow}", "hello", "{schedule}", "1", "{device}", "dev-1", "{method}", "ping").Replace(path)
		var body any
		if method == "PATCH" {
			body = map[string]any{"desired": map[string]any{"a": 1}}
		}
		r.ask(method, path+"?nobody=1", body).problem(400, "invalid-query")
	}
}
