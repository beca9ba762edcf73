package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/engine/schedule"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/internal/record"
	"github.com/twinbook/twinbook/server/access"
	"github.com/twinbook/twinbook/server/library"
	"github.com/twinbook/twinbook/simulator"
	"github.com/twinbook/twinbook/simulator/wire"
	"github.com/twinbook/twinbook/steps"
)

// longest is how long a test waits for what must come.
const longest = 30 * time.Second

// A rig is a server on a socket with all that is behind it: a journal on disk, a runner, a library, and a simulated hub
// whose device dev-1 answers every method with its name and payload.
type rig struct {
	testing.TB
	*Server
	url     string
	address net.Addr
	journal *journal.SQLite
	runner  *runner.Runner
	book    *schedule.Book
	hub     *simulator.Hub
	http    *http.Server
	client  *http.Client
	token   string // that requests have unless they say another
	tokens  map[string]string
}

// An option changes a rig before it starts.
type option struct {
	files  map[string]string // the library; empty: those of workflows
	roles  []string          // tokens to make, each of a role by its name; empty: whoever is on this machine is admin
	config func(*Config)
	world  func(*testWorld)
}

// workflows are those of most rigs.
var workflows = map[string]string{
	"hello.yaml": `
version: 1
workflow: hello
description: Says hello.
inputs:
  name: { type: string, default: world, description: Who. }
  times: { type: integer, default: 1, min: 1, max: 9 }
steps:
- log: hello
outputs:
  text: ${{ 'hello ' + inputs.name }}
`,
	"call.yaml": `
version: 1
workflow: call
inputs: { device: { type: string }, method: { type: string, default: ping } }
device: ${{ inputs.device }}
steps:
- id: call
  invokeMethod: { method: "${{ inputs.method }}", payload: { n: 1 } }
`,
	"wait.yaml": `
version: 1
workflow: wait
timeout: 1h
concurrency: { key: one, limit: 1, whenFull: queue }
inputs: { n: { type: integer, default: 0 } }
steps:
- id: parts
  waitForSignal: partsDelivered
`,
	"ask.yaml": `
version: 1
workflow: ask
timeout: 1h
steps:
- id: ok
  approve: { message: "Go on?", roles: [shiftLead] }
`,
	"alone.yaml": `
version: 1
workflow: alone
timeout: 1h
concurrency: { key: alone, limit: 1, whenFull: reject }
steps:
- waitForSignal: go
`,
	"nightly.yaml": `
version: 1
workflow: nightly
schedules:
- { id: early, cron: "30 2 * * *", timezone: Europe/Berlin, jitter: 10m }
- { cron: "@daily" }
steps:
- log: night
`,
	"deploy.yaml": `
version: 1
workflow: deploy
inputs: { version: { type: string } }
triggers:
- webhook: { id: redeploy, secret: hook }
  inputs: { version: "${{ run.trigger.payload.version }}" }
- webhook: { id: internal }
  inputs: { version: latest }
- webhook: { id: nosecret, secret: missing }
  inputs: { version: latest }
steps:
- log: deployed
`,
}

// testWorld is what runs of a rig reach.
type testWorld struct {
	hub   hub.Hub
	types *engine.Types
	world *steps.World
}

func (w *testWorld) Hub(_ context.Context, name string) (hub.Hub, string, error) {
	if name != "" && name != "desk" {
		return nil, "", fmt.Errorf("hub %s: %w", name, ErrNoHub)
	}
	return w.hub, "desk", nil
}

func (w *testWorld) Prepare(ctx context.Context, p *engine.Program, name string) (string, map[string]string, error) {
	_, own, err := w.Hub(ctx, name)
	for _, use := range p.Secrets() {
		if _, missing := w.Secret(use.Name); missing != nil {
			return own, nil, missing
		}
	}
	return own, map[string]string{"desk": "simulator desk"}, err
}

func (w *testWorld) Secret(name string) (string, error) {
	if name != "hook" {
		return "", fmt.Errorf("the secret %s is not in the configuration", name)
	}
	return "a secret of the webhook", nil
}

