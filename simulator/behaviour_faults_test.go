package simulator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	faults "github.com/twinbook/twinbook/simulator/fault"
	"github.com/twinbook/twinbook/simulator/wire"
)

// Faults strike attached devices as they strike those on MQTT.
func TestFaults(t *testing.T) { tryAll(t, faultBehaviours) }

var faultBehaviours = []behaviour{
	{"an answer takes its time", slowAnswer},
	{"jitter keeps the order", jitterInOrder},
	{"lost telemetry", lostTelemetry},
	{"lost twin operations", lostTwin},
	{"lost calls and answers", lostCalls},
	{"a lost message comes again", lostMessage},
	{"refused connections", refusedConnections},
	{"disconnected at once", disconnectedAtOnce},
	{"disconnected by what happens", disconnectedBy},
	{"disconnected after a while", disconnectedAged},
	{"offline for a while", offlineForAWhile},
	{"half-open connections", halfOpen},
	{"slow connections", slowConnection},
	{"what arrives twice", arrivesTwice},
	{"methods that fail", failingMethods},
	{"throttled", throttledByFault},
	{"methods that are lost after a reconnect", losesMethods},
	{"what is held when a device leaves", leavesInOrder},
}

// fault adds a fault by its text form and gives its id.
func (b *bench) fault(text string) string {
	b.Helper()
	f, err := faults.Parse(text)
	if err == nil {
		text, err = b.hub.AddFault(f)
	}
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// struck is how often a fault has.
func (b *bench) wantStruck(id string, want int) {
	b.Helper()
	for _, s := range b.hub.Faults() {
		if s.Fault.ID == id && s.Struck != want {
			b.Errorf("fault %s struck %d times, want %d", s.Fault, s.Struck, want)
		}
	}
}

// took wants f to take at least as long on the hub's clock; tests in virtual time say how long exactly.
func (b *bench) took(want time.Duration, f func()) {
	b.Helper()
	start := b.hub.clock.Now()
	f()
	if got := b.hub.clock.Now().Sub(start); got < want {
		b.Errorf("took %v, want %v", got, want)
	}
}

func (b *bench) invoke(method string) (hub.Reply, error) {
	c := calling(method)
	c.Response = 5 * time.Second
	return b.client.Invoke(b.Context(), c)
}

func (b *bench) answering(feeds wire.Feeds) *fakeDevice {
	f := newFake(b).answering(200)
	f.dial(b.dial, wire.Options{Identity: wire.Identity{Device: "dev-1"}})
	f.subscribe(feeds)
	return f
}

func (f *fakeDevice) report(n int) {
	f.t.Helper()
	f.send(wire.ReportedPatch{RID: fmt.Sprint(n), Body: fmt.Appendf(nil, `{"n":%d}`, n)})
}

func (f *fakeDevice) wantResult(rid string, status int) wire.TwinResponse {
	f.t.Helper()
	m := next[wire.TwinResponse](f)
	if m.RID != rid || m.Status != status {
		f.t.Errorf("result %+v, want %s %d", m, rid, status)
	}
	return m
}

func slowAnswer(b *bench) {
	b.answering(wire.MethodFeed)
	id := b.fault("device=dev-* method=re* latency=20s count=1")
	call := func(method string) {
		if _, err := b.client.Invoke(b.Context(), calling(method)); err != nil {
			b.Error(err)
		}
	}
	call("start")
	b.took(20*time.Second, func() { call("reboot") })
	call("reboot")
	b.wantStruck(id, 1)
}

func jitterInOrder(b *bench) {
	f := b.connect(wire.TwinResponseFeed | wire.DesiredFeed)
	b.fault("on=twin,results,desired latency=2s jitter=2s")
	for n := range 30 {
		f.report(n)
	}
	for n := range 30 {
		if m := f.wantResult(fmt.Sprint(n), 204); m.Version != int64(n+2) {
			b.Errorf("report %d has version %d", n, m.Version)
		}
	}
	for n := range 30 {
		if _, err := b.client.UpdateTwin(b.Context(), dev1, hub.Patch{Desired: map[string]any{"n": n}}); err != nil {
			b.Error(err)
		}
	}
	for n := range 30 {
		if m := next[wire.DesiredPatch](f); m.Version != int64(n+2) {
			b.Errorf("notice %d has version %d", n, m.Version)
		}
	}
}

func lostTelemetry(b *bench) {
	f := b.connect(wire.TwinResponseFeed)
	id := b.fault("on=telemetry loss=100% after=1 count=2")
	for _, text := range []string{"1", "2", "3", "4"} {
		f.send(wire.Telemetry{Body: []byte(text)})
	}
	page := b.telemetry("")
	if len(page.Messages) < 2 {
		page.Messages = append(page.Messages, b.telemetry(page.Next).Messages...)
	}
	if len(page.Messages) != 2 || string(page.Messages[0].Body) != "1" || string(page.Messages[1].Body) != "4" {
		b.Errorf("%+v", page.Messages)
	}
	b.wantStruck(id, 2)
}

func lostTwin(b *bench) {
	f := b.connect(wire.TwinResponseFeed | wire.DesiredFeed)
	b.fault("on=twin loss=100% count=1")
	f.report(1) // never arrives
	f.report(2)
	if m := f.wantResult("2", 204); m.Version != 2 {
		b.Errorf("version %d", m.Version)
	}
	b.fault("on=results loss=100% count=1")
	f.report(3) // arrives, and its result does not
	f.report(4)
	if m := f.wantResult("4", 204); m.Version != 4 {
		b.Errorf("version %d", m.Version)
	}
	b.fault("on=desired loss=100% count=1")
	for n := range 2 {
		if _, err := b.client.UpdateTwin(b.Context(), dev1, hub.Patch{Desired: map[string]any{"n": n}}); err != nil {
			b.Error(err)
		}
	}
	if m := next[wire.DesiredPatch](f); m.Version != 3 {
		b.Errorf("version %d", m.Version)
	}
}

func lostCalls(b *bench) {
	called := make(chan string, 10)
	f := newFake(b)
	f.onMethod = func(c wire.Conn, m wire.MethodRequest) {
		called <- m.Method
		c.Send(wire.MethodResponse{RID: m.RID, Status: 200})
	}
	f.dial(b.dial, wire.Options{Identity: wire.Identity{Device: "dev-1"}})
	f.subscribe(wire.MethodFeed)
	b.fault("method=unheard loss=100%")
	b.fault("method=unanswered on=answers loss=100%")
	for _, method := range []string{"unheard", "unanswered"} {
		b.took(5*time.Second, func() {
			_, err := b.invoke(method)
			b.wantKind(err, hub.Timeout, true)
		})
	}
	if _, err := b.invoke("fine"); err != nil {
		b.Error(err)
	}
	for _, want := range []string{"unanswered", "fine"} {
		if got := within(b, "a call", called); got != want {
			b.Errorf("called %s, want %s", got, want)
		}
	}
}

func lostMessage(b *bench) {
	f := b.connect(wire.DeviceboundFeed)
	b.fault("on=messages loss=100% count=1")
	b.sendMessage(hub.Message{ID: "lost"})
	b.sendMessage(hub.Message{ID: "heard"})
	if m := next[wire.Devicebound](f); m.Properties[0].Value != "heard" {
		b.Errorf("%+v", m)
	}
	f.conn.Close()
	within(b, "the end", f.closed)
	f.dial(b.dial, wire.Options{Identity: wire.Identity{Device: "dev-1"}})
	if m := next[wire.Devicebound](f); m.Properties[0].Value != "lost" {
		b.Errorf("after the reconnect: %+v", m)
	}
	b.eventually("the device to confirm", func() bool { return b.hub.devices.get("dev-1").view().messages == 0 })
}

func refusedConnections(b *bench) {
	b.fault("refuse=unavailable count=1")
	b.fault("refuse=unauthorized after=1 count=1")
	for _, want := range []string{"CONNACK 3", "CONNACK 5"} {
		_, err := b.dial(b.Context(), wire.Options{Identity: wire.Identity{Device: "dev-1"}}, newFake(b))
		if err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), "by its fault") {
			b.Errorf("%v, want %s", err, want)
		}
	}
	b.fault("device=dev-2 refuse=unavailable")
	b.connect(0)
}

