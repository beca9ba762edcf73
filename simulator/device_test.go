package simulator

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// patience is how long a test waits for a fact.
const patience = 10 * time.Second

// newHub makes a hub with devices dev-1 and dev-2.
func newHub(t testing.TB, c Config) *Hub {
	t.Helper()
	if c.Seed == "" {
		c.Seed = "test"
	}
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"dev-1", "dev-2"} {
		if err := h.AddDevice(Device{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// listen serves MQTT until the test ends, and makes sure that serving ends then.
func listen(t testing.TB, h *Hub) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, h, l)
	return l.Addr().String()
}

func serveOn(t testing.TB, h *Hub, l net.Listener) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.ServeMQTT(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := within(t, "ServeMQTT to end", ended); err != nil {
			t.Errorf("ServeMQTT: %v", err)
		}
	})
}

func within[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
		panic("unreachable")
	}
}

// A fakeDevice writes down what it hears.
type fakeDevice struct {
	t        testing.TB
	conn     wire.Conn
	onMethod func(wire.Conn, wire.MethodRequest) // nil: methods are written down, too
	inbox    chan wire.Message
	closed   chan error
}

func (f *fakeDevice) Receive(c wire.Conn, m wire.Message) {
	if call, ok := m.(wire.MethodRequest); ok && f.onMethod != nil {
		f.onMethod(c, call)
		return
	}
	f.inbox <- m
}

func (f *fakeDevice) Closed(_ wire.Conn, reason error) { f.closed <- reason }

func newFake(t testing.TB) *fakeDevice {
	return &fakeDevice{t: t, inbox: make(chan wire.Message, 10000), closed: make(chan error, 2)}
}

// connect connects dev-1 and subscribes.
func connect(t testing.TB, dial wire.Dial, feeds wire.Feeds) *fakeDevice {
	t.Helper()
	f := newFake(t)
	f.dial(dial, wire.Options{Identity: wire.Identity{Device: "dev-1"}})
	f.subscribe(feeds)
	return f
}

func (f *fakeDevice) dial(dial wire.Dial, o wire.Options) {
	f.t.Helper()
	conn, err := dial(f.t.Context(), o, f)
	if err != nil {
		f.t.Fatalf("connect %s: %v", o.Device, err)
	}
	f.conn = conn
}

func (f *fakeDevice) subscribe(feeds wire.Feeds) {
	f.t.Helper()
	if feeds != 0 {
		f.send(wire.Subscribe{Feeds: feeds})
	}
}

func (f *fakeDevice) send(m wire.Message) {
	f.t.Helper()
	if err := f.conn.Send(m); err != nil {
		f.t.Fatalf("send %T: %v", m, err)
	}
}

// answering answers all methods with their payload.
func (f *fakeDevice) answering(status int) *fakeDevice {
	f.onMethod = func(c wire.Conn, m wire.MethodRequest) {
		c.Send(wire.MethodResponse{RID: m.RID, Status: status, Body: m.Body})
	}
	return f
}

func next[M wire.Message](f *fakeDevice) M {
	f.t.Helper()
	m := within(f.t, "a message to the device", f.inbox)
	want, ok := m.(M)
	if !ok {
		f.t.Fatalf("the device got %T %+v, want %T", m, m, want)
	}
	return want
}

// sockets opens connections over sockets of this machine.
func sockets(t testing.TB, h *Hub) func() (net.Conn, error) {
	address := listen(t, h)
	return func() (net.Conn, error) { return net.Dial("tcp", address) }
}

// pipes opens connections that stay in this process, until the test ends.
func pipes(t testing.TB, h *Hub) func() (net.Conn, error) {
	ctx, cancel := context.WithCancel(context.Background())
	var attached sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		attached.Wait()
	})
	return func() (net.Conn, error) {
		device, hub := net.Pipe()
		attached.Go(func() { h.Attach(ctx, hub) })
		return device, nil
	}
}

// dialMQTT connects with nothing between test and bytes but the codec.
func dialMQTT(h *Hub, open func() (net.Conn, error)) wire.Dial {
	return func(_ context.Context, o wire.Options, r wire.Receiver) (wire.Conn, error) {
		cs, err := h.DeviceConnectionString(o.Identity.String())
		if err != nil {
			return nil, err
		}
		token := wire.NewToken(cs.Resource(), "", cs.Key, h.clock.Now().Add(time.Hour))
		return dialToken(open, o, token, r)
	}
}

