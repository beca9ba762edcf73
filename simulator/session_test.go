package simulator

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// willBytes is a CONNECT with a will and a keep-alive of a second. Flags may be more: 0x20 retains the will.
func willBytes(t *testing.T, h *Hub, flags byte, topic, body string) string {
	t.Helper()
	return frame(0x10, text16("MQTT")+string([]byte{4, 0xc4 | flags, 0, 1})+text16("dev-1")+text16(topic)+text16(body)+
		text16("localhost/dev-1/?api-version=2021-04-12")+text16(deviceToken(t, h, "dev-1", time.Hour)))
}

// A connection that ends other than by DISCONNECT leaves its will.
func TestWill(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*talk, *Hub, string)
		left bool
	}{
		{"DISCONNECT", func(k *talk, _ *Hub, _ string) { k.say("\xe0\x00"); k.hearEnd() }, false},
		{"the device is gone", func(k *talk, _ *Hub, _ string) { k.conn.Close() }, true},
		{"misuse", func(k *talk, _ *Hub, _ string) { k.say(publishBytes("a", "b")); k.hearEnd() }, true},
		{"silence", func(k *talk, _ *Hub, _ string) { k.hearEnd() }, true},
		{"takeover", func(k *talk, h *Hub, address string) { enter(k.T, h, address, okPresent); k.hearEnd() }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHub(t, Config{})
			address := listen(t, h)
			b := &bench{t, h, h.Client(), h.AttachDevice}
			k := dialTCP(t, address)
			k.say(willBytes(t, h, 0x20, "devices/dev-1/messages/events/a=1&%24.ct=text%2Fplain", "gone"))
			k.hear(ok)
			k.say(publishBytes("devices/dev-1/messages/events/", "alive"))
			k.ping()
			c.end(k, h, address)
			first := b.telemetry("")
			if !c.left {
				b.eventually("the device to be away", func() bool { return !h.devices.get("dev-1").view().connected })
				if got, _, _ := h.bodies(t, reading{}); got != "alive" {
					t.Errorf("telemetry %q", got)
				}
				return
			}
			if len(first.Messages) == 1 {
				first.Messages = append(first.Messages, b.telemetry(first.Next).Messages...)
			}
			will := first.Messages[1]
			if string(will.Body) != "gone" || fmt.Sprint(will.Properties) != "map[a:1 mqtt-retain:true]" || will.System["iothub-MessageType"] != "Will" || will.System["contentType"] != "text/plain" {
				t.Errorf("will %+v", will)
			}
			if alive := first.Messages[0]; alive.System["iothub-MessageType"] != "" || len(alive.Properties) != 0 {
				t.Errorf("a message that is no will: %+v", alive)
			}
		})
	}
}

// A publish with RETAIN is not retained, and says so.
func TestRetain(t *testing.T) {
	h := newHub(t, Config{})
	k := enter(t, h, listen(t, h), ok)
	k.say(frame(0x33, text16("devices/dev-1/messages/events/a=1/")+"\x00\x01x"))
	k.hear("\x40\x02\x00\x01") // acknowledged, so it is kept
	page := (&bench{t, h, h.Client(), h.AttachDevice}).telemetry("")
	if got := fmt.Sprint(page.Messages[0].Properties); got != "map[a:1 mqtt-retain:true]" {
		t.Errorf("properties %s", got)
	}
}

