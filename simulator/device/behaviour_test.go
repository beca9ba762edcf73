package device_test

import (
	"context"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// What a device does is the same in virtual time, attached, and over real MQTT with and without a socket.
func TestBehaviour(t *testing.T) {
	tutorial, err := os.ReadFile("../../workflows/simulator.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []struct {
		name string
		file string
		test func(*world)
	}{
		{"answers, goes away and comes back", string(tutorial), rebootable},
		{"works and then answers", string(tutorial), tutorialDevice},
		{"applies what is desired", string(tutorial), gateway},
		{"steps without respond", behaviours, silent},
		{"a method it does not have", behaviours, unknownMethod},
		{"responds once", behaviours, respondsOnce},
		{"responds to nobody", behaviours, respondsToNobody},
		{"responds and reconnects at once", behaviours, reboots},
		{"reports while it is off", behaviours, reportsWhileOff},
		{"gives up reporting", behaviours, givesUp},
		{"reports what cannot be", behaviours, badReport},
		{"calls at the same time", behaviours, overlapping},
		{"the language in a device", behaviours, language},
		{"starts with desired properties", behaviours, desiredAtStart},
		{"sees what it missed", behaviours, desiredWhileAway},
		{"many notices", behaviours, manyNotices},
		{"is taken over", behaviours, takenOver},
		{"keeps what it reported", behaviours, startedAgain},
	} {
		t.Run(b.name, func(t *testing.T) { everywhere(t, b.file, b.test) })
	}
}

const behaviours = `
version: 1
simulator: behaviours
devices:
  - { id: d, profile: p, tags: { site: berlin }, desired: { interval: 5 } }
profiles:
  p:
    reported: { firmware: "1.0", nested: { a: 1, b: 2 } }
    onDesired:
      - sleep: 100ms
      - report: ${{ desired }}
      - log: applied ${{ desired.interval }}
    methods:
      nothing: [ log: nothing to say ]
      fails: [ fail: the pump is stuck ]
      twice:
        - respond: { status: 201, payload: first }
        - respond: { status: 500, payload: second }
      tooLate:
        - disconnect: {}
        - reconnect: {}
        - respond: {}
      goAway:
        - respond: {}
        - disconnect: {}
        - sleep: ${{ payload }}
        - reconnect: {}
      reboot:
        - respond: {}
        - disconnect: {}
        - reconnect: {}
        - report: { boots: "${{ payload }}" }
      later:
        - sleep: 1s
        - respond: {}
        - sleep: 1s
        - report: { later: "${{ method }}" }
      impatient:
        - respond: {}
        - disconnect: {}
        - steps:
            - report: { lost: true }
              timeout: 5s
          catch:
            - log: "gave up: ${{ error.kind }}: ${{ error.message }}"
        - reconnect: {}
      set:
        - report: ${{ payload }}
      deleteFirmware:
        - report: { firmware: null }
      deleteNested:
        - report: { nested: { b: null } }
      slow:
        - sleep: ${{ payload.time }}
        - respond: { payload: "${{ payload.name }}" }
      count:
        - vars: { n: 0 }
          steps:
            - repeat:
                until: vars.n >= payload
                every: 100ms
                steps:
                  - set: { n: "${{ vars.n + 1 }}" }
                  - report: { n: "${{ vars.n }}" }
            - if: reported.n == payload
              steps:
                - respond: { payload: { id: "${{ device.id }}", site: "${{ device.tags.site }}", n: "${{ reported.n }}", desired: "${{ desired.interval }}" } }
              else:
                - respond: { status: 500 }
`

func rebootable(w *world) {
	began := w.clock.Now()
	before := w.until("myDevice", "firmware", func(t hub.Twin) bool { return t.Reported["firmware"] == "1.4.2" })
	if before.Reported["rebootTime"] != nil || before.ConnectionState != "Connected" {
		w.Errorf("before: %+v", before)
	}
	reply := w.answer("myDevice", "rebootDevice", object{"method_number": "42"})
	want := object{"Response": "This is the response from the device"}
	if reply.Status != 200 || !reflect.DeepEqual(reply.Payload, want) {
		w.Errorf("answer %+v", reply)
	}
	w.untilState("myDevice", "Disconnected")
	after := w.until("myDevice", "a reboot time", func(t hub.Twin) bool { return t.Reported["rebootTime"] != nil })
	at, err := time.Parse(time.RFC3339, after.Reported["rebootTime"].(string))
	if err != nil || at.Sub(began) < 500*time.Millisecond || after.ConnectionState != "Connected" || after.Reported["firmware"] != "1.4.2" {
		w.Errorf("after: %+v (%v)", after, err)
	}
	if n := w.Calls("myDevice", "rebootDevice"); n != 1 {
		w.Errorf("%d calls, want 1", n)
	}
}

func tutorialDevice(w *world) {
	began := w.clock.Now()
	reply := w.answer("tutorialDevice", "rebootDevice", nil)
	took := w.clock.Now().Sub(began)
	if reply.Status != 200 || took < 20*time.Second {
		w.Errorf("answer %+v after %v", reply, took)
	}
	if t := w.twin("tutorialDevice"); t.Reported["rebootTime"] == nil {
		w.Errorf("answered before it reported: %+v", t)
	}
}

func gateway(w *world) {
	w.untilReported("gateway-1", "telemetryInterval", 60.0)
	w.desire("gateway-1", object{"telemetryInterval": 5})
	w.untilReported("gateway-1", "telemetryInterval", 5.0)
	if t := w.twin("gateway-2"); t.Reported["telemetryInterval"] != 60.0 {
		w.Errorf("gateway-2 %+v", t)
	}
	for service, status := range map[string]int{"broken": 500, "proxy": 200} {
		if reply := w.answer("gateway-0", "restartService", object{"service": service}); reply.Status != status {
			w.Errorf("restart %s: %+v, want %d", service, reply, status)
		}
	}
	if t := w.twin("gateway-0"); t.Reported["restarted"] != "proxy" {
		w.Errorf("gateway-0 %+v", t)
	}
	if reply := w.answer("gateway-0", "health", nil); !reflect.DeepEqual(reply.Payload, object{"ok": true, "uptime": 86400.0}) {
		w.Errorf("health %+v", reply)
	}
}

func silent(w *world) {
	if reply := w.answer("d", "nothing", nil); reply.Status != 200 || reply.Payload != nil {
		w.Errorf("steps without respond: %+v", reply)
	}
	reply := w.answer("d", "fails", nil)
	if reply.Status != 500 || !reflect.DeepEqual(reply.Payload, object{"error": "the pump is stuck"}) {
		w.Errorf("steps that fail: %+v", reply)
	}
	w.untilLogged("d", "info", "nothing to say")
	w.untilLogged("d", "error", "method fails failed: simulator.yaml:15:16: fail: the pump is stuck")
}

func unknownMethod(w *world) {
	reply := w.answer("d", "explode", nil)
	if reply.Status != 501 || !reflect.DeepEqual(reply.Payload, object{"error": "the device has no method explode"}) {
		w.Errorf("%+v", reply)
	}
	if n := w.Calls("d", "explode"); n != 0 {
		w.Errorf("%d calls of a method that is not there", n)
	}
}

func respondsOnce(w *world) {
	if reply := w.answer("d", "twice", nil); reply.Status != 201 || reply.Payload != "first" {
		w.Errorf("%+v", reply)
	}
	w.untilLogged("d", "error", "the call of twice is answered already")
}

func respondsToNobody(w *world) {
	if _, err := w.invoke("d", "tooLate", nil); hub.KindOf(err) == "" {
		w.Errorf("error %v, want the hub's", err)
	}
	w.untilLogged("d", "error", "its answer reaches nobody")
	w.untilState("d", "Connected")
}

func reportsWhileOff(w *world) {
	w.answer("d", "later", nil) // reports in a second, when the device is off
	w.answer("d", "goAway", "10s")
	w.untilState("d", "Disconnected")
	off := w.clock.Now()
	w.untilReported("d", "later", "later")
	if away := w.clock.Now().Sub(off); away < 9*time.Second {
		w.Errorf("reported after %v, while it was off", away)
	}
}

func reboots(w *world) {
	for boot := range 25 {
		w.answer("d", "reboot", boot)
		w.untilReported("d", "boots", float64(boot))
	}
}

func givesUp(w *world) {
	w.answer("d", "impatient", nil)
	w.untilLogged("d", "info", "gave up: timeout: did not end within 5s")
	w.until("d", "to be back", func(t hub.Twin) bool { return t.ConnectionState == "Connected" && t.Reported["lost"] == nil })
}

func badReport(w *world) {
	if reply := w.answer("d", "set", object{"firmware": "2.0"}); reply.Status != 200 {
		w.Errorf("%+v", reply)
	}
	if reply := w.answer("d", "set", object{"bad key": true}); reply.Status != 500 {
		w.Errorf("%+v", reply)
	}
	w.untilLogged("d", "error", "the hub answered 400")
	w.answer("d", "deleteFirmware", nil)
	if t := w.twin("d"); t.Reported["firmware"] != nil || t.Reported["bad key"] != nil {
		w.Errorf("%+v", t.Reported)
	}
}

func overlapping(w *world) {
	const calls = 20
	answers := clock.NewQueue[hub.Reply](w.clock)
	for i := range calls {
		w.clock.Go(w.ctx, "a caller", func(context.Context) {
			reply, err := w.invoke("d", "slow", object{"time": time.Duration(time.Duration(calls-i) * time.Second).String(), "name": float64(i)})
			if err != nil {
				reply.Payload = err.Error()
			}
			answers.Put(reply)
		})
	}
	seen := map[any]bool{}
	for len(seen) < calls {
		some, err := answers.Take(w.ctx)
		if err != nil {
			w.Fatal(err)
		}
		for _, reply := range some {
			if _, number := reply.Payload.(float64); !number || seen[reply.Payload] {
				w.Fatalf("answer %+v", reply)
			}
			seen[reply.Payload] = true
		}
	}
	if n := w.Calls("d", "slow"); n != calls {
		w.Errorf("%d calls, want %d", n, calls)
	}
}

func language(w *world) {
	reply := w.answer("d", "count", 3)
	if want := (object{"id": "d", "site": "berlin", "n": 3.0, "desired": 5.0}); !reflect.DeepEqual(reply.Payload, want) {
		w.Errorf("%+v, want %v", reply, want)
	}
}

func desiredAtStart(w *world) {
	w.untilReported("d", "interval", 5.0)
	w.untilLogged("d", "info", "applied 5")
}

func desiredWhileAway(w *world) {
	w.untilLogged("d", "info", "applied 5")
	w.answer("d", "goAway", "5s")
	w.untilState("d", "Disconnected")
	w.desire("d", object{"interval": 7})
	w.untilLogged("d", "info", "applied 7")
	w.answer("d", "goAway", "5s")
	w.untilState("d", "Disconnected")
	w.untilState("d", "Connected")
	w.answer("d", "nothing", nil) // whatever a connect begins has begun by now
	if n := w.logged("applied 7"); n != 1 {
		w.Errorf("applied the same twice (%d)", n)
	}
}

func manyNotices(w *world) {
	w.untilLogged("d", "info", "applied 5")
	for i := range 50 {
		w.desire("d", object{"interval": 100 + i})
	}
	w.untilReported("d", "interval", 149.0)
	w.untilLogged("d", "info", "applied 149")
}

// An intruder connects with the device's id; the device takes its place again.
func takenOver(w *world) {
	closed := clock.NewPromise[error](w.clock)
	conn, err := w.dial(w.ctx, wire.Options{Identity: wire.Identity{Device: "d"}}, intruder{closed})
	if err != nil {
		w.Fatal(err)
	}
	defer conn.Close()
	w.untilLogged("d", "warn", "connecting again")
	bounded, cancel := w.clock.WithTimeout(w.ctx, patience)
	defer cancel()
	if _, err := closed.Await(bounded); err != nil {
		w.Fatalf("the device has not come back: %v", err)
	}
	w.untilLogged("d", "debug", "connected")
	w.until("d", "to take methods", func(hub.Twin) bool {
		reply, err := w.client.Invoke(w.ctx, hub.Call{Target: target("d"), Method: "nothing", Response: 5 * time.Second, Connect: 60 * time.Second})
		return err == nil && reply.Status == 200
	})
}

type intruder struct{ closed *clock.Promise[error] }

func (intruder) Receive(wire.Conn, wire.Message)    {}
func (i intruder) Closed(_ wire.Conn, reason error) { i.closed.Resolve(reason) }

// A fleet that is started again on the same hub adds what is missing and resets nothing.
func startedAgain(w *world) {
	w.answer("d", "set", object{"firmware": "2.0", "nested": object{"a": 7}})
	w.answer("d", "deleteNested", nil)
	w.end()
	w.start()
	t := w.twin("d")
	if want := (object{"a": 7.0, "b": 2.0}); t.Reported["firmware"] != "2.0" || !reflect.DeepEqual(t.Reported["nested"], want) {
		w.Errorf("%+v", t.Reported)
	}
}
