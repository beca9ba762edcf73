package simulator

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/simulator/wire"
)

// What faults look like in bytes: who is refused, with which code.
func TestRefusalBytes(t *testing.T) {
	h := newHub(t, Config{})
	b := &bench{T: t, hub: h}
	address := listen(t, h)
	for _, x := range []struct{ fault, want string }{
		{"refuse=unavailable", "\x20\x02\x00\x03"},
		{"refuse=unauthorized", refusedAuth},
		{"offline", "\x20\x02\x00\x03"},
		{"clockSkew=2h", refusedAuth}, // its token is good for one
	} {
		id := b.fault(x.fault)
		enter(t, h, address, x.want).hearEnd()
		b.wantStruck(id, 1)
		h.RemoveFault(id)
	}
	enter(t, h, address, ok)
}

func TestConnectQuotaBytes(t *testing.T) {
	h := newHub(t, Config{Tier: "S1"})
	address := listen(t, h)
	for range 8000 {
		h.turn(connects)
	}
	enter(t, h, address, "\x20\x02\x00\x03").hearEnd()
}

// The hub's clock is ahead: the token ends early, and the times a device is told are wrong.
func TestClockSkew(t *testing.T) {
	h := newHub(t, Config{Clock: fast()})
	b := &bench{t, h, h.Client(), nil}
	b.fault("device=dev-1 clockSkew=59m55s")
	f := newFake(t)
	_, err := dialToken(sockets(t, h), wire.Options{Identity: wire.Identity{Device: "dev-1"}}, deviceToken(t, h, "dev-1", time.Hour), f)
	if err != nil {
		t.Fatal(err)
	}
	b.took(4*time.Second, func() { within(t, "the end of the token", f.closed) })

	b.hub.RemoveFault("1")
	b.fault("device=dev-1 clockSkew=-87600h")
	b.fault("on=twin throttle=1s")
	b.dial = dialMQTT(h, sockets(t, h))
	f = b.connect(wire.TwinResponseFeed)
	f.report(1)
	if m := f.wantResult("1", 429); !strings.Contains(string(m.Body), fmt.Sprintf(`"timestampUtc":"%d-`, h.clock.Now().Add(-87600*time.Hour).Year())) {
		t.Errorf("%s", m.Body)
	}
}

// Live connections follow the clock when a fault comes, is taken away, or is over.
func TestClockSkewOfLiveConnections(t *testing.T) {
	for _, x := range []struct {
		name, before, after string // faults; before the device connects, and then
		remove              bool   // the first one, then
		want                time.Duration
	}{
		{"comes", "", "clockSkew=59m55s", false, 9 * time.Second}, // 5 s are allowed for
		{"comes later", "", "clockSkew=59m55s from=20s", false, 20 * time.Second},
		{"is removed", "clockSkew=-87600h", "clockSkew=59m55s", true, 9 * time.Second},
		{"is over", "clockSkew=-87600h until=20s", "clockSkew=59m55s", false, 20 * time.Second},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := newHub(t, Config{Clock: fast()})
			b := &bench{t, h, h.Client(), nil}
			if x.before != "" {
				b.fault(x.before)
			}
			f := newFake(t)
			if _, err := dialToken(sockets(t, h), wire.Options{Identity: wire.Identity{Device: "dev-1"}}, deviceToken(t, h, "dev-1", time.Hour), f); err != nil {
				t.Fatal(err)
			}
			b.fault(x.after)
			if x.remove {
				h.RemoveFault("1")
			}
			b.took(x.want-6*time.Second, func() { within(t, "the end of the token", f.closed) })
		})
	}
	t.Run("gives more time", func(t *testing.T) {
		h := newHub(t, Config{Clock: fast()})
		b := &bench{t, h, h.Client(), nil}
		f := newFake(t)
		if _, err := dialToken(sockets(t, h), wire.Options{Identity: wire.Identity{Device: "dev-1"}}, deviceToken(t, h, "dev-1", 5*time.Second), f); err != nil {
			t.Fatal(err)
		}
		id := b.fault("clockSkew=-1h")
		passed := make(chan bool)
		h.clock.After(30*time.Second, func() { close(passed) })
		within(t, "half a minute", passed)
		select {
		case <-f.closed:
			t.Fatal("ended by its old time")
		default:
		}
		h.RemoveFault(id)
		within(t, "the end of the token", f.closed)
	})
}

const (
	telemetryTopic = "devices/dev-1/messages/events/"
	boundFilter    = "devices/dev-1/messages/devicebound/#"
)

func publishQoS1(topic, body string, packet byte) string {
	return frame(0x32, text16(topic)+string([]byte{0, packet})+body)
}

// A lost publish at QoS 1 is not acknowledged, and one that is refused or comes twice is acknowledged once.
func TestLostPuback(t *testing.T) {
	h := newHub(t, Config{})
	b := &bench{t, h, h.Client(), nil}
	k := enter(t, h, listen(t, h), ok)
	b.fault("on=telemetry loss=100% count=1")
	b.fault("on=telemetry duplicate=100% after=1 count=1")
	b.fault("on=twin throttle=1s")
	k.say(publishQoS1(telemetryTopic, "1", 1) + publishQoS1(telemetryTopic, "2", 2) + publishQoS1(telemetryTopic, "3", 3))
	k.hear("\x40\x02\x00\x02\x40\x02\x00\x03")
	if n := h.telemetry.next - 1; n != 3 { // 2 twice, and 3
		t.Errorf("%d messages are kept", n)
	}
	k.say(publishQoS1("$iothub/twin/GET/?$rid=7", " ", 4))
	k.hear("\x40\x02\x00\x04")
	head := make([]byte, 5)
	if _, err := io.ReadFull(k.conn, head); err != nil || head[0] != 0x30 {
		t.Errorf("% x, %v", head, err)
	}
}