func (w *testWorld) Compile(file string, source []byte, read func(string) ([]byte, error)) (*engine.Program, error) {
	p, problems := engine.Compile(file, source, engine.Options{Types: w.types, Read: read})
	return p, problems.Err()
}

func (w *testWorld) Stored(sources []journal.Source) (*engine.Program, error) {
	return w.Compile(sources[0].File, sources[0].Text, nil)
}

// device answers every method with its name and payload, but for `silent`.
type device struct{}

func (device) Receive(c wire.Conn, m wire.Message) {
	if call, ok := m.(wire.MethodRequest); ok && call.Method != "silent" {
		c.Send(wire.MethodResponse{RID: call.RID, Status: 200, Body: fmt.Appendf(nil, `{"method":%q,"payload":%s}`, call.Method, call.Body)})
	}
}
func (device) Closed(wire.Conn, error) {}

func newHub(t testing.TB) *simulator.Hub {
	t.Helper()
	h, err := simulator.New(simulator.Config{Clock: clock.Real()})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"dev-1", "dev-2", "dev-3"} {
		if err := h.AddDevice(simulator.Device{ID: id, Tags: map[string]any{"site": "berlin"}}); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := h.AttachDevice(t.Context(), wire.Options{Identity: wire.Identity{Device: "dev-1"}}, device{})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Send(wire.Subscribe{Feeds: wire.MethodFeed}); err != nil {
		t.Fatal(err)
	}
	return h
}

// open starts a rig.
func open(t testing.TB, o option) *rig {
	t.Helper()
	if o.files == nil {
		o.files = workflows
	}
	dir := t.TempDir()
	h := newHub(t)
	catalog := steps.All()
	world := &testWorld{hub: h.Client(), types: catalog.Types, world: steps.NewWorld(steps.World{
		Clock: clock.Real(), Hubs: map[string]steps.Fleet{"desk": steps.NewFleet(clock.Real(), h.Client())}, HTTP: &http.Client{},
	})}
	if o.world != nil {
		o.world(world)
	}
	j, err := journal.OpenSQLite(t.Context(), filepath.Join(dir, "journal.db"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{TB: t, journal: j, hub: h, tokens: map[string]string{}}
	runs, stop := context.WithCancel(context.Background())
	t.Cleanup(func() {
		stop()
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	r.runner = runner.New(runner.Config{
		Clock: clock.Real(), Journal: j, Park: true, Do: world.world.Do, Watch: world.world.Watch, Program: world.Stored,
		Observe: func(u runner.Update) { r.Server.Observe(u) },
	})
	t.Cleanup(func() { r.drain() })
	starter := &Starter{World: world, Runner: r.runner, Clock: clock.Real(), Runs: runs, Library: openLibrary(t, filepath.Join(dir, "workflows"), o.files, world)}
	c := Config{Starter: starter, Journal: j, Gate: r.gate(o.roles)}
	if o.config != nil {
		o.config(&c)
	}
	r.Server = New(c)
	r.listen()
	r.follow(runs)
	return r
}

func (r *rig) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	if err := r.runner.Drain(ctx); err != nil {
		r.Error(err)
	}
}

func openLibrary(t testing.TB, dir string, files map[string]string, w *testWorld) *library.Library {
	t.Helper()
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	l, err := library.Open(t.Context(), library.Config{
		Dir: dir, Compile: w.Compile,
		Kind: func(source []byte) string {
			if bytes.Contains(source, []byte("workflow:")) {
				return "workflow"
			}
			return ""
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range l.Faults() {
		t.Fatal(f.Err)
	}
	return l
}

// gate makes a token for each role; with none, whoever is on this machine is admin.
func (r *rig) gate(roles []string) *access.Gate {
	r.Helper()
	var c access.Config
	for _, role := range roles {
		token, hash := access.NewToken()
		r.tokens[role] = token
		c.Tokens = append(c.Tokens, access.Token{Name: role, Hash: hash, Roles: []string{role}})
	}
	g, err := access.New(c)
	if err != nil {
		r.Fatal(err)
	}
	return g
}

// listen serves on a socket of this machine.
func (r *rig) listen() {
	r.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.Fatal(err)
	}
	r.url, r.http, r.address = "http://"+l.Addr().String(), r.HTTP(), l.Addr()
	done := make(chan error, 1)
	go func() { done <- r.http.Serve(l) }()
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	r.client = &http.Client{Transport: described{r, r.Server, transport}}
	r.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), longest)
		defer cancel()
		if err := r.http.Shutdown(ctx); err != nil {
			r.Error(err)
		}
		<-done
	})
}

// follow has the schedules of the library followed, so that the journal knows them.
func (r *rig) follow(ctx context.Context) {
	r.Helper()
	r.book = schedule.New(schedule.Config{Store: r.journal, Starter: r.Starter, Clock: clock.Real()})
	var list []schedule.Schedule
	var reader schedule.Reader
	for _, e := range r.Starter.Library.Workflows() {
		for _, source := range e.Program.Workflow.Schedules {
			s, err := reader.Read(e.Name, source)
			if err != nil {
				r.Fatal(err)
			}
			list = append(list, s)
		}
	}
	r.book.Replace(list)
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() {
		if err := r.book.Run(ctx); err != nil {
			r.Error(err)
		}
	})
	r.Cleanup(func() { cancel(); all.Wait() })
}

