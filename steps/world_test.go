package steps_test

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/internal/clock/clockrule"
	"github.com/twinbook/twinbook/simulator"
	"github.com/twinbook/twinbook/simulator/wire"
	"github.com/twinbook/twinbook/steps"
)

func TestStepsWaitOnlyThroughTheClock(t *testing.T) { clockrule.Check(t, ".") }

// bench is a workflow's world: a simulated hub with one device that answers as told.
type bench struct {
	*testing.T
	hub   *simulator.Hub
	world *steps.World
	seen  atomic.Value // what a waiting step told last
}

func newBench(t *testing.T, secrets map[string]string) *bench {
	c := clock.Real()
	h, err := simulator.New(simulator.Config{Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.AddDevice(simulator.Device{ID: "dev-1", Tags: map[string]any{"site": "o'hare"}}); err != nil {
		t.Fatal(err)
	}
	return &bench{T: t, hub: h, world: steps.NewWorld(steps.World{
		Clock: c, Run: "r1", Hub: "desk", HTTP: &http.Client{}, Secrets: secrets,
		Hubs: map[string]steps.Fleet{"desk": steps.NewFleet(c, h.Client())},
	})}
}

// device is a connected device that answers every method with its name and payload.
type device struct{ status int }

func (d device) Receive(c wire.Conn, m wire.Message) {
	if call, ok := m.(wire.MethodRequest); ok && call.Method != "silent" {
		body := fmt.Sprintf(`{"method":%q,"payload":%s}`, call.Method, call.Body)
		c.Send(wire.MethodResponse{RID: call.RID, Status: d.status, Body: []byte(body)})
	}
}
func (device) Closed(wire.Conn, error) {}

func (b *bench) connect(status int) wire.Conn {
	b.Helper()
	conn, err := b.hub.AttachDevice(b.Context(), wire.Options{Identity: wire.Identity{Device: "dev-1"}}, device{status})
	if err != nil {
		b.Fatal(err)
	}
	if err := conn.Send(wire.Subscribe{Feeds: wire.MethodFeed}); err != nil {
		b.Fatal(err)
	}
	return conn
}

// do carries out the first step of a list.
func (b *bench) do(list string, inputs map[string]any) (map[string]any, error) {
	b.Helper()
	c := b.command(list, inputs)
	ctx, cancel := b.world.Clock.WithTimeout(b.Context(), cmp.Or(c.Limit, time.Minute))
	defer cancel()
	value, err := b.world.Do(ctx, c, func(what string) { b.seen.Store(what) })
	outputs, _ := value.(map[string]any)
	return outputs, err
}

// command is the first step of a list after the planner's own resolving of parameters.
func (b *bench) command(list string, inputs map[string]any) engine.Command {
	b.Helper()
	source := "version: 1\nworkflow: one\ndevice: dev-1\ntimeout: 1h\ninputs: { x: { type: string, default: \"\" } }\nsteps:\n" + list
	program, problems := engine.Compile("one.yaml", []byte(source), engine.Options{Types: steps.All().Types})
	if len(problems) > 0 {
		b.Fatalf("%v", problems)
	}
	checked, err := program.CheckInputs(inputs)
	if err != nil {
		b.Fatal(err)
	}
	d := engine.NewRun(program).Next(engine.Event{Kind: engine.RunStarted, Time: time.Now(), Start: &engine.RunStart{ID: "r1", Inputs: checked}})
	for _, c := range d.Commands {
		if c.Kind == engine.CommandDo {
			return c
		}
	}
	b.Fatalf("the step gave no command: %+v", d)
	return engine.Command{}
}

func TestInvokeMethod(t *testing.T) {
	b := newBench(t, nil)
	if _, err := b.do(`  - invokeMethod: { method: ping }`, nil); hub.KindOf(err) != hub.Offline {
		t.Errorf("offline: %v", err)
	}
	b.connect(200)
	got, err := b.do(`  - invokeMethod: { method: ping, payload: { n: [1, null] } }`, nil)
	if err != nil || got["status"] != 200.0 {
		t.Fatalf("got %v, %v", got, err)
	}
	if text := expr.Show(got["payload"]); text != `{"method":"ping","payload":{"n":[1,null]}}` {
		t.Errorf("the device saw %s", text)
	}
}

func TestAStepWithoutAnAnswerHasNoOutputs(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		conn.Close()
	}))
	defer server.Close()
	b := newBench(t, nil)
	for _, list := range []string{
		`  - invokeMethod: { method: ping }`,
		`  - getTwin: { module: none }`,
		`  - { waitForTwin: { until: twin.reported.x == 1 }, timeout: 10ms }`,
		`  - queryDevices: { query: SELECT nonsense }`,
		`  - http: { url: "` + server.URL + `" }`,
	} {
		if got, err := b.do(list, nil); err == nil || got != nil {
			t.Errorf("%s: outputs %v beside %v", list, got, err)
		}
	}
}

