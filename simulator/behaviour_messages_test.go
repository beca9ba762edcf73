package simulator

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/simulator/wire"
)

var _ hub.Messages = (*Client)(nil)

var dev1 = hub.Target{Device: "dev-1"}

// telemetry reads all that is there after a cursor, at least one message.
func (b *bench) telemetry(after string) hub.TelemetryPage {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	page, err := b.client.Telemetry(ctx, hub.TelemetryQuery{Target: dev1, After: after})
	if err != nil {
		b.Fatal(err)
	}
	return page
}

func (b *bench) sendMessage(m hub.Message) string {
	b.Helper()
	m.Target = dev1
	id, err := b.client.Send(b.Context(), m)
	if err != nil {
		b.Fatal(err)
	}
	return id
}

// waitingMessages is the count that twin and identity show.
func (b *bench) waitingMessages() int {
	b.Helper()
	v, err := b.hub.readTwin("dev-1")
	twin, identity := v.doc(), b.hub.identityDoc(v)
	if err != nil || identity.MessageCount != twin.MessageCount {
		b.Errorf("the identity counts %d messages, the twin %d, %v", identity.MessageCount, twin.MessageCount, err)
	}
	return twin.MessageCount
}

func telemetryKept(b *bench) {
	f := b.connect(wire.TwinResponseFeed)
	before := b.hub.clock.Now()
	f.send(wire.Telemetry{Body: []byte(`{"t":21}`), Properties: []wire.Property{
		{Key: "$.ct", Value: "application/json"}, {Key: "$.mid", Value: "m 1"}, {Key: "$.new", Value: "x"},
		{Key: "level", Value: "a=b&c +%"}, {Key: "flag", Null: true}, {Key: "none"},
	}})
	f.send(wire.Telemetry{})
	page := b.telemetry("")
	if len(page.Messages) < 2 {
		page.Messages = append(page.Messages, b.telemetry(page.Next).Messages...)
	}
	m := page.Messages[0]
	if m.Target != dev1 || string(m.Body) != `{"t":21}` || m.Time.Before(before) || page.Lost != 0 {
		b.Errorf("message %+v, lost %d", m, page.Lost)
	}
	if got, want := fmt.Sprint(m.Properties), "map[level:a=b&c +% none:]"; got != want {
		b.Errorf("properties %s, want %s", got, want)
	}
	want := fmt.Sprintf("map[$.new:x contentType:application/json iothub-connection-device-id:dev-1 iothub-enqueuedtime:%s messageId:m 1]", timeText(m.Time))
	if got := fmt.Sprint(m.System); got != want {
		b.Errorf("system properties\n%s, want\n%s", got, want)
	}
	if m := page.Messages[1]; len(m.Body) != 0 || len(m.Properties) != 0 {
		b.Errorf("an empty message: %+v", m)
	}
}

func telemetryAwaited(b *bench) {
	f := b.connect(wire.TwinResponseFeed)
	f.send(wire.Telemetry{Body: []byte("first")})
	first := b.telemetry("")
	got := make(chan hub.TelemetryPage, 1)
	go func() { got <- b.telemetry(first.Next) }()
	f.send(wire.Telemetry{Body: []byte("second")})
	if page := within(b, "the message", got); len(page.Messages) != 1 || string(page.Messages[0].Body) != "second" {
		b.Errorf("after %q: %+v", first.Next, page)
	}

	ctx, cancel := b.hub.clock.WithTimeout(b.Context(), time.Second)
	defer cancel()
	_, err := b.client.Telemetry(ctx, hub.TelemetryQuery{Target: dev1, Since: b.hub.clock.Now().Add(time.Hour)})
	b.wantKind(err, hub.Timeout, false)
	ctx, cancel = context.WithCancel(b.Context())
	cancel()
	_, err = b.client.Telemetry(ctx, hub.TelemetryQuery{Target: hub.Target{Device: "dev-2"}})
	b.wantKind(err, hub.Interrupted, false)
	if n := len(b.hub.telemetry.waiting); n != 0 {
		b.Errorf("readers of %d devices are remembered after they left", n)
	}
	_, err = b.client.Telemetry(b.Context(), hub.TelemetryQuery{Target: hub.Target{Device: "nobody"}})
	b.wantKind(err, hub.NotFound, false)
	_, err = b.client.Telemetry(b.Context(), hub.TelemetryQuery{Target: dev1, After: "5"})
	b.wantKind(err, hub.Invalid, false)
}

