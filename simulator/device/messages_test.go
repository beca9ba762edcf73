package device_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/device"
	"github.com/twinbook/twinbook/simulator/wire"
)

// What a device sends and takes is the same in virtual time, attached and over MQTT.
func TestMessages(t *testing.T) {
	for _, b := range []struct {
		name string
		test func(*world)
	}{
		{"sends telemetry of itself", sendsOfItself},
		{"sends nothing while it is off", silentWhileOff},
		{"sends telemetry in its steps", sendsInSteps},
		{"sends what waited", sendsLater},
		{"takes messages in order", takesMessages},
		{"takes what waited", takesLater},
		{"cannot always send", cannotSend},
	} {
		t.Run(b.name, func(t *testing.T) { everywhere(t, talkative, b.test) })
	}
}

const talkative = `
version: 1
simulator: talkative
devices:
  - { id: sensor, profile: sensor, tags: { site: berlin }, desired: { offset: 5 } }
  - { id: worker, profile: worker }
  - { id: broken, profile: broken }
profiles:
  sensor:
    reported: { unit: C }
    telemetry:
      - every: 2s
        body: { t: "${{ 20 + desired.offset + noise() / 10 }}", at: "${{ now() }}" }
        properties: { unit: "${{ reported.unit }}", site: "${{ device.tags.site }}", n: 3 }
      - { every: 1h, body: hourly }
    methods:
      goAway:
        - respond: {}
        - disconnect: {}
        - sleep: 12s
        - reconnect: {}
  worker:
    methods:
      measure:
        - telemetry: { body: { n: "${{ payload }}", "on": null }, properties: { level: info, twice: "${{ payload * 2 }}" } }
        - telemetry: {}
        - telemetry: { body: done }
      later:
        - respond: {}
        - disconnect: {}
        - telemetry: { body: lost }
          timeout: 5s
          continueOnError: true
        - reconnect: {}
        - telemetry: { body: back }
      tooLong:
        - telemetry: { body: "${{ payload }}" }
    onMessage:
      - sleep: ${{ message.body.pause ?? "0s" }}
      - telemetry: { body: { got: "${{ message.body.n ?? message.body }}", type: "${{ message.bodyType }}", id: "${{ message.id }}" }, properties: "${{ message.properties }}" }
      - if: message.body == "fail"
        steps: [ fail: no such command ]
  broken:
    telemetry:
      - { every: 2s, body: { t: "${{ desired.none.t }}" } }
      - { every: 2s, body: fine }
`

// hear takes n messages of a device, from now on or from the start.
func (w *world) hear(id string, since time.Time, n int) []hub.Telemetry {
	w.Helper()
	bounded, cancel := w.clock.WithTimeout(w.ctx, patience)
	defer cancel()
	var heard []hub.Telemetry
	err := hub.Listen(bounded, w.clock, w.client, hub.TelemetryQuery{Target: target(id), Since: since}, func(p hub.TelemetryPage) (bool, error) {
		heard = append(heard, p.Messages...)
		return len(heard) >= n, nil
	})
	if err != nil {
		w.Fatalf("heard %d of %d messages of %s: %v; its log %v", len(heard), n, id, err, w.lines)
	}
	return heard[:n]
}

func said(messages []hub.Telemetry) string {
	var texts []string
	for _, m := range messages {
		texts = append(texts, string(m.Body))
	}
	return strings.Join(texts, " ")
}

func sendsOfItself(w *world) {
	heard := w.hear("sensor", time.Time{}, 4)
	for i, m := range heard {
		var body struct {
			T  float64
			At time.Time
		}
		if err := json.Unmarshal(m.Body, &body); err != nil || body.T < 24.9 || body.T > 25.1 || m.Time.Sub(body.At) < 0 {
			w.Errorf("at %s came %s, %v", m.Time, m.Body, err)
		}
		if got := fmt.Sprint(m.Properties); got != "map[n:3 site:berlin unit:C]" {
			w.Errorf("properties %s", got)
		}
		if _, virtual := w.clock.(*clock.Loop); virtual && i > 0 && m.Time.Sub(heard[i-1].Time) != 2*time.Second {
			w.Errorf("message %d came at %s, the one before at %s", i, m.Time, heard[i-1].Time)
		}
	}
}

func silentWhileOff(w *world) {
	w.hear("sensor", time.Time{}, 1)
	w.answer("sensor", "goAway", nil)
	w.untilState("sensor", "Disconnected")
	off := w.clock.Now().Add(time.Microsecond) // behind what came in this very moment
	w.untilState("sensor", "Connected")
	first := w.hear("sensor", off, 1)[0]
	if away := first.Time.Sub(off); away < 10*time.Second {
		w.Errorf("a message came %s after the device had been switched off", away)
	}
}

func sendsInSteps(w *world) {
	w.answer("worker", "measure", 7.0)
	heard := w.hear("worker", time.Time{}, 3)
	if got := said(heard); got != `{"n":7,"on":null}  done` {
		w.Errorf("sent %s", got)
	}
	if got := fmt.Sprint(heard[0].Properties); got != "map[level:info twice:14]" {
		w.Errorf("properties %s", got)
	}
	reply, err := w.invoke("worker", "tooLong", strings.Repeat("x", 100<<10))
	if err != nil || reply.Status != 200 {
		w.Errorf("a long message: %+v, %v", reply, err)
	}
}

