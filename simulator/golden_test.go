package simulator

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/simulator/wire"
)

// A talk is the bytes between a device and the hub.
type talk struct {
	*testing.T
	conn net.Conn
}

func dialTCP(t *testing.T, address string) *talk {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &talk{t, conn}
}

func (k *talk) say(b string) {
	k.Helper()
	if _, err := k.conn.Write([]byte(b)); err != nil {
		k.Errorf("say % x: %v", b, err)
	}
}

func (k *talk) hear(want string) {
	k.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(k.conn, got)
	if err != nil || string(got) != want {
		k.Fatalf("heard %q, %v; want %q", got[:n], err, want)
	}
}

// hearEnd wants the hub to close the connection without another word.
func (k *talk) hearEnd() {
	k.Helper()
	rest, err := io.ReadAll(k.conn)
	if errors.Is(err, net.ErrClosed) || len(rest) > 0 || err != nil && strings.Contains(err.Error(), "timeout") {
		k.Errorf("heard %q, %v; want the end", rest, err)
	}
}

func text16(s string) string { return string([]byte{byte(len(s) >> 8), byte(len(s))}) + s }

func frame(first byte, body string) string {
	p := []byte{first}
	for n := len(body); ; n >>= 7 {
		if n < 128 {
			p = append(p, byte(n))
			break
		}
		p = append(p, byte(n)|128)
	}
	return string(p) + body
}

// connectBytes is a CONNECT with CleanSession=0 and a keep-alive of 180s, as Node sends it.
func connectBytes(client, user, password string) string {
	return frame(0x10, text16("MQTT")+"\x04\xc0\x00\xb4"+text16(client)+text16(user)+text16(password))
}

func publishBytes(topic, body string) string { return frame(0x30, text16(topic)+body) }

func deviceToken(t testing.TB, h *Hub, id string, life time.Duration) string {
	t.Helper()
	cs, err := h.DeviceConnectionString(id)
	if err != nil {
		t.Fatal(err)
	}
	return wire.NewToken(cs.Resource(), "", cs.Key, h.clock.Now().Add(life))
}

const ok, okPresent, refusedAuth = "\x20\x02\x00\x00", "\x20\x02\x01\x00", "\x20\x02\x00\x05"

func TestDisabledDevice(t *testing.T) {
	h := newHub(t, Config{})
	if err := h.AddDevice(Device{ID: "off", Disabled: true}); err != nil {
		t.Fatal(err)
	}
	k := dialTCP(t, listen(t, h))
	k.say(connectBytes("off", "localhost/off/?api-version=2021-04-12", deviceToken(t, h, "off", time.Hour)))
	k.hear(refusedAuth)
	k.hearEnd()
	_, err := h.AttachDevice(t.Context(), wire.Options{Identity: wire.Identity{Device: "off"}}, newFake(t))
	if err == nil || !strings.Contains(err.Error(), "disabled") {
		t.Errorf("attached: %v", err)
	}
}

// enter connects dev-1 as an SDK does.
func enter(t *testing.T, h *Hub, address, hello string) *talk {
	t.Helper()
	k := dialTCP(t, address)
	k.say(connectBytes("dev-1", "localhost/dev-1/?api-version=2021-04-12", deviceToken(t, h, "dev-1", time.Hour)))
	k.hear(hello)
	return k
}

// A connection ends when its token does.
func TestTokenExpiry(t *testing.T) {
	h := newHub(t, Config{Clock: fast()})
	f := newFake(t)
	if _, err := dialToken(sockets(t, h), wire.Options{Identity: wire.Identity{Device: "dev-1"}}, deviceToken(t, h, "dev-1", 3*time.Second), f); err != nil {
		t.Fatal(err)
	}
	if reason := within(t, "the end", f.closed); reason == nil {
		t.Error("closed without a reason")
	}
	if h.devices.get("dev-1").view().connected {
		t.Error("the hub holds it for connected")
	}
}

