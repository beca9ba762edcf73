package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

const devicebound = "devices/dev-1/messages/devicebound/"

func subscribeBytes(filter string, qos byte) string {
	return frame(0x82, "\x00\x01"+text16(filter)+string(qos))
}

// mailBytes is the publish of a message that send has sent.
func mailBytes(first byte, id string, packet int) string {
	topic := text16(devicebound + "%24.mid=" + id + "&%24.to=%2Fdevices%2Fdev-1%2Fmessages%2FdeviceBound")
	if first&6 == 0 {
		return frame(first, topic+"body of "+id)
	}
	return frame(first, topic+string([]byte{byte(packet >> 8), byte(packet)})+"body of "+id)
}

func (h *Hub) sendTest(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if _, err := h.Client().Send(t.Context(), hub.Message{Target: dev1, ID: id, Body: []byte("body of " + id)}); err != nil {
			t.Fatal(err)
		}
	}
}

func (k *talk) ping() {
	k.Helper()
	k.say("\xc0\x00")
	k.hear("\xd0\x00")
}

func (h *Hub) wantMail(t *testing.T, want int) {
	t.Helper()
	if got := h.devices.get("dev-1").view().messages; got != want {
		t.Errorf("%d messages wait, want %d", got, want)
	}
}

// At QoS 1 a message comes until it is acknowledged: again and as a duplicate over each new connection of the same
// session, under the same packet id.
func TestMailAgain(t *testing.T) {
	h := newHub(t, Config{})
	address := listen(t, h)
	k := enter(t, h, address, ok)
	h.sendTest(t, "a", "b", "c")
	k.say(subscribeBytes(devicebound+"#", 2))
	k.hear("\x90\x03\x00\x01\x01" + mailBytes(0x32, "a", 1) + mailBytes(0x32, "b", 2) + mailBytes(0x32, "c", 3))
	k.say("\x40\x02\x00\x02" + "\x40\x02\x00\x02" + "\x40\x02\xff\xff" + "\x40\x02\x00\x00")
	k.ping()
	h.wantMail(t, 2)
	k.conn.Close()

	k = enter(t, h, address, okPresent)
	k.hear(mailBytes(0x3a, "a", 1) + mailBytes(0x3a, "c", 3))
	h.sendTest(t, "d")
	k.hear(mailBytes(0x32, "d", 4))
	k.say(frame(0xa2, "\x00\x03"+text16(devicebound+"#")))
	k.hear("\xb0\x02\x00\x03")
	h.sendTest(t, "e")
	k.say(subscribeBytes(devicebound+"#", 1)) // what is under way does not come twice over one connection
	k.hear("\x90\x03\x00\x01\x01" + mailBytes(0x32, "e", 5))

	taker := enter(t, h, address, okPresent)
	k.hearEnd()
	taker.hear(mailBytes(0x3a, "a", 1) + mailBytes(0x3a, "c", 3) + mailBytes(0x3a, "d", 4) + mailBytes(0x3a, "e", 5))
	taker.say("\x40\x02\x00\x01\x40\x02\x00\x03\x40\x02\x00\x04\x40\x02\x00\x05")
	taker.ping()
	h.wantMail(t, 0)
}

// A session that is not kept forgets packet ids, not messages.
func TestMailInNewSession(t *testing.T) {
	h := newHub(t, Config{})
	address := listen(t, h)
	k := enter(t, h, address, ok)
	h.sendTest(t, "a", "b")
	k.say(subscribeBytes(devicebound+"#", 1))
	k.hear("\x90\x03\x00\x01\x01" + mailBytes(0x32, "a", 1) + mailBytes(0x32, "b", 2))
	k.say("\x40\x02\x00\x01")
	k.ping()

	k = dialTCP(t, address)
	token := deviceToken(t, h, "dev-1", time.Hour)
	k.say(frame(0x10, text16("MQTT")+"\x04\xc2\x00\xb4"+text16("dev-1")+text16("localhost/dev-1")+text16(token)))
	k.hear(ok)
	k.ping() // nothing comes before it subscribes
	k.say(subscribeBytes(devicebound+"#", 1))
	k.hear("\x90\x03\x00\x01\x01" + mailBytes(0x32, "b", 3))
}

