package simulator

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/simulator/wire"
)

// A bench is a hub, its client, and a way to connect devices to it.
type bench struct {
	*testing.T
	hub    *Hub
	client *Client
	dial   wire.Dial
}

// What devices and services see of each other is the same for attached devices, and for those that speak
// MQTT over a socket or without one: each behaviour is tried on all three.
func TestBehaviour(t *testing.T) { tryAll(t, behaviours) }

func tryAll(t *testing.T, list []behaviour) {
	for _, b := range list {
		t.Run(b.name+"/attached", func(t *testing.T) {
			h := newHub(t, Config{Clock: fast()})
			b.try(&bench{t, h, h.Client(), h.AttachDevice})
		})
		t.Run(b.name+"/mqtt", func(t *testing.T) {
			h := newHub(t, Config{Clock: fast()})
			b.try(&bench{t, h, h.Client(), dialMQTT(h, sockets(t, h))})
		})
		t.Run(b.name+"/piped", func(t *testing.T) {
			h := newHub(t, Config{Clock: fast()})
			b.try(&bench{t, h, h.Client(), dialMQTT(h, pipes(t, h))})
		})
	}
}

type behaviour struct {
	name string
	try  func(*bench)
}

var behaviours = []behaviour{
	{"a method is answered", methodAnswered},
	{"answers come in any order", answersInAnyOrder},
	{"strange answers are dropped", strangeAnswers},
	{"bad answers fail the call", badAnswers},
	{"who does not take methods is offline", offline},
	{"a call waits for its device", waitsForDevice},
	{"a device that is silent", silentDevice},
	{"a connection lost while waiting", connectionLost},
	{"takeover", takeover},
	{"subscriptions are kept", subscriptionsKept},
	{"the device reads its twin", twinGet},
	{"the device reports", report},
	{"bad reports change nothing", badReports},
	{"desired notices come in order", desiredInOrder},
	{"desired notices need a subscription", desiredUnsubscribed},
	{"misuse ends the connection", misuse},
	{"connection state", connectionState},
	{"telemetry is kept", telemetryKept},
	{"a reader of telemetry waits", telemetryAwaited},
	{"a message reaches its device", messageDelivered},
	{"messages wait for their device", messagesWait},
	{"messages that nobody fetched", messagesExpire},
	{"messages are purged", messagesPurged},
	{"a mailbox is full", mailboxFull},
	{"messages that cannot be sent", badMessages},
}

func (b *bench) connect(feeds wire.Feeds) *fakeDevice { return connect(b, b.dial, feeds) }

func calling(method string) hub.Call {
	return hub.Call{Target: hub.Target{Device: "dev-1"}, Method: method, Response: 300 * time.Second}
}

func (b *bench) wantKind(err error, kind hub.Kind, sent bool) {
	b.Helper()
	e, ok := err.(*hub.Error)
	if !ok || e.Kind != kind || e.Sent != sent || e.Error() == "" {
		b.Errorf("error %v (%+v), want kind %s, sent %v", err, e, kind, sent)
	}
}

// start calls in the background; the result comes over the channel.
func (b *bench) start(c hub.Call) <-chan result {
	done := make(chan result, 1)
	go func() {
		reply, err := b.client.Invoke(context.Background(), c)
		done <- result{reply, err}
	}()
	return done
}

type result struct {
	reply hub.Reply
	err   error
}

func methodAnswered(b *bench) {
	f := newFake(b).answering(207)
	f.dial(b.dial, wire.Options{Identity: wire.Identity{Device: "dev-1"}})
	f.subscribe(wire.MethodFeed)
	for _, payload := range []any{nil, 42.0, "text", map[string]any{"a": []any{1.5, nil}, "<": "ä"}} {
		c := calling("reboot")
		c.Payload = payload
		reply, err := b.client.Invoke(b.Context(), c)
		if err != nil || reply.Status != 207 || fmt.Sprint(reply.Payload) != fmt.Sprint(payload) {
			b.Errorf("payload %v: %+v, %v", payload, reply, err)
		}
	}
	f.onMethod = func(c wire.Conn, m wire.MethodRequest) {
		c.Send(wire.MethodResponse{RID: m.RID, Status: -1})
	}
	if reply, err := b.client.Invoke(b.Context(), calling("odd+name#%25")); err != nil || reply.Status != -1 || reply.Payload != nil {
		b.Errorf("empty answer: %+v, %v", reply, err)
	}
}