func sendsLater(w *world) {
	w.answer("worker", "later", nil)
	if got := said(w.hear("worker", time.Time{}, 1)); got != "back" {
		w.Errorf("sent %s", got)
	}
	w.untilLogged("worker", "warn", "did not end within 5s")
}

func (w *world) post(device, id, text string) {
	w.Helper()
	m := hub.Message{Target: target(device), ID: id, Body: []byte(text), Properties: map[string]string{"level": "a b"}}
	if _, err := w.client.Send(w.ctx, m); err != nil {
		w.Fatal(err)
	}
}

func takesMessages(w *world) {
	w.post("worker", "json", `{"n":1,"pause":"3s"}`)
	w.post("worker", "text", "plain text")
	w.post("worker", "fail", "fail")
	w.post("worker", "bytes", "\xff")
	heard := w.hear("worker", time.Time{}, 4)
	want := `{"got":1,"id":"json","type":"json"} {"got":"plain text","id":"text","type":"text"} {"got":"fail","id":"fail","type":"text"} {"got":"/w==","id":"bytes","type":"base64"}`
	if got := said(heard); got != want {
		w.Errorf("took %s\nwant %s", got, want)
	}
	if heard[0].Properties["level"] != "a b" {
		w.Errorf("properties %v", heard[0].Properties)
	}
	w.untilLogged("worker", "error", "onMessage failed: simulator.yaml:")
}

// What waited at the hub comes when the device is back.
func takesLater(w *world) {
	w.answer("worker", "later", nil)
	w.untilState("worker", "Disconnected")
	for n := range 10 {
		w.post("worker", "", fmt.Sprintf(`{"n":%d}`, n))
	}
	heard := said(w.hear("worker", time.Time{}, 11))
	last := -1
	for n := range 10 {
		at := strings.Index(heard, fmt.Sprintf(`{"got":%d`, n))
		if at <= last {
			w.Errorf("message %d is not in its place: %s", n, heard)
		}
		last = at
	}
}

// A message that cannot be made is said once, and disturbs no other.
func cannotSend(w *world) {
	if got := said(w.hear("broken", time.Time{}, 3)); got != "fine fine fine" {
		w.Errorf("sent %s", got)
	}
	w.untilLogged("broken", "error", "telemetry failed: simulator.yaml:45:38: body.t: ${{ desired.none.t }} is null (desired.none is missing)")
	if n := w.logged("telemetry failed"); n != 1 {
		w.Errorf("it was said %d times", n)
	}
}

// Devices that are alike send at different moments, the same in each simulation.
func TestPhases(t *testing.T) {
	const file = `
version: 1
simulator: s
devices: [ { id: "d-${{ index }}", count: 200, profile: p } ]
profiles:
  p: { telemetry: { every: 60s, body: "${{ noise() }}" } }
`
	times := func() string {
		var all strings.Builder
		l := clock.NewLoop(day1)
		w := newWorld(t, l, file)
		w.dial = w.hub.AttachDevice
		err := l.Run(t.Context(), func(ctx context.Context) {
			w.run(ctx, func(w *world) {
				quarters := map[int]int{}
				for i := range 200 {
					heard := w.hear(fmt.Sprintf("d-%d", i), time.Time{}, 3)
					fmt.Fprintln(&all, heard[0].Time, said(heard))
					first := heard[0].Time.Sub(day1)
					quarters[int(first/(15*time.Second))]++
					if first > time.Minute || heard[2].Time.Sub(heard[0].Time).Round(time.Microsecond) != 2*time.Minute {
						t.Errorf("device %d sends at %s and %s", i, heard[0].Time, heard[2].Time)
					}
				}
				for q := range 4 {
					if quarters[q] < 25 {
						t.Errorf("quarters of the first minute: %v", quarters)
					}
				}
			})
		})
		if err != nil {
			t.Error(err)
		}
		return all.String()
	}
	if first, second := times(), times(); first != second {
		t.Error("two simulations with the same seed differ")
	}
}

// A hub that sends faster than the steps can follow fills no memory.
func TestTooManyMessages(t *testing.T) {
	h := &strangeHub{twin: "{}"}
	l := clock.NewLoop(day1)
	dropped := 0
	err := l.Run(t.Context(), func(ctx context.Context) {
		fleet := load(t, "version: 1\nsimulator: s\ndevices: [ { id: d, profile: p } ]\nprofiles: { p: { onMessage: [ sleep: 1h ] } }\n")
		r, err := device.Start(ctx, fleet, device.Options{Clock: l, Dial: h.dial, Log: func(line device.LogLine) {
			if strings.Contains(line.Text, "a message is dropped: 1000 wait") {
				dropped++
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := ready(ctx, l, r, time.Minute); err != nil {
			t.Fatal(err)
		}
		for range 1100 {
			h.receiver.Receive(h, wire.Devicebound{Body: []byte("x")})
		}
	})
	if err != nil || dropped != 100 {
		t.Errorf("dropped %d, %v", dropped, err)
	}
}