// At QoS 0 a message is done with when it is on its way.
func TestMailAtQoS0(t *testing.T) {
	h := newHub(t, Config{})
	k := enter(t, h, listen(t, h), ok)
	k.say(subscribeBytes(devicebound+"#", 0))
	k.hear("\x90\x03\x00\x01\x00")
	h.sendTest(t, "a", "b")
	h.wantMail(t, 0)
	k.hear(mailBytes(0x30, "a", 0) + mailBytes(0x30, "b", 0))
}

// A device that acknowledges nothing gets so many messages and no more.
func TestMailWindow(t *testing.T) {
	h := newHub(t, Config{})
	k := enter(t, h, listen(t, h), ok)
	k.say(subscribeBytes(devicebound+"#", 1))
	k.hear("\x90\x03\x00\x01\x01")
	name := func(i int) string { return fmt.Sprintf("m%02d", i) }
	for i := range window + 3 {
		h.sendTest(t, name(i))
	}
	for i := range window {
		k.hear(mailBytes(0x32, name(i), i+1))
	}
	k.ping()
	k.say("\x40\x02\x00\x05\x40\x02\x00\x01")
	k.hear(mailBytes(0x32, name(window), window+1) + mailBytes(0x32, name(window+1), window+2))
	k.ping()
	if _, err := h.purge("dev-1"); err != nil {
		t.Error(err)
	}
	k.say("\x40\x02\x00\x02") // too late
	h.sendTest(t, "after")
	k.hear(mailBytes(0x32, "after", window+3))
}

// An id with # or + stands escaped in topics, whether the message or the device comes first. A filter that MQTT does
// not allow is refused.
func TestMailOfWildcardIDs(t *testing.T) {
	for id, escaped := range map[string]string{"a#b": "a%23b", "a+b": "a%2Bb"} {
		h := newHub(t, Config{})
		if err := h.AddDevice(Device{ID: id}); err != nil {
			t.Fatal(err)
		}
		send := func(message string) {
			if _, err := h.Client().Send(t.Context(), hub.Message{Target: hub.Target{Device: id}, ID: message}); err != nil {
				t.Fatal(err)
			}
		}
		send("early")
		k := dialTCP(t, listen(t, h))
		k.say(connectBytes(id, "localhost/"+id+"/?api-version=2021-04-12", deviceToken(t, h, id, time.Hour)))
		k.hear(ok)
		k.say(subscribeBytes("devices/"+id+"/messages/devicebound/#", 0))
		k.hear("\x90\x03\x00\x01\x80")
		k.say(subscribeBytes("devices/"+escaped+"/messages/devicebound/#", 0))
		k.hear("\x90\x03\x00\x01\x00")
		send("late")
		for _, message := range []string{"early", "late"} {
			k.hear(frame(0x30, text16("devices/"+escaped+"/messages/devicebound/%24.mid="+message+"&%24.to=%2Fdevices%2F"+escaped+"%2Fmessages%2FdeviceBound")))
		}
	}
}

// A full mailbox of the largest messages does not overrun the connection, with and without acknowledgements.
func TestMailLarge(t *testing.T) {
	for _, qos := range []byte{0, 1} {
		h := newHub(t, Config{MaxUnsent: 256 << 10})
		large := bytes.Repeat([]byte("x"), maxDeviceBody)
		for range maxQueued {
			if _, err := h.Client().Send(t.Context(), hub.Message{Target: dev1, ID: "m", Body: large}); err != nil {
				t.Fatal(err)
			}
		}
		k := enter(t, h, listen(t, h), ok)
		k.say(subscribeBytes(devicebound+"#", qos))
		k.hear("\x90\x03\x00\x01" + string(qos))
		topic := text16(devicebound + "%24.mid=m&%24.to=%2Fdevices%2Fdev-1%2Fmessages%2FdeviceBound")
		for i := range maxQueued {
			if qos == 0 {
				k.hear(frame(0x30, topic+string(large)))
				continue
			}
			k.hear(frame(0x32, topic+string([]byte{0, byte(i + 1)})+string(large)))
			k.say("\x40\x02\x00" + string(byte(i+1)))
		}
		k.ping()
		h.wantMail(t, 0)
	}
}