func TestUpdateTwinThatIsRepeatedAfterItsOwnChange(t *testing.T) {
	b := newBench(t, nil)
	before, err := b.do(`  - getTwin: {}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	etag := before["twin"].(map[string]any)["etag"].(string)
	list := `  - updateTwin: { desired: { interval: 5, old: null }, ifMatch: ` + fmt.Sprintf("%q", etag) + ` }`
	for attempt := range 2 {
		if _, err := b.do(list, nil); err != nil {
			t.Errorf("attempt %d: %v", attempt, err)
		}
	}
	if _, err := b.do(`  - updateTwin: { desired: { interval: 6 }, ifMatch: "`+etag+`" }`, nil); hub.KindOf(err) != hub.Conflict {
		t.Errorf("another change under the old etag: %v", err)
	}
}

func TestWaitForTwinSaysWhatItLastSaw(t *testing.T) {
	b := newBench(t, nil)
	_, err := b.do(`  - { waitForTwin: { until: twin.desired.interval == "5" }, timeout: 100ms }`, nil)
	if hub.KindOf(err) != hub.Timeout || !strings.Contains(err.Error(), "twin.desired.interval is missing") {
		t.Errorf("missing: %v", err)
	}
	if _, err := b.do(`  - updateTwin: { desired: { interval: 5 } }`, nil); err != nil {
		t.Fatal(err)
	}
	_, err = b.do(`  - { waitForTwin: { until: twin.desired.interval == "5" }, timeout: 100ms }`, nil)
	if err == nil || !strings.Contains(err.Error(), "number") {
		t.Errorf("a number that is waited for as text: %v", err)
	}
	if _, err = b.do(`  - { waitForTwin: { until: twin.desired.interval }, timeout: 100ms }`, nil); err == nil || hub.KindOf(err) != "" {
		t.Errorf("a condition that is no boolean: %v", err)
	}
}

func TestAWaitingStepSaysNoSecret(t *testing.T) {
	b := newBench(t, map[string]string{"token": "s3cr3t-token", "long": strings.Repeat("long-", 40)})
	if _, err := b.do(`  - updateTwin: { desired: { token: "${{ secrets.token }}", long: "${{ secrets.long }}" } }`, nil); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"token": "twin.desired.token", "one that is too long to be shown": "twin.desired.long"} {
		_, err := b.do(`  - { waitForTwin: { until: `+path+` == "x" }, timeout: 100ms }`, nil)
		if want := path + ` is still "***"`; b.seen.Load() != want || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: told %v and %v, want %s", name, b.seen.Load(), err, want)
		}
	}
	got, err := b.do(`  - queryDevices: { query: SELECT * FROM devices, where: twin.desired.token == "s3cr3t-token" }`, nil)
	if err != nil || got["count"] != 0.0 {
		t.Errorf("a condition that guesses a secret: %v, %v", got["count"], err)
	}
}

func TestQueryTakesAQuoteAsText(t *testing.T) {
	b := newBench(t, nil)
	list := `  - queryDevices: { query: "SELECT * FROM devices WHERE tags.site = '${{ inputs.x }}'" }`
	for input, want := range map[string]float64{"o'hare": 1, "x' OR deviceId != '": 0} {
		got, err := b.do(list, map[string]any{"x": input})
		if err != nil || got["count"] != want {
			t.Errorf("%s: got %v, %v, want %v", input, got, err, want)
		}
	}
}

func TestQueryLimit(t *testing.T) {
	b := newBench(t, nil)
	for i := range 1005 {
		if err := b.hub.AddDevice(simulator.Device{ID: fmt.Sprintf("many-%d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.do(`  - queryDevices: { query: SELECT * FROM devices }`, nil); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("more than 1,000 without a limit: %v", err)
	}
	got, err := b.do(`  - queryDevices: { query: SELECT deviceId FROM devices, limit: 7 }`, nil)
	if err != nil || got["count"] != 7.0 || got["more"] != true {
		t.Errorf("limit 7: %v, %v", got, err)
	}
	got, err = b.do(`  - queryDevices: { query: SELECT * FROM devices, where: twin.tags.site startsWith "o" }`, nil)
	if err != nil || got["count"] != 1.0 {
		t.Errorf("where: %v, %v", got["count"], err)
	}
}

func TestHTTP(t *testing.T) {
	var posts atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hang-up":
			posts.Add(1)
			conn, _, _ := w.(http.Hijacker).Hijack()
			conn.Close()
		case "/huge":
			w.Write(make([]byte, 2<<20))
		case "/garbage":
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte("{]"))
		case "/deep":
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte(strings.Repeat("[", 10_000)))
		case "/busy":
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"path":%q,"auth":%q,"key":%q}`, r.URL.EscapedPath(), r.Header.Get("Authorization"), r.Header.Get("Idempotency-Key"))
		}
	}))
	defer server.Close()
	b := newBench(t, map[string]string{"token": "s3cr3t-token"})
	get := func(path string) (map[string]any, error) {
		return b.do(`  - http: { url: "`+server.URL+path+`" }`, map[string]any{"x": "a/../b?c=d"})
	}

	got, err := get("/echo/${{ inputs.x }}")
	if err != nil || got["body"].(map[string]any)["path"] != "/echo/a%2F..%2Fb%3Fc=d" {
		t.Errorf("an input in a path: %v, %v", got, err)
	}
	got, err = b.do(`  - http: { url: "`+server.URL+`/echo", method: POST, headers: { Authorization: "Bearer ${{ secrets.token }}" }, body: { n: 1 } }`, nil)
	if body, _ := got["body"].(map[string]any); err != nil || body["auth"] != "Bearer ***" || body["key"] != "r1/http@1" {
		t.Errorf("an answer that echoes a secret: %v, %v", got, err)
	}
	for path, want := range map[string]string{"/huge": "larger than 1 MiB", "/garbage": "says it is JSON", "/deep": "nested deeper"} {
		if _, err := get(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	_, err = b.do(`  - http: { url: "`+server.URL+`/garbage", method: POST }`, nil)
	var unreadable *engine.Error
	if !errors.As(err, &unreadable) || !unreadable.MaybeDone {
		t.Errorf("a POST whose answer cannot be read: %v", err)
	}
	got, err = get("/busy")
	if err != nil || got["status"] != 429.0 {
		t.Errorf("429 is an answer, and what it means is the planner's: %v, %v", got, err)
	}
	_, err = b.do(`  - http: { url: "`+server.URL+`/hang-up", method: POST, body: hello }`, nil)
	var failure *hub.Error
	if !errors.As(err, &failure) || failure.Kind != hub.Interrupted || !failure.Sent || posts.Load() != 1 {
		t.Errorf("a POST whose connection is cut: %v after %d requests", err, posts.Load())
	}
}

func TestHTTPKeyIsOfTheStepAndNotOfItsAttempt(t *testing.T) {
	var keys []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { keys = append(keys, r.Header.Get("Idempotency-Key")) }))
	defer server.Close()
	b := newBench(t, nil)
	c := b.command(`  - { id: order, http: { url: "`+server.URL+`", method: POST } }`, nil)
	for _, at := range []engine.Address{"order#1", "order#2", "block#2/order#3", "each[1]/order#1"} {
		c.At = at
		if _, err := b.world.Do(t.Context(), c, func(string) {}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := strings.Join(keys, " "), "r1/order r1/order r1/block#2/order r1/each[1]/order"; got != want {
		t.Errorf("keys %s, want %s", got, want)
	}
}

func TestHTTPRefusesAHeaderThatCannotBeSent(t *testing.T) {
	b := newBench(t, map[string]string{"lines": "s3cr3t\nEvil: 1"})
	for headers, want := range map[string]string{
		`{ X-A: "${{ inputs.x }}" }`:            "the value of X-A has a line break",
		`"${{ fromJSON('{\"X A\": \"b\"}') }}"`: `"X A" is no name of a header field`,
		`{ X-A: "${{ secrets.lines }}" }`:       "the value of X-A has a line break",
	} {
		_, err := b.do(`  - http: { url: "http://127.0.0.1:1/", headers: `+headers+` }`, map[string]any{"x": "a\r\nEvil: 1"})
		var failure *engine.Error
		if !errors.As(err, &failure) || failure.Kind != engine.KindInvalid || !strings.Contains(failure.Message, want) || strings.Contains(failure.Message, "Evil") {
			t.Errorf("%s: %v, want %s", headers, err, want)
		}
	}
}

func TestHTTPTakesDataInAURLAsText(t *testing.T) {
	var asked atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Store(r.RequestURI) }))
	defer server.Close()
	const secret = "p/w?d&x=1 #+%"
	b := newBench(t, map[string]string{"token": secret, "up": ".."})
	for _, c := range []struct{ url, input, want string }{
		{"/a/${{ inputs.x }}?q=${{ inputs.x }}&z=${{ inputs.x }}", "b/../c d", "/a/b%2F..%2Fc%20d?q=b%2F..%2Fc%20d&z=b%2F..%2Fc%20d"},
		{"?q=${{ inputs.x }}", "1&admin=true#f", "/?q=1%26admin%3Dtrue%23f"},
		{"/a?${{ inputs.x }}=1", "1+1=2;", "/a?1%2B1%3D2%3B=1"},
		{"/a#${{ inputs.x }}", "?b", "/a"},
		{"/${{ inputs.x }}/${{ secrets.token }}?t=${{ secrets.token }}", "é", "/%C3%A9/p%2Fw%3Fd&x=1%20%23+%25?t=p%2Fw%3Fd%26x%3D1%20%23%2B%25"},
		{"/a/..${{ inputs.x }}", "b", "/a/..b"},
		{"/a/${{ inputs.x }}", "%2e%2e", "/a/%252e%252e"},
	} {
		if _, err := b.do(`  - http: { url: "`+server.URL+c.url+`" }`, map[string]any{"x": c.input}); err != nil || asked.Load() != c.want {
			t.Errorf("%s with %q: asked %v, want %s (%v)", c.url, c.input, asked.Load(), c.want, err)
		}
	}
	asked.Store("nothing")
	for url, input := range map[string]string{
		"/a/${{ inputs.x }}/b": "..", "/a/${{ inputs.x }}": ".", "/a/.${{ inputs.x }}?b": ".", "/a/${{ secrets.up }}/${{ inputs.x }}": "b",
	} {
		_, err := b.do(`  - http: { url: "`+server.URL+url+`" }`, map[string]any{"x": input})
		var failure *engine.Error
		if !errors.As(err, &failure) || failure.Kind != engine.KindInvalid || !strings.Contains(failure.Message, "another place on the server") || asked.Load() != "nothing" {
			t.Errorf("%s with %q: %v, asked %v", url, input, err, asked.Load())
		}
	}
}

func TestHTTPWithNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, err = newBench(t, nil).do(`  - http: { url: "http://`+address+`/", method: POST }`, nil)
	var failure *hub.Error
	if !errors.As(err, &failure) || failure.Kind != hub.Unavailable || failure.Sent {
		t.Errorf("nobody listens: %#v", err)
	}
}
