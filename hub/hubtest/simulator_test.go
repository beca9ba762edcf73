package hubtest_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/hub/azure"
	"github.com/twinbook/twinbook/hub/hubtest"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator"
	"github.com/twinbook/twinbook/simulator/wire"
)

// speed is that of the machine's clock in these tests: Azure's shortest timeout, 5s, takes 100ms.
const speed = 50

func TestSimulatorInProcess(t *testing.T) {
	hubtest.Exercise(t, func(t *testing.T) hubtest.Fixture {
		c := clock.RealSpeed(speed)
		s := newSimulator(t, c)
		return fixture(s, s.Client(), c, inRealTime)
	})
}

func TestSimulatorInVirtualTime(t *testing.T) {
	hubtest.Exercise(t, func(t *testing.T) hubtest.Fixture {
		loop := clock.NewLoop(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
		s := newSimulator(t, loop)
		return fixture(s, s.Client(), loop, func(t *testing.T, f func(ctx context.Context)) {
			if err := loop.Run(t.Context(), f); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestAzureAgainstTheSimulatorsREST(t *testing.T) {
	hubtest.Exercise(t, func(t *testing.T) hubtest.Fixture {
		c := clock.RealSpeed(speed)
		s := newSimulator(t, c)
		return fixture(s, openAzure(t, s, c), c, inRealTime)
	})
}

func newSimulator(t *testing.T, c clock.Clock) *simulator.Hub {
	t.Helper()
	s, err := simulator.New(simulator.Config{Clock: c, Seed: "exam"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openAzure(t *testing.T, s *simulator.Hub, c clock.Clock) *azure.Client {
	t.Helper()
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	entry, err := s.ConnectionString("service")
	if err != nil {
		t.Fatal(err)
	}
	entry.Host = server.Listener.Addr().String()
	client, err := azure.Open(entry.String(), azure.Options{Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func inRealTime(t *testing.T, f func(ctx context.Context)) { f(t.Context()) }

func fixture(s *simulator.Hub, h hub.Hub, c clock.Clock, run func(*testing.T, func(context.Context))) hubtest.Fixture {
	return hubtest.Fixture{
		Hub: h, Clock: c, Run: run,
		Add: func(t *testing.T, id string, tags map[string]any) hubtest.Device {
			t.Helper()
			if err := s.AddDevice(simulator.Device{ID: id, Tags: tags}); err != nil {
				t.Fatal(err)
			}
			d := &device{t: t, hub: s, id: id}
			d.Online()
			return d
		},
	}
}

// A device is attached to the simulator and does what the exam says.
type device struct {
	t   *testing.T
	hub *simulator.Hub
	id  string

	mu     sync.Mutex // guards what is below
	handle func(method string, payload json.RawMessage) hubtest.Answer
	listen func(hubtest.Letter)
	conn   wire.Conn
}

func (d *device) Handle(f func(string, json.RawMessage) hubtest.Answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handle = f
}

func (d *device) connection() wire.Conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.conn
}

func (d *device) Online() {
	conn, err := d.hub.AttachDevice(context.Background(), wire.Options{Identity: wire.Identity{Device: d.id}}, d)
	if err != nil {
		d.t.Errorf("attach: %v", err)
		return
	}
	d.mu.Lock()
	d.conn = conn
	feeds := wire.MethodFeed | wire.TwinResponseFeed
	if d.listen != nil {
		feeds |= wire.DeviceboundFeed
	}
	d.mu.Unlock()
	d.send(conn, wire.Subscribe{Feeds: feeds})
}

func (d *device) Listen(f func(hubtest.Letter)) {
	d.mu.Lock()
	d.listen = f
	conn := d.conn
	d.mu.Unlock()
	d.send(conn, wire.Subscribe{Feeds: wire.DeviceboundFeed})
}

func (d *device) Emit(body string, properties map[string]string) {
	m := wire.Telemetry{Body: []byte(body)}
	for name, text := range properties {
		m.Properties = append(m.Properties, wire.Property{Key: name, Value: text})
	}
	d.send(d.connection(), m)
}

// letter is a message with the hub's properties taken out.
func letter(m wire.Devicebound) hubtest.Letter {
	l := hubtest.Letter{Body: string(m.Body)}
	for _, p := range m.Properties {
		switch {
		case p.Key == "$.mid":
			l.ID = p.Value
		case strings.HasPrefix(p.Key, "$."):
		case l.Properties == nil:
			l.Properties = map[string]string{p.Key: p.Value}
		default:
			l.Properties[p.Key] = p.Value
		}
	}
	return l
}

func (d *device) Offline() { d.connection().Close() }

func (d *device) Report(patch string) {
	d.send(d.connection(), wire.ReportedPatch{RID: "1", Body: []byte(patch)})
}

func (d *device) send(c wire.Conn, m wire.Message) {
	if err := c.Send(m); err != nil {
		d.t.Errorf("%s sends %T: %v", d.id, m, err)
	}
}

// Receive takes a message from the hub.
func (d *device) Receive(c wire.Conn, m wire.Message) {
	switch m := m.(type) {
	case wire.TwinResponse:
		if m.Status != 204 {
			d.t.Errorf("%s: a report was answered %d: %s", d.id, m.Status, m.Body)
		}
	case wire.Devicebound:
		d.mu.Lock()
		listen := d.listen
		d.mu.Unlock()
		listen(letter(m))
	case wire.MethodRequest:
		d.mu.Lock()
		handle := d.handle
		d.mu.Unlock()
		if a := handle(m.Method, m.Body); !a.Silent {
			d.send(c, wire.MethodResponse{RID: m.RID, Status: a.Status, Body: []byte(a.Body)})
		}
	}
}

// Closed is called when the connection has ended.
func (d *device) Closed(wire.Conn, error) {}
