package steps_test

import (
	"cmp"
	"fmt"
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

// desk is the run whose steps are carried out.
var desk = engine.RunStart{ID: "r1", Hub: "desk"}

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
		Clock: c, HTTP: &http.Client{}, Secrets: secrets,
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
	value, err := b.world.Do(ctx, desk, c, func(what string) { b.seen.Store(what) })
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
	if _, err := b.do(`  - updateTwin: { desired: { half: s3cr3t, token: "${{ secrets.token }}", long: "${{ secrets.long }}" } }`, nil); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"token": "twin.desired.token", "one that is too long to be shown": "twin.desired.long", "one of two parts": `join([twin.desired.half, "token"], "-")`} {
		_, err := b.do(`  - { waitForTwin: { until: '`+path+` == "x"' }, timeout: 100ms }`, nil)
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