// Whatever comes, the hub ends the connection in bounded time, and goes on.
func TestHostileBytes(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("conversations", func(t *testing.T) {
		h := newHub(t, Config{ConnectTimeout: 100 * time.Millisecond})
		address := listen(t, h)
		hello := connectBytes("dev-1", "localhost/dev-1/?api-version=2021-04-12", deviceToken(t, h, "dev-1", time.Hour))
		will := func(topic string) string {
			return frame(0x10, text16("MQTT")+"\x04\xc4\x00\xb4"+text16("dev-1")+text16(topic)+text16("gone")+text16("localhost/dev-1/?api-version=2021-04-12")+text16(deviceToken(t, h, "dev-1", time.Hour)))
		}
		for name, bytes := range map[string]string{
			"nothing":                     "",
			"HTTP":                        "GET / HTTP/1.1\r\n\r\n",
			"TLS":                         "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
			"half a CONNECT":              hello[:40],
			"a huge CONNECT":              "\x10\xff\xff\xff\x7f",
			"a large CONNECT":             frame(0x10, strings.Repeat("x", maxBeforeAuth+1)),
			"an endless length":           "\x10\xff\xff\xff\xff\xff",
			"a publish first":             publishBytes("devices/dev-1/messages/events/", "x"),
			"a reserved bit":              frame(0x10, text16("MQTT")+"\x04\xc1\x00\xb4"+text16("dev-1")+text16("h/dev-1")+text16("x")),
			"a will for somebody else":    will("devices/dev-2/messages/events/"),
			"a will that is no telemetry": will("$iothub/twin/GET/?$rid=1"),
		} {
			k := dialTCP(t, address)
			k.say(bytes)
			t.Run(name, func(t *testing.T) { k.T = t; k.hearEnd() })
		}
		for name, bytes := range map[string]string{
			"a second CONNECT":       hello,
			"QoS 2":                  frame(0x34, text16("devices/dev-1/messages/events/")+"\x00\x01x"),
			"an unknown topic":       publishBytes("a/b", "x"),
			"another device's topic": publishBytes("devices/dev-2/messages/events/", "x"),
			"a huge packet":          "\x30\xff\xff\xff\x7f",
			"a hub's packet":         ok,
			"a twin GET without rid": publishBytes("$iothub/twin/GET/", ""),
			"zeros":                  strings.Repeat("\x00", 100),
		} {
			k := dialTCP(t, address)
			k.say(hello)
			k.T.Run(name, func(t *testing.T) {
				k.T = t
				if got := make([]byte, 4); true {
					if _, err := io.ReadFull(k.conn, got); err != nil || got[3] != 0 {
						t.Fatalf("CONNACK % x, %v", got, err)
					}
				}
				k.say(bytes)
				k.hearEnd()
			})
		}
		k := dialTCP(t, address)
		k.say(will("devices/dev-1/messages/events/"))
		k.hear(okPresent)
		if d := h.devices.get("dev-1"); !d.view().connected {
			t.Error("after all that a device cannot connect")
		}
	})
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks())
		}
	}
}

func stacks() string {
	b := make([]byte, 1<<16)
	return string(b[:runtime.Stack(b, true)])
}

// Keep-alive: silence for one and a half times its length ends the connection.
func TestKeepAlive(t *testing.T) {
	h := newHub(t, Config{})
	k := dialTCP(t, listen(t, h))
	token := deviceToken(t, h, "dev-1", time.Hour)
	k.say(frame(0x10, text16("MQTT")+"\x04\xc0\x00\x01"+text16("dev-1")+text16("localhost/dev-1/?api-version=2021-04-12")+text16(token)))
	k.hear(ok)
	k.hearEnd()
	for given, want := range map[uint16]time.Duration{0: maxIdle, 2: 3 * time.Second, 1177: 1765500 * time.Millisecond, 65535: maxIdle} {
		if got := idleLimit(given); got != want {
			t.Errorf("keep-alive %d: %v, want %v", given, got, want)
		}
	}
}

// A device that does not read loses its connection; the hub and its callers never wait for it.
func TestSlowReader(t *testing.T) {
	h := newHub(t, Config{MaxUnsent: 64 << 10, WriteTimeout: 200 * time.Millisecond})
	ours, theirs := net.Pipe() // takes no byte that is not read
	ended := make(chan error, 1)
	go func() { ended <- h.Attach(context.Background(), ours) }()
	k := &talk{t, theirs}
	k.say(connectBytes("dev-1", "localhost/dev-1/?api-version=2021-04-12", deviceToken(t, h, "dev-1", time.Hour)))
	k.hear(ok)
	k.say(frame(0x82, "\x00\x01"+text16("$iothub/methods/POST/#")+"\x00"))
	k.hear("\x90\x03\x00\x01\x00")
	c := calling("big")
	c.Payload = strings.Repeat("x", 60<<10)
	for range 2 {
		if _, err := h.Client().Invoke(t.Context(), c); err == nil {
			t.Error("a call to a device that does not read was answered")
		}
	}
	if err := within(t, "Attach to end", ended); err == nil || !strings.Contains(err.Error(), "did not read") {
		t.Errorf("the connection ended with %v", err)
	}
}