func disconnectedAtOnce(b *bench) {
	f := b.connect(0)
	b.fault("device=dev-2 disconnect")
	b.fault("device=dev-1 disconnect")
	if reason := within(b, "the end", f.closed); reason == nil {
		b.Error("closed without a reason")
	}
	f = b.connect(0)
	b.took(10*time.Second, func() {
		b.fault("device=dev-1 disconnect from=10s")
		within(b, "the end", f.closed)
	})
	b.connect(0)
}

func disconnectedBy(b *bench) {
	f := b.answering(wire.MethodFeed)
	b.fault("method=reboot disconnect count=1")
	_, err := b.invoke("reboot")
	b.wantKind(err, hub.Interrupted, true)
	within(b, "the end", f.closed)

	f = b.answering(wire.MethodFeed)
	b.fault("method=halt on=answers disconnect count=1")
	_, err = b.invoke("halt")
	b.wantKind(err, hub.Interrupted, true)
	within(b, "the end", f.closed)

	b.fault("on=connects disconnect count=1")
	f = newFake(b)
	if _, err := b.dial(b.Context(), wire.Options{Identity: wire.Identity{Device: "dev-1"}}, f); err == nil { // MQTT may not even get its CONNACK
		within(b, "the end", f.closed)
	}
	f = b.connect(wire.TwinResponseFeed)
	b.fault("on=twin disconnect")
	f.conn.Send(wire.TwinGet{RID: "1"})
	within(b, "the end", f.closed)
	if _, err := b.hub.readTwin("dev-1"); err != nil {
		b.Error(err)
	}
}