func messageDelivered(b *bench) {
	f := b.connect(wire.DeviceboundFeed)
	id := b.sendMessage(hub.Message{Body: []byte{0, 255}, Properties: map[string]string{"b": "1 2", "a": "ä&="}, Expiry: time.Hour})
	m := next[wire.Devicebound](f)
	if len(m.Properties) != 5 || string(m.Body) != "\x00\xff" {
		b.Fatalf("message %+v", m)
	}
	expiry, err := time.Parse(time.RFC3339, m.Properties[2].Value)
	if left := expiry.Sub(b.hub.clock.Now()); err != nil || left > time.Hour || left < 50*time.Minute {
		b.Errorf("expires %s, %v; want an hour from now", expiry, err)
	}
	m.Properties[2].Value = ""
	if got, want := fmt.Sprint(m.Properties), fmt.Sprintf("[{$.mid %s false} {$.to /devices/dev-1/messages/deviceBound false} {$.exp  false} {a ä&= false} {b 1 2 false}]", id); got != want {
		b.Errorf("properties %s, want %s", got, want)
	}
	if again := b.sendMessage(hub.Message{ID: "mine"}); again != "mine" || id == "" {
		b.Errorf("ids %q and %q", id, again)
	}
	if m := next[wire.Devicebound](f); m.Properties[0].Value != "mine" || len(m.Body) != 0 {
		b.Errorf("the second message: %+v", m)
	}
	b.eventually("the device to confirm", func() bool { return b.waitingMessages() == 0 })
}

// Messages wait, in order, for a device that is away, that has not subscribed, or whose session is gone.
func messagesWait(b *bench) {
	body := func(i int) []byte { return fmt.Append(nil, i) }
	for i := range 20 {
		b.sendMessage(hub.Message{Body: body(i)})
	}
	f := b.connect(wire.MethodFeed)
	for i := 20; i < 40; i++ {
		b.sendMessage(hub.Message{Body: body(i)})
	}
	if n := b.waitingMessages(); n != 40 {
		b.Errorf("%d messages wait, want 40", n)
	}
	f.subscribe(wire.DeviceboundFeed)
	for i := range 40 {
		if m := next[wire.Devicebound](f); string(m.Body) != fmt.Sprint(i) {
			b.Fatalf("message %s, want %d", m.Body, i)
		}
	}
	b.eventually("the device to confirm", func() bool { return b.waitingMessages() == 0 })
	f.conn.Close()
	within(b, "the end", f.closed)
	b.sendMessage(hub.Message{Body: []byte("away")})
	f = newFake(b)
	f.dial(b.dial, wire.Options{Identity: wire.Identity{Device: "dev-1"}}) // its subscription was kept
	if m := next[wire.Devicebound](f); string(m.Body) != "away" {
		b.Errorf("message %s", m.Body)
	}
	f.send(wire.Unsubscribe{Feeds: wire.DeviceboundFeed})
	b.sendMessage(hub.Message{Body: []byte("unheard")})
	f.conn.Close()
	within(b, "the end", f.closed)
	f = newFake(b)
	f.dial(b.dial, wire.Options{Identity: wire.Identity{Device: "dev-1"}, CleanSession: true})
	if n := b.waitingMessages(); n != 1 {
		b.Errorf("%d messages wait, want 1: the queue is not a part of the session", n)
	}
	f.subscribe(wire.DeviceboundFeed)
	if m := next[wire.Devicebound](f); string(m.Body) != "unheard" {
		b.Errorf("message %s", m.Body)
	}
}