// What MQTT forbids ends the connection, or keeps it from beginning.
func TestProtocolErrors(t *testing.T) {
	h := newHub(t, Config{})
	address := listen(t, h)
	flags := func(f byte) string {
		return frame(0x10, text16("MQTT")+string([]byte{4, f, 0, 60})+text16("dev-1")+text16("localhost/dev-1")+text16(deviceToken(t, h, "dev-1", time.Hour)))
	}
	for name, bytes := range map[string]string{
		"a password without a user name": flags(0x40),
		"a will's QoS without a will":    flags(0xc8),
		"a retained will without a will": flags(0xe0),
		"a will at QoS 3":                willBytes(t, h, 0x18, "devices/dev-1/messages/events/", ""),
		"a will to a wildcard":           willBytes(t, h, 0, "devices/dev-1/messages/events/#", ""),
		"an IoT Hub topic as will":       willBytes(t, h, 0, "devices/dev-1/messages/eventsx", ""),
	} {
		k := dialTCP(t, address)
		k.say(bytes)
		t.Run(name, func(t *testing.T) { k.T = t; k.hearEnd() })
	}
	hello := ok
	for name, bytes := range map[string]string{
		"SUBSCRIBE without a filter":         frame(0x82, "\x00\x01"),
		"SUBSCRIBE with packet id 0":         frame(0x82, "\x00\x00"+text16("a")+"\x00"),
		"SUBSCRIBE with other flags":         frame(0x80, "\x00\x01"+text16("a")+"\x00"),
		"SUBSCRIBE at QoS 3":                 frame(0x82, "\x00\x01"+text16("a")+"\x03"),
		"UNSUBSCRIBE from nothing":           frame(0xa2, "\x00\x01"),
		"PUBLISH at QoS 1 with packet id 0":  frame(0x32, text16("devices/dev-1/messages/events/")+"\x00\x00x"),
		"PUBLISH at QoS 1 without packet id": frame(0x32, text16("devices/dev-1/messages/events/")),
		"PUBLISH with a topic that is cut":   frame(0x30, "\x00\x09devices"),
		"PUBLISH of 256 KiB and one":         publishBytes("devices/dev-1/messages/events/", strings.Repeat("x", maxMessage+1)),
		"PUBREC":                             "\x50\x02\x00\x01",
		"PUBREL":                             "\x62\x02\x00\x01",
		"PUBCOMP":                            "\x70\x02\x00\x01",
		"PUBACK with flags":                  "\x42\x02\x00\x01",
		"PUBACK that is too long":            "\x40\x03\x00\x01\x00",
		"PINGREQ with flags":                 "\xc1\x00",
		"DISCONNECT with flags":              "\xe1\x00",
		"a packet of no type":                "\xf0\x00",
	} {
		k := enter(t, h, address, hello)
		hello = okPresent
		k.say(bytes)
		t.Run(name, func(t *testing.T) { k.T = t; k.hearEnd() })
	}
	k := enter(t, h, address, okPresent)
	k.say("\x40\x02\x00\x07" + frame(0xa2, "\x00\x02"+text16("unheard of"))) // forgiven
	k.hear("\xb0\x02\x00\x02")
	k.say(publishBytes("devices/dev-1/messages/events/", strings.Repeat("x", maxMessage)))
	k.ping()
	if got, _, _ := h.bodies(t, reading{}); len(got) != maxMessage {
		t.Errorf("telemetry of %d bytes, want the last message and no other", len(got))
	}
}