// An answered is an answer that has been read.
type answered struct {
	*http.Response
	body []byte
	r    *rig
}

// ask sends a request. A body that is a text goes as it is, anything else as JSON; header are names and values in turn.
func (r *rig) ask(method, path string, body any, header ...string) answered {
	r.Helper()
	var reader io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(body)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			r.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	q, err := http.NewRequestWithContext(r.Context(), method, r.url+path, reader)
	if err != nil {
		r.Fatal(err)
	}
	if reader != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		q.Header.Set("Authorization", "Bearer "+r.token)
	}
	for i := 0; i < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	if q.Header.Get("Content-Type") == "none" {
		q.Header.Del("Content-Type")
	}
	answer, err := r.client.Do(q)
	if err != nil {
		r.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		r.Fatal(err)
	}
	return answered{answer, text, r}
}

// is holds the status of an answer against what it is to be.
func (a answered) is(status int) answered {
	a.r.Helper()
	if a.StatusCode != status {
		a.r.Fatalf("%s %s: %s, want %d: %s", a.Request.Method, a.Request.URL.Path, a.Status, status, a.body)
	}
	return a
}

// problem holds a problem's status and type against what they are to be.
func (a answered) problem(status int, kind string) Problem {
	a.r.Helper()
	var p Problem
	a.is(status).into(&p)
	if kind != "" {
		kind = problemTypes + kind
	}
	if p.Type != kind || p.Status != status || p.Title == "" {
		a.r.Errorf("%s %s: %s, want the type %q", a.Request.Method, a.Request.URL.Path, a.body, kind)
	}
	return p
}

func (a answered) into(value any) {
	a.r.Helper()
	if err := json.Unmarshal(a.body, value); err != nil {
		a.r.Fatalf("%s: %v", a.body, err)
	}
}

func (a answered) run() (run record.Listed) {
	a.r.Helper()
	a.into(&run)
	return run
}

// start begins a run and gives its id.
func (r *rig) start(workflow string, inputs map[string]any) string {
	r.Helper()
	return r.ask("POST", "/api/v1/runs", map[string]any{"workflow": workflow, "inputs": inputs}).is(201).run().ID
}

// until asks for a run until it is as wanted.
func (r *rig) until(id, what string, wanted func(record.Shown) bool) record.Shown {
	r.Helper()
	var shown record.Shown
	for end := time.Now().Add(longest); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		r.ask("GET", "/api/v1/runs/"+id, nil).is(200).into(&shown)
		if wanted(shown) {
			return shown
		}
	}
	r.Fatalf("run %s did not come to this: %s; it is %+v", id, what, shown)
	return shown
}

func (r *rig) untilState(id string, state record.State) record.Shown {
	r.Helper()
	return r.until(id, string(state), func(s record.Shown) bool { return s.Run.State == state })
}
