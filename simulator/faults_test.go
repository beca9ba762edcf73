package simulator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	faults "github.com/twinbook/twinbook/simulator/fault"
	"github.com/twinbook/twinbook/simulator/wire"
)

// An exact test is one in virtual time with dev-1 attached; it writes down when what arrives.
type exact struct {
	*testing.T
	ctx  context.Context
	loop *clock.Loop
	hub  *Hub
	conn wire.Conn
	log  []string
}

func timed(t *testing.T, c Config, f func(*exact)) {
	t.Helper()
	virtuallyOn(t, c, func(ctx context.Context, l *clock.Loop, h *Hub) {
		x := &exact{T: t, ctx: ctx, loop: l, hub: h}
		x.connect()
		f(x)
	})
}

func (x *exact) connect() {
	x.Helper()
	conn, err := x.hub.AttachDevice(x.ctx, wire.Options{Identity: wire.Identity{Device: "dev-1"}}, x)
	if err != nil {
		x.note("refused")
		return
	}
	x.conn = conn
	conn.Send(wire.Subscribe{Feeds: wire.MethodFeed | wire.DesiredFeed | wire.TwinResponseFeed | wire.DeviceboundFeed})
}

// note writes down what happened, and when: seconds since the start.
func (x *exact) note(format string, args ...any) {
	x.log = append(x.log, fmt.Sprintf("%g ", x.loop.Now().Sub(day1).Seconds())+fmt.Sprintf(format, args...))
}

func (x *exact) Receive(c wire.Conn, m wire.Message) {
	switch m := m.(type) {
	case wire.MethodRequest:
		x.note("call %s", m.Method)
		c.Send(wire.MethodResponse{RID: m.RID, Status: 200, Body: m.Body})
	case wire.TwinResponse:
		x.note("result %s %d", m.RID, m.Status)
	case wire.DesiredPatch:
		x.note("desired %d", m.Version)
	case wire.Devicebound:
		x.note("message %s", m.Body)
	}
}

func (x *exact) Closed(_ wire.Conn, reason error) { x.note("closed %v", reason != nil) }

func (x *exact) fault(texts ...string) {
	x.Helper()
	for _, text := range texts {
		f, err := faults.Parse(text)
		if err == nil {
			_, err = x.hub.AddFault(f)
		}
		if err != nil {
			x.Fatal(err)
		}
	}
}

func (x *exact) sleep(d time.Duration) { clock.Sleep(x.ctx, x.loop, d) }

func (x *exact) invoke(method string) {
	_, err := x.hub.Client().Invoke(x.ctx, hub.Call{Target: dev1, Method: method, Response: 5 * time.Second})
	x.note("%s ended %s", method, hub.KindOf(err))
}

func (x *exact) report(rid string) {
	x.conn.Send(wire.ReportedPatch{RID: rid, Body: []byte(`{"a":1}`)})
}

func (x *exact) want(lines ...string) {
	x.Helper()
	if !slices.Equal(x.log, lines) {
		x.Errorf("happened\n%s\nwant\n%s", strings.Join(x.log, "\n"), strings.Join(lines, "\n"))
	}
	x.log = nil
}

// Each operation is slowed once, by exactly what the fault says, and keeps its place.
func TestExactLatency(t *testing.T) {
	timed(t, Config{}, func(x *exact) {
		x.fault("latency=2s")
		x.invoke("a")
		x.report("1")
		x.sleep(time.Second)
		x.report("2")
		x.sleep(3 * time.Second)
		x.want("0 call a", "2 a ended ", "4 result 1 204", "5 result 2 204")
		x.hub.Client().UpdateTwin(x.ctx, dev1, hub.Patch{Desired: map[string]any{"b": 1}})
		x.hub.Client().Send(x.ctx, hub.Message{Target: dev1, Body: []byte("m")})
		x.conn.Send(wire.Telemetry{Body: []byte("t")})
		page, err := x.hub.Client().Telemetry(x.ctx, hub.TelemetryQuery{Target: dev1})
		x.note("telemetry %s %v", page.Messages[0].Body, err)
		x.want("8 desired 2", "8 message m", "8 telemetry t <nil>")

		x.hub.RemoveFault("1")
		x.fault("on=calls,results latency=1s", "device=dev-1 on=rest latency=10s", "on=connects latency=5s")
		x.report("3")
		x.invoke("b")
		x.want("9 result 3 204", "19 call b", "19 b ended ")
		x.connect()
		x.want("24 closed true")
	})
}

// A short wait behind a long one ends with it: messages do not overtake each other.
func TestExactOrder(t *testing.T) {
	timed(t, Config{}, func(x *exact) {
		x.fault("on=twin latency=10s count=1")
		x.report("slow")
		x.conn.Send(wire.TwinGet{RID: "quick"})
		x.sleep(10 * time.Second)
		x.report("later")
		x.want("10 result slow 204", "10 result quick 200", "10 result later 204")
	})
}