func disconnectedAged(b *bench) {
	var id string
	b.took(10*time.Second, func() {
		first := b.connect(0)
		id = b.fault("disconnectEvery=10s count=2")
		within(b, "the end", first.closed)
	})
	b.took(10*time.Second, func() { within(b, "the end", b.connect(0).closed) })
	b.connect(0)
	b.wantStruck(id, 2)
}

func offlineForAWhile(b *bench) {
	f := b.connect(wire.MethodFeed)
	b.fault("device=dev-1 offline for=10s")
	within(b, "the end", f.closed)
	if v := b.hub.devices.get("dev-1").view(); v.connected {
		b.Error("the device counts as connected")
	}
	if _, err := b.dial(b.Context(), wire.Options{Identity: wire.Identity{Device: "dev-1"}}, newFake(b)); err == nil {
		b.Error("let in while offline")
	}
	_, err := b.invoke("m")
	b.wantKind(err, hub.Offline, false)
	b.eventually("the fault to be over", func() bool { return !b.hub.inForce("1") })
	b.answering(wire.MethodFeed)
	if _, err := b.invoke("m"); err != nil {
		b.Error(err)
	}
}

func halfOpen(b *bench) {
	f := b.answering(wire.MethodFeed | wire.TwinResponseFeed | wire.DesiredFeed)
	id := b.fault("device=dev-1 halfOpen")
	_, err := b.invoke("m")
	b.wantKind(err, hub.Timeout, true)
	f.report(1)
	if _, err := b.client.UpdateTwin(b.Context(), dev1, hub.Patch{Desired: map[string]any{"n": 1}}); err != nil {
		b.Error(err)
	}
	f.report(2)
	if v := b.hub.devices.get("dev-1").view(); !v.connected {
		b.Error("the connection does not count as one")
	}
	if got := len(f.inbox); got != 0 {
		b.Errorf("the device heard %d messages", got)
	}
	b.hub.RemoveFault(id)
	f.report(3)
	m := next[wire.TwinResponse](f)
	for early := 2; m.RID != "3"; early++ { // a socket may carry what was said earlier only now
		if m.Status != 204 || m.Version > int64(early) {
			b.Errorf("answer %+v", m)
		}
		m = next[wire.TwinResponse](f)
	}
	if m.Status != 204 || m.Version > 4 {
		b.Errorf("answer %+v", m)
	}
	if _, err := b.invoke("m"); err != nil {
		b.Error(err)
	}
}

func slowConnection(b *bench) {
	f := b.connect(wire.TwinResponseFeed | wire.DesiredFeed)
	b.fault("bytesPerSecond=200")
	long := strings.Repeat("x", 2000)
	b.took(10*time.Second, func() {
		f.send(wire.Telemetry{Body: []byte(long)})
		b.telemetry("")
	})
	b.took(10*time.Second, func() {
		if _, err := b.client.UpdateTwin(b.Context(), dev1, hub.Patch{Desired: map[string]any{"n": long}}); err != nil {
			b.Error(err)
		}
		next[wire.DesiredPatch](f)
	})
}

func arrivesTwice(b *bench) {
	f := b.connect(wire.TwinResponseFeed | wire.DeviceboundFeed)
	b.fault("on=telemetry duplicate=100% count=1")
	b.fault("on=messages duplicate=100% count=1")
	f.send(wire.Telemetry{Body: []byte("1")})
	f.send(wire.Telemetry{Body: []byte("2")})
	got, after := "", ""
	for len(got) < 3 {
		page := b.telemetry(after)
		for _, m := range page.Messages {
			got += string(m.Body)
		}
		after = page.Next
	}
	if got != "112" {
		b.Errorf("telemetry %s, want 112", got)
	}
	b.sendMessage(hub.Message{ID: "1"})
	b.sendMessage(hub.Message{ID: "2"})
	got = ""
	for range 3 {
		got += next[wire.Devicebound](f).Properties[0].Value
	}
	if got != "112" {
		b.Errorf("messages %s, want 112", got)
	}
	b.eventually("the device to confirm", func() bool { return b.hub.devices.get("dev-1").view().messages == 0 })
}

