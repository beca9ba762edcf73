package simulator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// virtually runs a test in virtual time, with a hub on it.
func virtually(t *testing.T, f func(ctx context.Context, l *clock.Loop, h *Hub)) {
	t.Helper()
	virtuallyOn(t, Config{}, f)
}

func virtuallyOn(t *testing.T, c Config, f func(ctx context.Context, l *clock.Loop, h *Hub)) {
	t.Helper()
	l := clock.NewLoop(day1)
	c.Clock = l
	h := newHub(t, c)
	if err := l.Run(t.Context(), func(ctx context.Context) { f(ctx, l, h) }); err != nil {
		t.Error(err)
	}
}

// A scripted device answers after a delay in virtual time.
type scripted struct {
	loop   *clock.Loop
	delay  func(wire.MethodRequest) time.Duration // negative: never
	told   []string
	closed []error
}

func (s *scripted) Receive(c wire.Conn, m wire.Message) {
	switch m := m.(type) {
	case wire.MethodRequest:
		if d := s.delay(m); d >= 0 {
			s.loop.After(d, func() { c.Send(wire.MethodResponse{RID: m.RID, Status: 200, Body: m.Body}) })
		}
	case wire.DesiredPatch:
		s.told = append(s.told, string(m.Body))
		c.Send(wire.ReportedPatch{RID: "1", Body: fmt.Appendf(nil, `{"seen":%d}`, m.Version)}) // from within a callback
	case wire.TwinResponse:
		s.told = append(s.told, fmt.Sprint(m.Status, " ", m.Version))
	}
}

func (s *scripted) Closed(_ wire.Conn, reason error) { s.closed = append(s.closed, reason) }

func (s *scripted) attach(t *testing.T, ctx context.Context, h *Hub, id string, feeds wire.Feeds) wire.Conn {
	t.Helper()
	c, err := h.AttachDevice(ctx, wire.Options{Identity: wire.Identity{Device: id}}, s)
	if err != nil {
		t.Fatal(err)
	}
	c.Send(wire.Subscribe{Feeds: feeds})
	return c
}

// The two time-outs of a call take exactly as long as they say.
func TestTimeouts(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		never := &scripted{loop: l, delay: func(wire.MethodRequest) time.Duration { return -1 }}
		c := calling("a")
		took := func(want time.Duration, kind hub.Kind) {
			t.Helper()
			start := l.Now()
			_, err := h.Client().Invoke(ctx, c)
			if got := l.Now().Sub(start); got != want || hub.KindOf(err) != kind {
				t.Errorf("took %v, %v; want %v, %s", got, err, want, kind)
			}
		}
		c.Connect = 0
		took(0, hub.Offline)
		c.Connect = 90 * time.Second
		took(90*time.Second, hub.Offline)

		l.After(time.Minute, func() { never.attach(t, ctx, h, "dev-1", wire.MethodFeed) })
		c.Response = 45 * time.Second
		took(105*time.Second, hub.Timeout) // the time for the answer counts from delivery
		took(45*time.Second, hub.Timeout)
		c.Response = 0 // Azure's default
		took(30*time.Second, hub.Timeout)

		short, cancel := l.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := h.Client().Invoke(short, c)
		if hub.KindOf(err) != hub.Timeout || !strings.Contains(err.Error(), "caller's time") {
			t.Errorf("a caller's own time-out: %v", err)
		}
	})
}

// A device that comes, goes and comes again while somebody waits for it to take methods.
func TestWaitThroughReconnect(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		at := func(seconds int, f func()) { l.After(time.Duration(seconds)*time.Second, f) }
		quick := &scripted{loop: l, delay: func(wire.MethodRequest) time.Duration { return 2 * time.Second }}
		var conn wire.Conn
		at(10, func() { conn = quick.attach(t, ctx, h, "dev-1", wire.DesiredFeed) }) // no methods yet
		at(20, func() { conn.Close() })
		at(30, func() { conn = quick.attach(t, ctx, h, "dev-1", wire.MethodFeed) })
		c := calling("a")
		c.Connect = time.Minute
		start := l.Now()
		_, err := h.Client().Invoke(ctx, c)
		if got := l.Now().Sub(start); err != nil || got != 32*time.Second {
			t.Errorf("answered after %v, %v; want 32s", got, err)
		}

		at(1, func() { conn.Close() })
		if _, err := h.Client().Invoke(ctx, c); hub.KindOf(err) != hub.Interrupted || l.Now().Sub(start) != 33*time.Second {
			t.Errorf("connection lost: %v after %v", err, l.Now().Sub(start))
		}
		if fmt.Sprint(quick.closed) != "[<nil> <nil>]" {
			t.Errorf("closed %v", quick.closed)
		}
	})
}

// A device that reports from within the callback of a notice hears of both in order.
func TestReportInCallback(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		s := &scripted{loop: l}
		s.attach(t, ctx, h, "dev-1", wire.DesiredFeed)
		var seen []string
		h.Client().OnTwin(hub.Target{Device: "dev-1"}, func(tw hub.Twin, _ error) {
			seen = append(seen, fmt.Sprint(tw.DesiredVersion, tw.Reported["seen"]))
		})
		for i := range 2 {
			if _, err := h.Client().UpdateTwin(ctx, hub.Target{Device: "dev-1"}, hub.Patch{Desired: map[string]any{"i": i}}); err != nil {
				t.Error(err)
			}
		}
		want := []string{`{"$version":2,"i":0}`, "204 2", `{"$version":3,"i":1}`, "204 3"}
		if !slices.Equal(s.told, want) {
			t.Errorf("told %q, want %q", s.told, want)
		}
		if want := []string{"2 <nil>", "2 2", "3 2", "3 3"}; !slices.Equal(seen, want) {
			t.Errorf("watched %q, want %q", seen, want)
		}
	})
}

// The same fleet takes the same course each time.
func TestRepeats(t *testing.T) {
	course := func() (log []string) {
		virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
			for i := range 50 {
				id := fmt.Sprintf("f-%d", i)
				if err := h.AddDevice(Device{ID: id}); err != nil {
					t.Fatal(err)
				}
				s := &scripted{loop: l, delay: func(m wire.MethodRequest) time.Duration { return time.Duration(i%7) * time.Second }}
				conn := s.attach(t, ctx, h, id, wire.MethodFeed)
				if i%5 == 0 {
					l.After(3*time.Second, func() { conn.Close() })
				}
				for n := range 3 {
					l.Go(ctx, id, func(ctx context.Context) {
						c := hub.Call{Target: hub.Target{Device: id}, Method: "m", Response: 5 * time.Second, Connect: time.Second}
						reply, err := h.Client().Invoke(ctx, c)
						log = append(log, fmt.Sprint(l.Now(), id, n, reply.Status, err))
					})
				}
			}
		})
		return log
	}
	first := course()
	if len(first) != 150 {
		t.Errorf("%d calls ended, want 150", len(first))
	}
	for range 3 {
		if again := course(); !slices.Equal(again, first) {
			t.Fatal("the same fleet took another course")
		}
	}
}