// A message from the cloud that comes twice is the same packet with DUP; one that is lost comes again after a reconnect.
func TestDuplicateBytes(t *testing.T) {
	h := newHub(t, Config{})
	b := &bench{t, h, h.Client(), nil}
	address := listen(t, h)
	k := enter(t, h, address, ok)
	k.say(frame(0x82, "\x00\x01"+text16(boundFilter)+"\x01"))
	k.hear("\x90\x03\x00\x01\x01")
	b.fault("on=messages duplicate=100% count=1")
	b.fault("on=messages loss=100% after=1 count=1")
	b.sendMessage(hub.Message{ID: "a"})
	topic := "devices/dev-1/messages/devicebound/%24.mid=a&%24.to=%2Fdevices%2Fdev-1%2Fmessages%2FdeviceBound"
	k.hear(frame(0x32, text16(topic)+"\x00\x01") + frame(0x3a, text16(topic)+"\x00\x01"))
	k.say("\x40\x02\x00\x01")
	b.eventually("the PUBACK", func() bool { return b.hub.devices.get("dev-1").view().messages == 0 })

	b.sendMessage(hub.Message{ID: "b"})
	k.say("\xe0\x00")
	k.hearEnd()
	again := enter(t, h, address, okPresent)
	again.hear(frame(0x3a, text16(strings.Replace(topic, "mid=a", "mid=b", 1))+"\x00\x02"))
}

// A half-open connection is silent, whatever is said, and not closed; even a ping is not answered.
func TestHalfOpenBytes(t *testing.T) {
	h := newHub(t, Config{})
	b := &bench{t, h, h.Client(), nil}
	k := enter(t, h, listen(t, h), ok)
	id := b.fault("halfOpen count=1")
	k.say("\xc0\x00" + frame(0x82, "\x00\x01"+text16("$iothub/methods/POST/#")+"\x00") + publishQoS1(telemetryTopic, "1", 1))
	k.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := k.conn.Read(make([]byte, 1)); n != 0 || !err.(net.Error).Timeout() {
		t.Errorf("heard %d bytes, %v", n, err)
	}
	k.conn.SetDeadline(time.Now().Add(patience))
	h.RemoveFault(id)
	k.say("\xc0\x00")
	k.hear("\xd0\x00")
	if n := h.telemetry.next - 1; n != 0 {
		t.Errorf("%d messages are kept", n)
	}
}

// A hub that reads slowly lets the device feel it: what it writes does not go away.
func TestSlowBytes(t *testing.T) {
	h := newHub(t, Config{})
	b := &bench{t, h, h.Client(), nil}
	k := enter(t, h, listen(t, h), ok)
	b.fault("bytesPerSecond=1")
	stuck := false
	packet := []byte(publishBytes(telemetryTopic, strings.Repeat("x", 100<<10)))
	for range 200 {
		k.conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := k.conn.Write(packet); err != nil {
			stuck = err.(net.Error).Timeout()
			break
		}
	}
	if !stuck {
		t.Error("20 MB went into a connection of one byte a second")
	}
	in := &h.devices.get("dev-1").session.trouble.Load().in
	in.mu.Lock()
	if n := in.bytes; n > 256<<10 {
		t.Errorf("the hub holds %d bytes", n)
	}
	in.mu.Unlock()
	b.fault("disconnect") // also while its reader waits for room
	k.conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, k.conn); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Error(err)
	}
}

// A reader that waits for room does not hold up the end of the server.
func TestSlowEnd(t *testing.T) {
	h := newHub(t, Config{})
	b := &bench{t, h, h.Client(), nil}
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Attach(ctx, theirs) }()
	k := &talk{t, ours}
	k.say(connectBytes("dev-1", "localhost/dev-1/?api-version=2021-04-12", deviceToken(t, h, "dev-1", time.Hour)))
	k.hear(ok)
	b.fault("on=telemetry latency=1h")
	for range fullLane {
		k.say(publishBytes(telemetryTopic, "x"))
	}
	in := &h.devices.get("dev-1").session.trouble.Load().in
	b.eventually("the reader to wait", func() bool {
		in.mu.Lock()
		defer in.mu.Unlock()
		return in.room != nil
	})
	cancel()
	if err := within(t, "Attach to end", ended); err == nil {
		t.Error("ended without a reason")
	}
}

// Before the first fault nothing is asked for.
func TestUntroubled(t *testing.T) {
	h := newHub(t, Config{})
	if h.troubled() || len(h.Faults()) != 0 {
		t.Error("a new hub has troubles")
	}
	h.RemoveFault((&bench{T: t, hub: h}).fault("loss=1%"))
	if !h.troubled() { // something may still be under way
		t.Error("a hub forgets that it had faults")
	}
}