func failingMethods(b *bench) {
	called := make(chan string, 10)
	f := newFake(b)
	f.onMethod = func(c wire.Conn, m wire.MethodRequest) {
		called <- m.Method
		c.Send(wire.MethodResponse{RID: m.RID, Status: 200, Body: []byte(`"done"`)})
	}
	f.dial(b.dial, wire.Options{Identity: wire.Identity{Device: "dev-1"}})
	f.subscribe(wire.MethodFeed)
	b.fault("method=fails methodFailure=100%")
	b.fault("method=busy methodFailure=100% status=503")
	b.fault("method=away methodFailure=100% status=404103")
	b.fault("method=babbles methodFailure=100% status=502")
	b.fault("method=late methodFailure=100% status=504")
	for method, want := range map[string]int{"fails": 500, "busy": 503} {
		reply, err := b.invoke(method)
		if err != nil || reply.Status != want || !strings.Contains(fmt.Sprint(reply.Payload), "by its fault") {
			b.Errorf("%s: %+v, %v", method, reply, err)
		}
	}
	_, err := b.invoke("away")
	b.wantKind(err, hub.Offline, false)
	_, err = b.invoke("babbles")
	b.wantKind(err, hub.Failed, true)
	b.took(5*time.Second, func() {
		_, err := b.invoke("late")
		b.wantKind(err, hub.Timeout, true)
	})
	if reply, err := b.invoke("works"); err != nil || reply.Payload != "done" {
		b.Errorf("%+v, %v", reply, err)
	}
	for _, want := range []string{"babbles", "late", "works"} {
		if got := within(b, "a call", called); got != want {
			b.Errorf("called %s, want %s", got, want)
		}
	}
}

func throttledByFault(b *bench) {
	f := b.connect(wire.TwinResponseFeed)
	b.fault("on=twin throttle=7s count=2")
	f.report(1)
	m := f.wantResult("1", 429)
	if !strings.Contains(string(m.Body), `"errorCode":429001`) || !strings.Contains(string(m.Body), `"message":"`) {
		b.Errorf("%s", m.Body)
	}
	f.send(wire.TwinGet{RID: "2"})
	f.wantResult("2", 429)
	f.report(3)
	if m := f.wantResult("3", 204); m.Version != 2 {
		b.Errorf("version %d", m.Version)
	}
	b.fault("device=dev-1 on=rest throttle=7s count=1")
	b.fault("device=dev-1 on=rest refuse=unavailable after=1 count=1")
	if _, err := b.client.Twin(b.Context(), hub.Target{Device: "dev-2"}); err != nil {
		b.Error(err)
	}
	_, err := b.client.Twin(b.Context(), dev1)
	if e, ok := err.(*hub.Error); !ok || e.Kind != hub.Throttled || e.Wait != 7*time.Second {
		b.Errorf("%#v", err)
	}
	_, err = b.client.UpdateTwin(b.Context(), dev1, hub.Patch{Tags: map[string]any{"a": 1}})
	b.wantKind(err, hub.Unavailable, false)
	if _, err := b.client.Twin(b.Context(), dev1); err != nil {
		b.Error(err)
	}
}

func losesMethods(b *bench) {
	f := b.answering(wire.MethodFeed | wire.DesiredFeed)
	b.fault("loseMethods count=1")
	for _, want := range []hub.Kind{hub.Offline, ""} {
		f.conn.Close()
		within(b, "the end", f.closed)
		f.dial(b.dial, wire.Options{Identity: wire.Identity{Device: "dev-1"}})
		if !f.conn.SessionPresent() {
			b.Error("the session is lost, and only methods were to be")
		}
		if _, err := b.invoke("m"); hub.KindOf(err) != want {
			b.Errorf("%v, want %s", err, want)
		}
		if d := b.hub.devices.get("dev-1"); !d.feeds.Has(wire.DesiredFeed) {
			b.Error("notices are lost, too")
		}
		f.subscribe(wire.MethodFeed)
	}
}

func leavesInOrder(b *bench) {
	f := b.connect(0)
	b.fault("on=telemetry latency=1h")
	f.send(wire.Telemetry{Body: []byte("last words")})
	f.conn.Close()
	if page := b.telemetry(""); string(page.Messages[0].Body) != "last words" {
		b.Errorf("%+v", page)
	}
	f = b.connect(0)
	f.send(wire.Telemetry{Body: []byte("unheard")})
	b.fault("disconnect")
	within(b, "the end", f.closed)
	if lanes := b.hub.telemetry.next; lanes != 2 {
		b.Errorf("%d messages", lanes-1)
	}
}