func dialToken(open func() (net.Conn, error), o wire.Options, token string, r wire.Receiver) (*mqttConn, error) {
	conn, err := open()
	if err != nil {
		return nil, err
	}
	m := &mqttConn{conn: conn, id: o.Identity, receiver: r, in: bufio.NewReader(conn), acks: make(chan packets.ControlPacket, 100), ended: make(chan struct{})}
	p := connectPacket(o, token)
	if err := p.Write(conn); err != nil {
		return nil, err
	}
	answer, err := packets.ReadPacket(m.in)
	if err != nil {
		conn.Close()
		return nil, err
	}
	ack := answer.(*packets.ConnackPacket)
	if ack.ReturnCode != 0 {
		conn.Close()
		return nil, fmt.Errorf("CONNACK %d", ack.ReturnCode)
	}
	m.present = ack.SessionPresent
	go m.listen()
	return m, nil
}

func connectPacket(o wire.Options, token string) *packets.ConnectPacket {
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.CleanSession, p.Keepalive = "MQTT", 4, o.CleanSession, 60
	p.ClientIdentifier, p.UsernameFlag, p.PasswordFlag = o.Identity.String(), true, true
	p.Username = wire.Username{Host: "localhost", ClientID: o.Identity.String(), APIVersion: "2021-04-12"}.String()
	p.Password = []byte(token)
	return p
}

type mqttConn struct {
	conn     net.Conn
	id       wire.Identity
	receiver wire.Receiver
	in       *bufio.Reader
	present  bool
	acks     chan packets.ControlPacket
	ended    chan struct{}

	mu     sync.Mutex // one packet at a time
	wished bool
}

func (m *mqttConn) listen() {
	defer close(m.ended)
	for {
		p, err := packets.ReadPacket(m.in)
		if err != nil {
			m.conn.Close()
			m.mu.Lock()
			if m.wished {
				err = nil
			}
			m.mu.Unlock()
			m.receiver.Closed(m, err)
			return
		}
		publish, ok := p.(*packets.PublishPacket)
		if !ok {
			m.acks <- p
			continue
		}
		message, err := wire.ParseFromHub(m.id, publish.TopicName, publish.Payload)
		if err != nil {
			panic(err)
		}
		m.receiver.Receive(m, message)
		if publish.Qos == 1 {
			ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
			ack.MessageID = publish.MessageID
			m.write(ack)
		}
	}
}

func (m *mqttConn) SessionPresent() bool { return m.present }

func (m *mqttConn) Send(message wire.Message) error {
	switch s := message.(type) {
	case wire.Subscribe:
		p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
		p.MessageID, p.Topics = 1, wire.Filters(m.id, s.Feeds)
		p.Qoss = bytes.Repeat([]byte{1}, len(p.Topics))
		return m.await(p)
	case wire.Unsubscribe:
		p := packets.NewControlPacket(packets.Unsubscribe).(*packets.UnsubscribePacket)
		p.MessageID, p.Topics = 1, wire.Filters(m.id, s.Feeds)
		return m.await(p)
	}
	topic, body, err := wire.Topic(m.id, message)
	if err != nil {
		return err
	}
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload = topic, body
	return m.write(p)
}

func (m *mqttConn) await(p packets.ControlPacket) error {
	if err := m.write(p); err != nil {
		return err
	}
	select {
	case <-m.acks:
		return nil
	case <-m.ended:
		return wire.ErrClosed
	case <-time.After(patience):
		return errors.New("no acknowledgement")
	}
}

func (m *mqttConn) write(p packets.ControlPacket) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.Write(m.conn) != nil {
		return wire.ErrClosed
	}
	return nil
}

func (m *mqttConn) Close() error {
	m.mu.Lock()
	m.wished = true
	m.mu.Unlock()
	return m.write(packets.NewControlPacket(packets.Disconnect))
}

// fast is the machine's clock at fifty times its speed, so that time-outs can be awaited.
func fast() clock.Clock { return clock.RealSpeed(50) }
