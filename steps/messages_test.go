package steps_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator"
	"github.com/twinbook/twinbook/simulator/wire"
	"github.com/twinbook/twinbook/steps"
)

// all is the parameter that makes a wait look at what was sent before it.
const all = `since: "2020-01-01T00:00:00Z"`

func emit(t *testing.T, conn wire.Conn, body string, properties ...string) {
	t.Helper()
	m := wire.Telemetry{Body: []byte(body)}
	for i := 0; i < len(properties); i += 2 {
		m.Properties = append(m.Properties, wire.Property{Key: properties[i], Value: properties[i+1]})
	}
	if err := conn.Send(m); err != nil {
		t.Fatal(err)
	}
}

func TestWaitForTelemetryTakesWhatMeetsTheCondition(t *testing.T) {
	b := newBench(t, nil)
	conn := b.connect(200)
	emit(t, conn, `{"t": 21.5}`, "level", "info", "$.mid", "m1")
	emit(t, conn, `on`)
	emit(t, conn, "\xff\x00")
	emit(t, conn, ``)
	emit(t, conn, `{"t": 90}`, "level", "alarm")
	emit(t, conn, `{"t": "hot"}`)
	for where, want := range map[string]string{
		`{}`:                             `map[t:21.5] json`,
		`{ where: message.body.t > 80 }`: `map[t:90] json`, // of a message without t nobody can say
		`{ where: message.bodyType == "text", count: 2 }`:                                               `on text,  text`,
		`{ where: message.body == "/wA=" and message.bodyType == "base64" }`:                            `/wA= base64`,
		`{ where: message.properties.level != nil, count: 2 }`:                                          `map[t:21.5] json, map[t:90] json`,
		`{ where: message.system.messageId == "m1" }`:                                                   `map[t:21.5] json`,
		`{ where: message.deviceId == "dev-1" and age(time(message.time)) < duration("1h"), count: 6 }`: `map[t:21.5] json, on text, /wA= base64,  text, map[t:90] json, map[t:hot] json`,
	} {
		list := `  - waitForTelemetry: ` + strings.Replace(where, "{", "{ "+all+", ", 1)
		got, err := b.do(strings.Replace(list, ", }", " }", 1), nil)
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		var texts []string
		for _, m := range got["messages"].([]any) {
			m := m.(map[string]any)
			texts = append(texts, fmt.Sprint(m["body"], " ", m["bodyType"]))
		}
		if text := strings.Join(texts, ", "); text != want || got["lost"] != 0.0 {
			t.Errorf("%s: got %s (lost %v), want %s", where, text, got["lost"], want)
		}
	}
}

func TestWaitForTelemetryHasAllOfAMessage(t *testing.T) {
	b := newBench(t, nil)
	emit(t, b.connect(200), `{"t":1}`, "$.ct", "application/json", "a", "b")
	got, err := b.do(`  - waitForTelemetry: { `+all+` }`, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := got["messages"].([]any)[0].(map[string]any)
	at, err := time.Parse("2006-01-02T15:04:05.000Z", m["time"].(string))
	next, failed := time.Parse(time.RFC3339Nano, got["next"].(string))
	if err != nil || failed != nil || time.Since(at) > time.Minute || next.Sub(at) <= 0 || next.Sub(at) > time.Millisecond {
		t.Errorf("time %v, next %v, errors %v, %v", m["time"], got["next"], err, failed)
	}
	system := m["system"].(map[string]any)
	if !reflect.DeepEqual(m["properties"], map[string]any{"a": "b"}) || system["contentType"] != "application/json" || m["deviceId"] != "dev-1" {
		t.Errorf("got %v", m)
	}
	if _, err := b.do(fmt.Sprintf(`  - { waitForTelemetry: { since: %q }, timeout: 50ms }`, got["next"]), nil); hub.KindOf(err) != hub.Timeout {
		t.Errorf("behind the last message: %v", err)
	}
}

func TestWaitForTelemetrySaysWhatItLastSaw(t *testing.T) {
	b := newBench(t, nil)
	conn := b.connect(200)
	wait := func(params string) string {
		t.Helper()
		_, err := b.do(`  - { waitForTelemetry: { `+params+` }, timeout: 50ms }`, nil)
		if hub.KindOf(err) != hub.Timeout {
			t.Errorf("%s: %v", params, err)
			return ""
		}
		return strings.TrimPrefix(err.Error(), "wait for telemetry on dev-1: time is up; ")
	}
	if got := wait(all); got != "no message came" || b.seen.Load() != "no message yet" {
		t.Errorf("no message: %s, told %v", got, b.seen.Load())
	}
	emit(t, conn, `{"t":1,"unit":"C"}`)
	const one = `one message does not meet the condition: message.body.t is 1`
	if got := wait(`where: message.body.t > 80, ` + all); got != one || b.seen.Load() != one {
		t.Errorf("one message: %s, told %v", got, b.seen.Load())
	}
	emit(t, conn, `{"unit":"F"}`)
	for where, want := range map[string]string{
		`message.body.t > 80 and message.body.unit == "C"`: `2 messages do not meet the condition, the last: message.body.t is missing, message.body.unit is "F"`,
		`message.body.unit == 1`:                           `2 messages do not meet the condition, the last: message.body.unit is the text "F" and 1 is the number 1: text and number are never equal`,
		`message.body.unit == "F", count: 3`:               `1 of 3 messages so far; one message does not meet the condition: message.body.unit is "C"`,
		`message.body.unit != nil, count: 3`:               `2 of 3 messages so far`,
	} {
		if got := wait(`where: ` + where + `, ` + all); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", where, got, want)
		}
	}
	_, err := b.do(`  - { waitForTelemetry: { where: message.body.unit, `+all+` }, timeout: 50ms }`, nil)
	var failure *engine.Error
	if !errors.As(err, &failure) || failure.Kind != engine.KindExpression {
		t.Errorf("a condition that is no boolean: %v", err)
	}
}