// A slow connection carries one byte after another, each way.
func TestExactPace(t *testing.T) {
	timed(t, Config{}, func(x *exact) {
		x.fault("bytesPerSecond=100")
		long := strings.Repeat("x", 1000)
		for range 3 {
			x.conn.Send(wire.Telemetry{Body: []byte(long)}) // with its topic 1034 bytes
		}
		for range 3 {
			page, err := x.hub.Client().Telemetry(x.ctx, hub.TelemetryQuery{Target: dev1, Since: x.loop.Now().Add(1)})
			x.note("%d %v", len(page.Messages), err)
		}
		x.want("10.34 1 <nil>", "20.68 1 <nil>", "31.02 1 <nil>")
		x.hub.Client().UpdateTwin(x.ctx, dev1, hub.Patch{Desired: map[string]any{"b": long}})
		x.sleep(time.Minute)
		x.want("41.76 desired 2")
	})
}

func TestExactConnections(t *testing.T) {
	timed(t, Config{}, func(x *exact) {
		x.fault("offline from=10s for=20s", "device=dev-2 offline")
		x.sleep(15 * time.Second)
		x.connect()
		x.sleep(15 * time.Second)
		x.connect()
		x.invoke("a")
		x.want("10 closed true", "15 refused", "30 call a", "30 a ended ")

		x.fault("disconnectEvery=1h jitter=10m count=2")
		x.sleep(2 * time.Hour)
		x.connect()
		x.sleep(2 * time.Hour)
		x.connect()
		x.sleep(2 * time.Hour)
		if len(x.log) != 2 || !strings.HasSuffix(x.log[0], "closed true") || !strings.HasSuffix(x.log[1], "closed true") {
			t.Errorf("%q", x.log)
		}
		for i, line := range x.log {
			var at float64
			fmt.Sscan(line, &at)
			if age := at - 30 - float64(i)*7200; age < 3000 || age > 4200 || age == 3600 {
				t.Errorf("connection %d lasted %g s", i, age)
			}
		}
		x.log = nil

		x.fault("method=b on=calls disconnect", "halfOpen count=1")
		x.report("1")
		x.invoke("b")
		x.connect()
		x.report("2")
		x.want("21635 b ended timeout", "21635 closed true", "21635 result 2 204")
	})
}

// A connection that ends keeps no timer, and what was under way over it is gone.
func TestExactEnd(t *testing.T) {
	timed(t, Config{}, func(x *exact) {
		x.fault("on=twin,results latency=10s", "disconnectEvery=15s")
		x.report("1")
		x.sleep(5 * time.Second)
		x.connect() // takes over
		x.sleep(11 * time.Second)
		x.report("2")
		x.conn.Close()
		x.sleep(time.Minute)
		x.want("5 closed true", "16 closed false")
		if n := x.hub.devices.get("dev-1").view().twin.reported.version; n != 2 { // it had said so before it left
			t.Errorf("version %d", n)
		}
	})
}

// Quotas of what devices do: burst, then delay, then 429 for twins, and only delay for telemetry.
func TestExactQuotas(t *testing.T) {
	timed(t, Config{Tier: "S1"}, func(x *exact) {
		for q, n := range map[quota]int{twinReads: 6000, twinWrites: 3000, telemetrySends: 6000} {
			for range n {
				x.hub.turn(q)
			}
		}
		x.report("1")
		x.conn.Send(wire.TwinGet{RID: "2"})
		x.sleep(time.Second)
		x.want("0.02 result 1 204", "0.02 result 2 200") // 50 and 100 a second, in order

		for range 550 {
			x.hub.turn(twinWrites)
		}
		x.report("3")
		x.sleep(time.Second)
		x.want("1 result 3 429")

		x.hub.turn(telemetrySends) // as if it had been full until now
		kept := func(want uint64) {
			t.Helper()
			if got := x.hub.telemetry.next - 1; got != want {
				t.Errorf("%d messages are kept, want %d", got, want)
			}
		}
		for range 250 { // two seconds have made room for 200, of which one is taken
			x.conn.Send(wire.Telemetry{})
		}
		kept(199)
		x.sleep(505 * time.Millisecond) // one each 10 ms
		kept(249)
		x.sleep(10 * time.Millisecond)
		kept(250)
	})
}

func TestExactConnectQuota(t *testing.T) {
	timed(t, Config{Tier: "S1"}, func(x *exact) {
		for range 5999 { // and the first connection
			x.hub.turn(connects)
		}
		x.connect()
		x.want("0.01 closed true") // a new one took its place, after a wait
		for range 2000 {
			x.hub.turn(connects)
		}
		x.connect()
		x.want("0.01 refused")
	})
}

