package simulator

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/simulator/wire"
)

// callAll calls a device n times at once, each with a payload of 100 KiB.
func callAll(b *bench, n int) <-chan error {
	ended := make(chan error, n)
	for range n {
		go func() {
			c := calling("big")
			c.Payload = strings.Repeat("x", 100<<10)
			_, err := b.hub.Client().Invoke(b.Context(), c)
			ended <- err
		}()
	}
	return ended
}

// More calls than a connection takes at a time wait for their turn, as long as the device reads.
func TestBurstOfCalls(t *testing.T) {
	for name, fault := range map[string]string{"over a socket": "", "slowed down": "device=dev-1 on=calls latency=1ms", "attached": "device=dev-1 on=calls latency=1ms"} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t, Config{})
			b := &bench{t, h, h.Client(), dialMQTT(h, sockets(t, h))}
			if name == "attached" {
				b.dial = h.AttachDevice
			}
			if fault != "" {
				b.fault(fault)
			}
			f := b.answering(wire.MethodFeed)
			ended := callAll(b, 130)
			for range 130 {
				if err := within(t, "a call", ended); err != nil {
					t.Fatal(err)
				}
			}
			select {
			case reason := <-f.closed:
				t.Errorf("cut off: %v", reason)
			default:
			}
		})
	}
}

// Calls are sent in the order in which they came, though the device begins to read late; and what
// the hub holds for the socket stays small.
func TestBurstWaitsItsTurn(t *testing.T) {
	h := newHub(t, Config{})
	b := &bench{t, h, h.Client(), nil}
	ours, theirs := net.Pipe() // takes no byte that is not read
	go h.Attach(t.Context(), ours)
	k := &talk{t, theirs}
	theirs.SetDeadline(time.Now().Add(patience))
	k.say(connectBytes("dev-1", "localhost/dev-1/?api-version=2021-04-12", deviceToken(t, h, "dev-1", time.Hour)))
	k.hear(ok)
	k.say(frame(0x82, "\x00\x01"+text16("$iothub/methods/POST/#")+"\x00"))
	k.hear("\x90\x03\x00\x01\x00")
	const n = 30
	ended := callAll(b, n)
	d := h.devices.get("dev-1")
	b.eventually("all calls to come", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.called == n
	})
	sock := d.session.link.(*socket)
	sock.mu.Lock()
	if got := len(sock.unsent); got > h.config.MaxUnsent/2 {
		t.Errorf("%d bytes are queued", got)
	}
	sock.mu.Unlock()
	for i := range n {
		p, err := packets.ReadPacket(theirs)
		if err != nil {
			t.Fatal(err)
		}
		topic := p.(*packets.PublishPacket).TopicName
		if want := fmt.Sprintf("$iothub/methods/POST/big/?$rid=%x", i+1); topic != want {
			t.Fatalf("heard %s, want %s", topic, want)
		}
		k.say(publishBytes(fmt.Sprintf("$iothub/methods/res/200/?$rid=%x", i+1), ""))
	}
	for range n {
		if err := within(t, "a call", ended); err != nil {
			t.Error(err)
		}
	}
}

// A call that never had room was not sent, and its caller is told so.
func TestBurstNotSent(t *testing.T) {
	h := newHub(t, Config{WriteTimeout: 200 * time.Millisecond})
	b := &bench{t, h, h.Client(), nil}
	ours, theirs := net.Pipe()
	go h.Attach(t.Context(), ours)
	k := &talk{t, theirs}
	k.say(connectBytes("dev-1", "localhost/dev-1/?api-version=2021-04-12", deviceToken(t, h, "dev-1", time.Hour)))
	k.hear(ok)
	k.say(frame(0x82, "\x00\x01"+text16("$iothub/methods/POST/#")+"\x00"))
	k.hear("\x90\x03\x00\x01\x00")
	ended := callAll(b, 20) // and the device reads no more
	sent := map[bool]int{}
	for range 20 {
		e, is := within(t, "a call", ended).(*hub.Error)
		if !is {
			t.Fatal("a call to a device that does not read was answered")
		}
		sent[e.Sent]++
	}
	if sent[true] == 0 || sent[true] > 8 {
		t.Errorf("%d calls were sent, %d not", sent[true], sent[false])
	}
}

// A device that asks faster than it reads has to wait, and is not cut off.
func TestBurstOfQuestions(t *testing.T) {
	h := newHub(t, Config{MaxUnsent: 64 << 10})
	if _, err := h.Client().UpdateTwin(t.Context(), hub.Target{Device: "dev-1"}, hub.Patch{Desired: big(20_000)}); err != nil {
		t.Fatal(err)
	}
	k := enter(t, h, listen(t, h), ok)
	const n = 1000 // answers of 20 MB, which no socket's buffer holds
	go io.Copy(k.conn, bytes.NewReader(bytes.Repeat([]byte(publishBytes("$iothub/twin/GET/?$rid=1", "")), n)))
	for i := range n {
		if _, err := packets.ReadPacket(k.conn); err != nil {
			t.Fatalf("after %d answers: %v", i, err)
		}
	}
}