func TestWaitForTelemetrySaysNoSecret(t *testing.T) {
	b := newBench(t, map[string]string{"token": "s3cr3t-token"})
	emit(t, b.connect(200), `{"token":"s3cr3t-token"}`)
	_, err := b.do(`  - { waitForTelemetry: { where: 'message.body.token == "x"', `+all+` }, timeout: 50ms }`, nil)
	if want := `message.body.token is "***"`; err == nil || !strings.HasSuffix(err.Error(), want) || !strings.HasSuffix(b.seen.Load().(string), want) {
		t.Errorf("%v, told %v", err, b.seen.Load())
	}
	got, err := b.do(`  - waitForTelemetry: { `+all+` }`, nil)
	if err != nil || strings.Contains(fmt.Sprint(got), "s3cr3t") {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWaitForTelemetryIsBounded(t *testing.T) {
	b := newBench(t, nil)
	conn := b.connect(200)
	for range 5 {
		emit(t, conn, `"`+strings.Repeat("x", 250<<10)+`"`)
	}
	_, err := b.do(`  - waitForTelemetry: { count: 1000, `+all+` }`, nil)
	var failure *engine.Error
	if !errors.As(err, &failure) || failure.Kind != engine.KindInvalid || !strings.Contains(failure.Message, "5 messages have more than 1 MiB") {
		t.Errorf("%v", err)
	}
	if _, err := b.do(`  - waitForTelemetry: { count: 3, `+all+` }`, nil); err != nil {
		t.Error(err)
	}
}

func TestWaitForTelemetryTellsOfForgottenMessages(t *testing.T) {
	b := newBench(t, nil)
	m := &forgetful{Hub: b.hub.Client()}
	b.world.Hubs["desk"] = steps.NewFleet(b.world.Clock, m)
	got, err := b.do(`  - waitForTelemetry: { count: 2 }`, nil)
	if err != nil || got["lost"] != 7.0 {
		t.Errorf("lost %v, %v", got["lost"], err)
	}
	const want = "1 of 2 messages so far; the hub had forgotten at least 3 before they could be looked at"
	if b.seen.Load() != want {
		t.Errorf("told %v, want %s", b.seen.Load(), want)
	}
}

// A forgetful hub has forgotten some messages before each one.
type forgetful struct {
	hub.Hub
	pages int
}

func (f *forgetful) Send(context.Context, hub.Message) (string, error) { return "", nil }

func (f *forgetful) Telemetry(context.Context, hub.TelemetryQuery) (hub.TelemetryPage, error) {
	f.pages++
	return hub.TelemetryPage{Lost: 2 + f.pages, Next: "x", Messages: []hub.Telemetry{{Time: time.Now()}}}, nil
}

func TestAHubWithoutMessages(t *testing.T) {
	b := newBench(t, nil)
	b.world.Hubs["desk"] = steps.NewFleet(b.world.Clock, struct{ hub.Hub }{b.hub.Client()})
	for _, list := range []string{`  - sendMessage: { payload: 1 }`, `  - waitForTelemetry: {}`} {
		_, err := b.do(list, nil)
		var failure *engine.Error
		if !errors.As(err, &failure) || failure.Kind != engine.KindInvalid || failure.Message != "the hub desk neither gives telemetry nor takes messages" {
			t.Errorf("%s: %v", list, err)
		}
	}
}

// mailbox is a device that keeps the messages it gets.
type mailbox struct{ got chan wire.Devicebound }

func (m mailbox) Receive(_ wire.Conn, message wire.Message) {
	if d, ok := message.(wire.Devicebound); ok {
		m.got <- d
	}
}
func (mailbox) Closed(wire.Conn, error) {}

func TestSendMessage(t *testing.T) {
	b := newBench(t, nil)
	box := mailbox{make(chan wire.Devicebound, 10)}
	conn, err := b.hub.AttachDevice(t.Context(), wire.Options{Identity: wire.Identity{Device: "dev-1"}}, box)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Send(wire.Subscribe{Feeds: wire.DeviceboundFeed}); err != nil {
		t.Fatal(err)
	}
	for params, want := range map[string]string{
		`{}`:                                 ``,
		`{ payload: { a: [1, null, "x"] } }`: `{"a":[1,null,"x"]}`,
		`{ payload: plain text }`:            `plain text`,
		`{ payload: 7 }`:                     `7`,
		`{ payload: "${{ inputs.x }}", properties: { level: 3, "a b": "${{ inputs.x }}" }, expiry: 1h }`: `input`,
	} {
		got, err := b.do(`  - sendMessage: `+params, map[string]any{"x": "input"})
		if err != nil {
			t.Errorf("%s: %v", params, err)
			continue
		}
		m := <-box.got
		properties := map[string]string{}
		for _, p := range m.Properties {
			properties[p.Key] = p.Value
		}
		if string(m.Body) != want || properties["$.mid"] != got["messageId"] {
			t.Errorf("%s: the device got %q with %v, want %q and id %v", params, m.Body, properties, want, got["messageId"])
		}
		if strings.Contains(params, "level") && (properties["level"] != "3" || properties["a b"] != "input") {
			t.Errorf("properties %v", properties)
		}
	}
	_, err = b.do(`  - sendMessage: { properties: { $.mid: x } }`, nil)
	if err == nil || !strings.Contains(err.Error(), `"$.mid" cannot be the name of a property`) {
		t.Errorf("a property of the hub's own: %v", err)
	}
}

// A message that is sent again has the same id; another step's has another one.
func TestMessageIDs(t *testing.T) {
	b := newBench(t, nil)
	id := func(list string) any {
		t.Helper()
		got, err := b.do(list, nil)
		if err != nil {
			t.Fatal(err)
		}
		return got["messageId"]
	}
	first := id(`  - sendMessage: {}`)
	if again := id(`  - sendMessage: {}`); again != first || len(first.(string)) != 32 {
		t.Errorf("ids %v and %v", first, again)
	}
	if other := id(`  - { id: other, sendMessage: {} }`); other == first {
		t.Errorf("two steps have the id %v", other)
	}
}

// A message comes in the moment in which the step waits for it, in virtual time.
func TestWaitForTelemetryInVirtualTime(t *testing.T) {
	loop := clock.NewLoop(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	b := newBench(t, nil)
	err := loop.Run(t.Context(), func(ctx context.Context) {
		h, err := simulator.New(simulator.Config{Clock: loop})
		if err == nil {
			err = h.AddDevice(simulator.Device{ID: "dev-1"})
		}
		if err != nil {
			t.Fatal(err)
		}
		conn, err := h.AttachDevice(ctx, wire.Options{Identity: wire.Identity{Device: "dev-1"}}, device{})
		if err != nil {
			t.Fatal(err)
		}
		loop.After(72*time.Hour, func() { emit(t, conn, `{"n":1}`) })
		world := steps.NewWorld(steps.World{Clock: loop, Hubs: map[string]steps.Fleet{"desk": steps.NewFleet(loop, h.Client())}})
		c := b.command(`  - waitForTelemetry: { `+all+` }`, nil)
		value, err := world.Do(ctx, desk, c, func(string) {})
		if err != nil || value.(map[string]any)["next"] != "2026-03-04T12:00:00.000000001Z" {
			t.Errorf("%v, %v", value, err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}