// A connection has five subscriptions at most. Only a module can ask for more.
func TestSubscriptionLimit(t *testing.T) {
	h := newHub(t, Config{})
	if _, err := h.register(registration{id: wire.Identity{Device: "dev-1", Module: "m"}, create: true}); err != nil {
		t.Fatal(err)
	}
	d := h.devices.get("dev-1/m")
	ours, theirs := net.Pipe()
	defer theirs.Close()
	sock := newSocket(ours, &h.config)
	sock.id = d.names()
	s := &session{device: d, link: sock}
	if err := h.open(s, true); err != nil {
		t.Fatal(err)
	}
	k := &talk{t, theirs}
	k.hear(ok)
	all := ""
	for _, f := range wire.Filters(d.names(), 0xff) {
		all += text16(f) + "\x01"
	}
	p, err := wire.ReadPacket(strings.NewReader(frame(0x82, "\x00\x01"+all)), 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.take(sock, s, p); err != nil {
		t.Fatal(err)
	}
	k.hear("\x90\x08\x00\x01\x01\x01\x01\x01\x01\x80")
	if err := h.take(sock, s, p); err != nil { // once more is no more
		t.Fatal(err)
	}
	k.hear("\x90\x08\x00\x01\x01\x01\x01\x01\x01\x80")
	h.close(s, nil)
}

// Who has the acknowledgement of a subscription to methods can be called at once. Others keep the device's lock
// busy, which makes it likely that an acknowledgement that came too early is seen.
func TestSubscribedIsReady(t *testing.T) {
	h := newHub(t, Config{})
	ours, theirs := net.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- h.Attach(t.Context(), ours) }()
	k := &talk{t, theirs}
	k.say(connectBytes("dev-1", "localhost/dev-1/?api-version=2021-04-12", deviceToken(t, h, "dev-1", time.Hour)))
	k.hear(ok)
	d := h.devices.get("dev-1")
	var others sync.WaitGroup
	var enough atomic.Bool
	for range 4 {
		others.Go(func() {
			for !enough.Load() {
				h.writeTwin("dev-1", serviceWrite{})
			}
		})
	}
	defer others.Wait()
	defer enough.Store(true)
	for i := range 300 {
		k.say(subscribeBytes("$iothub/methods/POST/#", 0))
		k.hear("\x90\x03\x00\x01\x00")
		notReady := func() receiver[bool] { return clock.NewPromise[bool](h.clock) }
		c, err := h.begin(d, invocation{device: "dev-1", method: "m"}, clock.NewPromise[answer](h.clock), notReady)
		if err != nil {
			t.Fatal(err)
		}
		if c == nil {
			t.Fatalf("round %d: the device has its SUBACK and counts as not subscribed", i)
		}
		k.hear(publishBytes("$iothub/methods/POST/m/?$rid="+c.rid(), "null"))
		h.forget(d, c)
		k.say(frame(0xa2, "\x00\x01"+text16("$iothub/methods/POST/#")))
		k.hear("\xb0\x02\x00\x01")
	}
	k.say("\xe0\x00")
	if err := within(t, "the end", ended); err != nil {
		t.Error(err)
	}
}

// While many clients send rubbish, claim huge packets, send halves or nothing, a device notices nothing, and
// the hub needs no memory to speak of.
func TestHostileCrowd(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("crowd", func(t *testing.T) {
		h := newHub(t, Config{ConnectTimeout: 300 * time.Millisecond, MaxTelemetry: 100})
		address := listen(t, h)
		good := enter(t, h, address, ok)
		inside := connectBytes("dev-2", "localhost/dev-2", deviceToken(t, h, "dev-2", time.Hour))
		inside = strings.Replace(inside, "\x04\xc0\x00\xb4", "\x04\xc0\x00\x01", 1) // a keep-alive of a second
		attacks := []string{
			"", "\x10", "\x10\xff\xff\xff\x7f", inside[:30], strings.Repeat("\xff", 5000), "GET / HTTP/1.1\r\n\r\n",
			inside + "\x30\xff\xff\xff\x7f" + strings.Repeat("x", 1000), inside + inside, inside + strings.Repeat("\x00", 1000),
			inside + "\x82\xff\xff\x03", inside + publishBytes("devices/dev-1/messages/events/", "not mine"),
		}
		at := memoryInUse()
		var crowd sync.WaitGroup
		for i := range 220 {
			crowd.Go(func() {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(patience))
				io.WriteString(conn, attacks[i%len(attacks)]) // fails if the hub has closed it
				io.Copy(io.Discard, conn)
			})
		}
		left := make(chan struct{})
		go func() { crowd.Wait(); close(left) }()
		for rounds, more := 0, true; more || rounds < 100; rounds++ {
			good.say(frame(0x32, text16("devices/dev-1/messages/events/")+"\x00\x01hello"))
			good.hear("\x40\x02\x00\x01")
			select {
			case <-left:
				more = false
			default:
			}
		}
		if more := int64(memoryInUse()) - int64(at); more > 8<<20 {
			t.Errorf("%d bytes more are in use", more)
		}
		good.ping()
	})
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks())
		}
	}
}