// A message that expires while it is under way does not come again.
func TestMailExpiresUnderWay(t *testing.T) {
	h := newHub(t, Config{Clock: fast()})
	address := listen(t, h)
	k := enter(t, h, address, ok)
	k.say(subscribeBytes(devicebound+"#", 1))
	k.hear("\x90\x03\x00\x01\x01")
	if _, err := h.Client().Send(t.Context(), hub.Message{Target: dev1, Expiry: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
	h.sendTest(t, "lasting")
	for end := time.Now().Add(patience); h.devices.get("dev-1").view().messages > 1; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not expire")
		}
	}
	k.conn.Close()
	k = enter(t, h, address, okPresent)
	k.hear(mailBytes(0x3a, "lasting", 2))
}

func TestPacketIDs(t *testing.T) {
	m := &mailbox{packet: 65533}
	for _, taken := range []uint16{65535, 1, 3} {
		m.letters = append(m.letters, &letter{packet: taken})
	}
	for _, want := range []uint16{65534, 2, 4} {
		if got := m.nextPacket(); got != want {
			t.Errorf("packet id %d, want %d", got, want)
		}
	}
}

// An attached device that leaves while it is told gets the rest the next time, and nothing twice.
func TestMailAttachedLeaves(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		for i := range 20 {
			if _, err := h.Client().Send(ctx, hub.Message{Target: dev1, Body: fmt.Append(nil, i)}); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for visits := 0; len(got) < 20 && visits < 20; visits++ {
			h.AttachDevice(ctx, wire.Options{Identity: wire.Identity{Device: "dev-1"}}, leaver{func(c wire.Conn, m wire.Message) {
				if got = append(got, string(m.(wire.Devicebound).Body)); len(got)%7 == 0 {
					c.Close()
				}
			}})
			if visits == 0 {
				c := h.devices.get("dev-1").session.link.(*attached)
				c.Send(wire.Subscribe{Feeds: wire.DeviceboundFeed})
			}
		}
		if fmt.Sprint(got) != "[0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]" {
			t.Errorf("got %v", got)
		}
	})
}

type leaver struct{ hear func(wire.Conn, wire.Message) }

func (l leaver) Receive(c wire.Conn, m wire.Message) { l.hear(c, m) }
func (leaver) Closed(wire.Conn, error)               {}

// A session comes back from its JSON as it was, with what was under way.
func TestSessionState(t *testing.T) {
	first := newHub(t, Config{})
	k := enter(t, first, listen(t, first), ok)
	k.say(frame(0x82, "\x00\x01"+text16("$iothub/methods/POST/#")+"\x00"+text16(devicebound+"#")+"\x01"))
	k.hear("\x90\x04\x00\x01\x00\x01")
	first.sendTest(t, "a", "b")
	k.hear(mailBytes(0x32, "a", 1) + mailBytes(0x32, "b", 2))
	k.say("\x40\x02\x00\x01")
	k.ping()
	d := first.devices.get("dev-1")
	d.mu.Lock()
	text, err := json.Marshal(d.exportSession())
	before := d.sessionVersion()
	d.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}

	second := newHub(t, Config{})
	var s sessionState
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	if err := second.devices.get("dev-1").restoreSession(second.clock, s); err != nil {
		t.Fatal(err)
	}
	k = enter(t, second, listen(t, second), okPresent)
	k.hear(mailBytes(0x3a, "b", 2))
	second.sendTest(t, "c")
	k.hear(mailBytes(0x32, "c", 3))

	first.sendTest(t, "more")
	if after := d.sessionVersion(); after == before || before == (sessionVersion{}) {
		t.Errorf("versions %+v and %+v", before, after)
	}
	var none sessionState
	if got := first.devices.get("dev-2").exportSession(); !got.isEmpty() || s.isEmpty() || !none.isEmpty() {
		t.Errorf("a device that was never there: %+v", got)
	}
	for _, bad := range []sessionState{{Filters: []string{"#"}}, {Messages: []keptMessage{{Properties: string(make([]byte, 70000))}}}} {
		if err := second.devices.get("dev-2").restoreSession(second.clock, bad); err == nil {
			t.Errorf("%.80v was restored", bad)
		}
	}
}