func answersInAnyOrder(b *bench) {
	f := b.connect(wire.MethodFeed)
	const n = 50
	var calls []<-chan result
	var requests []wire.MethodRequest
	for i := range n {
		c := calling("work")
		c.Payload = i
		calls = append(calls, b.start(c))
		requests = append(requests, next[wire.MethodRequest](f))
	}
	slices.Reverse(requests)
	for _, r := range requests {
		f.send(wire.MethodResponse{RID: r.RID, Status: 200, Body: r.Body})
	}
	for i, c := range calls {
		if r := within(b, "an answer", c); r.err != nil || r.reply.Payload != float64(i) {
			b.Errorf("call %d: %+v", i, r)
		}
	}
}

func strangeAnswers(b *bench) {
	f := b.connect(wire.MethodFeed)
	f.send(wire.MethodResponse{RID: "unheard-of", Status: 200})
	done := b.start(calling("a"))
	r := next[wire.MethodRequest](f)
	for status := range 3 {
		f.send(wire.MethodResponse{RID: r.RID, Status: status, Body: []byte(`1`)})
	}
	if got := within(b, "the answer", done); got.err != nil || got.reply.Status != 0 {
		b.Errorf("of three answers %+v counts, want the first", got)
	}
	done = b.start(calling("b"))
	r = next[wire.MethodRequest](f)
	f.send(wire.MethodResponse{RID: r.RID, Status: 201})
	if got := within(b, "the second answer", done); got.err != nil || got.reply.Status != 201 {
		b.Errorf("after repeated answers: %+v", got)
	}
}

func badAnswers(b *bench) {
	f := b.connect(wire.MethodFeed)
	for name, body := range map[string][]byte{
		"not JSON":  []byte("ok"),
		"not UTF-8": []byte("\"\xff\""),
		"too deep":  []byte(strings.Repeat("[", 10000) + strings.Repeat("]", 10000)),
		"too large": []byte(`"` + strings.Repeat("x", maxMethodBody) + `"`),
		"too big":   []byte(`1e999`),
	} {
		done := b.start(calling("x"))
		f.send(wire.MethodResponse{RID: next[wire.MethodRequest](f).RID, Status: 200, Body: body})
		got := within(b, name, done)
		b.wantKind(got.err, hub.Failed, true)
	}
	if got := b.start(calling("y")); got != nil {
		f.send(wire.MethodResponse{RID: next[wire.MethodRequest](f).RID, Status: 200})
		if r := within(b, "a good answer", got); r.err != nil {
			b.Errorf("after bad answers: %v", r.err)
		}
	}
}

func offline(b *bench) {
	_, err := b.client.Invoke(b.Context(), calling("a"))
	b.wantKind(err, hub.Offline, false)
	f := b.connect(wire.TwinResponseFeed | wire.DesiredFeed)
	_, err = b.client.Invoke(b.Context(), calling("a"))
	b.wantKind(err, hub.Offline, false)
	f.subscribe(wire.MethodFeed)
	f.send(wire.Unsubscribe{Feeds: wire.MethodFeed})
	_, err = b.client.Invoke(b.Context(), calling("a"))
	b.wantKind(err, hub.Offline, false)

	c := calling("a")
	c.Device = "nobody"
	_, err = b.client.Invoke(b.Context(), c)
	b.wantKind(err, hub.NotFound, false)
	c = calling("a")
	c.Connect = time.Second
	_, err = b.client.Invoke(b.Context(), c)
	b.wantKind(err, hub.Offline, false)
	d := b.hub.devices.get("dev-1")
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) != 0 {
		b.Errorf("%d callers still wait", len(d.waiting))
	}
}

func waitsForDevice(b *bench) {
	c := calling("late")
	c.Connect = 300 * time.Second
	first, second := b.start(c), b.start(c)
	f := newFake(b).answering(200)
	f.dial(b.dial, wire.Options{Identity: wire.Identity{Device: "dev-1"}})
	f.subscribe(wire.TwinResponseFeed)
	f.subscribe(wire.MethodFeed)
	for _, done := range []<-chan result{first, second} {
		if r := within(b, "the answer", done); r.err != nil {
			b.Error(r.err)
		}
	}
}

func silentDevice(b *bench) {
	f := b.connect(wire.MethodFeed)
	c := calling("slow")
	c.Response = 5 * time.Second
	_, err := b.client.Invoke(b.Context(), c)
	b.wantKind(err, hub.Timeout, true)
	f.send(wire.MethodResponse{RID: next[wire.MethodRequest](f).RID, Status: 200}) // too late

	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() {
		_, err := b.client.Invoke(ctx, calling("given-up"))
		done <- err
	}()
	next[wire.MethodRequest](f)
	cancel()
	b.wantKind(within(b, "the caller to go", done), hub.Interrupted, true)
	d := b.hub.devices.get("dev-1")
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.session.calls) != 0 {
		b.Errorf("%d calls are still remembered", len(d.session.calls))
	}
}