// An attached device that goes on sending is cut off before it fills the memory.
func TestTooFast(t *testing.T) {
	timed(t, Config{}, func(x *exact) {
		x.fault("on=telemetry latency=1h")
		sent := 0
		for x.conn.Send(wire.Telemetry{Body: []byte("x")}) == nil {
			sent++
		}
		if x.want("0 closed true"); sent != mostHeld {
			t.Errorf("%d were taken, want %d", sent, mostHeld)
		}
		x.hub.RemoveFault("1")
		x.fault("on=desired latency=1h")
		x.connect()
		for i := range 40 {
			x.hub.Client().UpdateTwin(x.ctx, dev1, hub.Patch{Desired: map[string]any{"a": strings.Repeat("x", 4000), "b": i}})
		}
		x.want()
		for range 300 {
			x.hub.Client().UpdateTwin(x.ctx, dev1, hub.Patch{Desired: map[string]any{"a": strings.Repeat("x", 4000)}})
		}
		x.sleep(0)
		x.want("0 closed true")
	})
}

// One seed makes one course, whatever other devices do at the same time.
func TestFaultsRepeat(t *testing.T) {
	course := func(seed string, crowd int) (log []string) {
		timed(t, Config{FaultSeed: seed}, func(x *exact) {
			x.fault("latency=1s jitter=900ms chance=50%", "loss=10%", "method=c methodFailure=30%", "duplicate=20%", "disconnectEvery=1m jitter=30s")
			for i := range crowd {
				conn := (&scripted{loop: x.loop}).attach(t, x.ctx, x.hub, "dev-2", wire.MethodFeed)
				for n := range 10 {
					x.loop.After(time.Duration(i*n)*time.Second, func() { conn.Send(wire.Telemetry{}) })
				}
			}
			for i := range 40 {
				x.report(fmt.Sprint(i))
				x.invoke([]string{"a", "b", "c"}[i%3])
				x.sleep(time.Second)
				if i%10 == 9 {
					x.connect()
				}
			}
			log = x.log
		})
		return log
	}
	first := course("a", 0)
	if len(first) < 100 {
		t.Errorf("only %d lines: %q", len(first), first)
	}
	for crowd := range 3 {
		if again := course("a", crowd); !slices.Equal(again, first) {
			t.Errorf("with %d other connections it took another course", crowd)
		}
	}
	if slices.Equal(course("b", 0), first) {
		t.Error("another seed took the same course")
	}
}

func TestAddFaultRefuses(t *testing.T) {
	h := newHub(t, Config{})
	for says, f := range map[string]faults.Fault{
		"does not say what goes wrong": {},
		"no profile \"sensor\"":        {Profile: "sensor", Offline: true},
	} {
		if _, err := h.AddFault(f); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v, want %q", f, err, says)
		}
	}
	if len(h.Faults()) > 0 || h.RemoveFault("1") {
		t.Error("there are faults")
	}
}

// A job deals with as many devices a second as its hub's tier allows, and a small hub runs one at a time.
func TestExactJobs(t *testing.T) {
	virtuallyOn(t, Config{Tier: "S1"}, func(ctx context.Context, l *clock.Loop, h *Hub) {
		for i := range 650 {
			if err := h.AddDevice(Device{ID: fmt.Sprint("j-", i)}); err != nil {
				t.Fatal(err)
			}
		}
		s := newService(t, h)
		s.put("all", siteJob)
		clock.Sleep(ctx, l, 5190*time.Millisecond) // 600 at once, and then 52 each 100 ms
		if doc := s.get("all"); doc.Status != jobRunning || doc.Statistics.Succeeded != 651 {
			t.Errorf("%+v", doc)
		}
		if a := s.do("PUT", "/jobs/v2/more", siteJob); a.status != 429 || a.header.Get("iothub-errorcode") != "ThrottlingMaxActiveJobCountExceeded" {
			t.Errorf("%d %s", a.status, a.body)
		}
		clock.Sleep(ctx, l, 10*time.Millisecond)
		if doc := s.get("all"); doc.Status != jobCompleted || doc.Statistics.Succeeded != 652 {
			t.Errorf("%+v", doc)
		}
	})
}

// Faults strike the calls of a job as they strike others.
func TestFaultyJob(t *testing.T) {
	timed(t, Config{}, func(x *exact) {
		(&scripted{loop: x.loop, delay: func(wire.MethodRequest) time.Duration { return 0 }}).attach(t, x.ctx, x.hub, "dev-2", wire.MethodFeed)
		x.fault("device=dev-1 methodFailure=100% status=404103", "device=dev-2 methodFailure=100% status=503")
		s := newService(t, x.hub)
		s.put("ping", pingJob)
		x.sleep(time.Second)
		if doc := s.get("ping"); doc.Status != jobCompleted || doc.Statistics != (jobStatistics{Devices: 2, Succeeded: 1, Failed: 1}) {
			t.Errorf("%+v", doc)
		}
	})
}