func messagesExpire(b *bench) {
	b.sendMessage(hub.Message{ID: "short", Expiry: time.Second})
	b.sendMessage(hub.Message{ID: "long"})
	b.eventually("the first message to expire", func() bool { return b.waitingMessages() == 1 })
	f := b.connect(wire.DeviceboundFeed)
	if m := next[wire.Devicebound](f); m.Properties[0].Value != "long" {
		b.Errorf("message %+v, want the one that has not expired", m)
	}
}

func messagesPurged(b *bench) {
	for range 3 {
		b.sendMessage(hub.Message{})
	}
	if n, err := b.hub.purge("dev-1"); n != 3 || err != nil {
		b.Errorf("purged %d, %v", n, err)
	}
	if n, err := b.hub.purge("dev-2"); n != 0 || err != nil {
		b.Errorf("purged %d of an empty mailbox, %v", n, err)
	}
	f := b.connect(wire.DeviceboundFeed)
	b.sendMessage(hub.Message{Body: []byte("after")})
	if m := next[wire.Devicebound](f); string(m.Body) != "after" {
		b.Errorf("message %s after a purge", m.Body)
	}
	if _, err := b.hub.purge("nobody"); hub.KindOf(failed("purge", dev1, err)) != hub.NotFound {
		b.Errorf("purging an unknown device: %v", err)
	}
}

func mailboxFull(b *bench) {
	for range maxQueued {
		b.sendMessage(hub.Message{})
	}
	_, err := b.client.Send(b.Context(), hub.Message{Target: dev1})
	b.wantKind(err, hub.Throttled, false)
	if _, err := b.client.Send(b.Context(), hub.Message{Target: hub.Target{Device: "dev-2"}}); err != nil {
		b.Errorf("another device: %v", err)
	}
	f := b.connect(wire.DeviceboundFeed)
	for range maxQueued {
		next[wire.Devicebound](f)
	}
	b.eventually("the device to confirm", func() bool { return b.waitingMessages() == 0 })
	b.sendMessage(hub.Message{})
}

func badMessages(b *bench) {
	send := func(change func(*hub.Message)) error {
		m := hub.Message{Target: dev1}
		change(&m)
		_, err := b.client.Send(b.Context(), m)
		return err
	}
	property := func(name, value string) func(*hub.Message) {
		return func(m *hub.Message) { m.Properties = map[string]string{name: value} }
	}
	for says, change := range map[string]func(*hub.Message){
		"65536 are allowed":  func(m *hub.Message) { m.Body = make([]byte, maxDeviceBody+1) },
		"before it is sent":  func(m *hub.Message) { m.Expiry = -time.Second },
		"128 characters":     func(m *hub.Message) { m.ID = strings.Repeat("x", 129) },
		`called "$.to"`:      property("$.to", "x"),
		`called ""`:          property("", "x"),
		"not UTF-8":          property("a", "\xff"),
		"not fit an MQTT":    property("a", strings.Repeat("x", 70000)),
		"has no device nobo": func(m *hub.Message) { m.Device = "nobody" },
	} {
		err := send(change)
		if err == nil || !strings.Contains(err.Error(), says) {
			b.Errorf("%v, want %q", err, says)
		}
	}
	if n := b.waitingMessages(); n != 0 {
		b.Errorf("%d messages wait", n)
	}
	f := b.connect(wire.DeviceboundFeed)
	if err := send(func(m *hub.Message) { m.Body = make([]byte, maxDeviceBody) }); err != nil {
		b.Error(err)
	}
	if m := next[wire.Devicebound](f); len(m.Body) != maxDeviceBody {
		b.Errorf("a message of %d bytes", len(m.Body))
	}
}