func connectionLost(b *bench) {
	f := b.connect(wire.MethodFeed)
	first, second := b.start(calling("reboot")), b.start(calling("reboot"))
	next[wire.MethodRequest](f)
	next[wire.MethodRequest](f)
	f.conn.Close()
	for _, done := range []<-chan result{first, second} {
		b.wantKind(within(b, "the call to fail", done).err, hub.Interrupted, true)
	}
	if reason := within(b, "the end", f.closed); reason != nil {
		b.Errorf("closed for %v, want nil after Close", reason)
	}
	if f.conn.Send(wire.TwinGet{RID: "1"}) == nil && f.conn.Send(wire.TwinGet{RID: "2"}) == nil {
		b.Error("Send works after the end")
	}
}

func takeover(b *bench) {
	old := b.connect(wire.MethodFeed)
	done := b.start(calling("a"))
	next[wire.MethodRequest](old)
	young := newFake(b).answering(200)
	young.dial(b.dial, wire.Options{Identity: wire.Identity{Device: "dev-1"}})
	if reason := within(b, "the old connection to end", old.closed); reason == nil {
		b.Error("the old connection ended without a reason")
	}
	b.wantKind(within(b, "the pending call", done).err, hub.Interrupted, true)
	if !young.conn.SessionPresent() {
		b.Error("the session was not kept over the takeover")
	}
	if _, err := b.client.Invoke(b.Context(), calling("b")); err != nil {
		b.Errorf("the new connection does not take methods: %v", err)
	}
}

func subscriptionsKept(b *bench) {
	o := wire.Options{Identity: wire.Identity{Device: "dev-1"}}
	steps := []struct {
		clean, present, takes bool
	}{
		{clean: false, present: false, takes: false}, // subscribes in its course, as all do
		{clean: false, present: true, takes: true},
		{clean: true, present: false, takes: false},
		{clean: false, present: false, takes: false},
		{clean: false, present: true, takes: true},
	}
	for i, s := range steps {
		f := newFake(b).answering(200)
		o.CleanSession = s.clean
		f.dial(b.dial, o)
		if f.conn.SessionPresent() != s.present {
			b.Errorf("connection %d: session present %v, want %v", i, !s.present, s.present)
		}
		_, err := b.client.Invoke(b.Context(), calling("a"))
		if (err == nil) != s.takes {
			b.Errorf("connection %d: call: %v, want it to work: %v", i, err, s.takes)
		}
		f.subscribe(wire.MethodFeed)
		f.conn.Close()
		within(b, "the end", f.closed)
		b.eventually("the hub to see it leave", func() bool { return !b.hub.devices.get("dev-1").view().connected })
	}
}

func (b *bench) eventually(what string, fact func() bool) {
	b.Helper()
	for end := time.Now().Add(patience); !fact(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.Fatalf("waited %v for %s", patience, what)
		}
	}
}

func misuse(b *bench) {
	for name, m := range map[string]wire.Message{
		"too much telemetry": wire.Telemetry{Body: make([]byte, maxMessage+1)},
		"a huge report":      wire.ReportedPatch{RID: "1", Body: bytes.Repeat([]byte("["), maxMessage+1)},
		"a huge answer":      wire.MethodResponse{RID: "1", Body: make([]byte, maxMessage+1)},
		"a hub's message":    wire.DesiredPatch{Version: 1, Body: []byte("{}")},
	} {
		f := b.connect(wire.MethodFeed)
		done := b.start(calling("a"))
		next[wire.MethodRequest](f)
		f.conn.Send(m)
		b.wantKind(within(b, name, done).err, hub.Interrupted, true)
		if reason := within(b, name, f.closed); reason == nil {
			b.Errorf("%s: the connection ended without a reason", name)
		}
	}
	f := b.connect(wire.TwinResponseFeed)
	for _, m := range []wire.Message{wire.TwinGet{}, wire.ReportedPatch{RID: "a+b"}, wire.MethodResponse{RID: "a&b"}, wire.TwinGet{RID: strings.Repeat("x", 129)}} {
		if err := f.conn.Send(m); err == nil || err == wire.ErrClosed {
			b.Errorf("sending %+v: %v, want it refused here", m, err)
		}
	}
	f.send(wire.Telemetry{Properties: []wire.Property{{Key: "a", Value: "b"}}, Body: make([]byte, maxMessage)})
	f.send(wire.TwinGet{RID: "1"})
	next[wire.TwinResponse](f) // and the connection lives
}
