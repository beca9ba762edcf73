package simulator

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// bodies reads what is there, and says what was lost and where to go on.
func (h *Hub) bodies(t *testing.T, q reading) (text string, lost uint64, end cursor) {
	t.Helper()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	page, _ := h.readTelemetry(ended, q)
	var parts []string
	for _, r := range page.records {
		parts = append(parts, string(r.body))
	}
	return strings.Join(parts, " "), page.lost, page.end
}

// telemetryOf gives a hub, and a function that sends the next of two devices' messages: a1 b2 a3 b4.
func telemetryOf(t *testing.T, c Config) (h *Hub, send func(n int)) {
	h = newHub(t, c)
	var devices []wire.Conn
	for _, id := range []string{"dev-1", "dev-2"} {
		conn, err := h.AttachDevice(t.Context(), wire.Options{Identity: wire.Identity{Device: id}}, echo{})
		if err != nil {
			t.Fatal(err)
		}
		devices = append(devices, conn)
	}
	sent := 0
	return h, func(n int) {
		for range n {
			if err := devices[sent%2].Send(wire.Telemetry{Body: fmt.Appendf(nil, "%c%d", 'a'+sent%2, sent+1)}); err != nil {
				t.Fatal(err)
			}
			sent++
		}
	}
}

// The ring keeps the latest messages; a reader learns how many it has missed.
func TestTelemetryRing(t *testing.T) {
	h, send := telemetryOf(t, Config{MaxTelemetry: 6})
	a, b := h.devices.get("dev-1"), h.devices.get("dev-2")
	want := func(q reading, text string, lost uint64) cursor {
		t.Helper()
		got, gone, end := h.bodies(t, q)
		if got != text || gone != lost {
			t.Errorf("%+v: %q, %d lost; want %q, %d", q, got, gone, text, lost)
		}
		return end
	}
	want(reading{}, "", 0)
	send(5)
	want(reading{}, "a1 b2 a3 b4 a5", 0)
	fromB := want(reading{device: b}, "b2 b4", 0)
	fromA := want(reading{device: a}, "a1 a3 a5", 0)
	want(reading{device: a, from: fromA}, "", 0)
	send(3)
	want(reading{}, "a3 b4 a5 b6 a7 b8", 2)
	want(reading{device: a, from: fromA}, "a7", 0)
	want(reading{device: a}, "a3 a5 a7", 1)
	want(reading{from: fromA}, "b6 a7 b8", 0)
	send(6)
	want(reading{device: b, from: fromB}, "b10 b12 b14", 2) // b6 and b8
	want(reading{device: a, from: fromA}, "a9 a11 a13", 1)  // a7
	want(reading{from: fromA}, "a9 b10 a11 b12 a13 b14", 3)
	if n := len(h.telemetry.slots); n > 6 {
		t.Errorf("%d slots for 6 messages", n)
	}
}

// Large messages push out more than one.
func TestTelemetryRingBytes(t *testing.T) {
	h, send := telemetryOf(t, Config{MaxTelemetryBytes: 1000})
	send(3)
	c, err := h.AttachDevice(t.Context(), wire.Options{Identity: wire.Identity{Device: "dev-1"}}, echo{})
	if err != nil {
		t.Fatal(err)
	}
	c.Send(wire.Telemetry{Body: []byte(strings.Repeat("x", 500))})
	if got, lost, _ := h.bodies(t, reading{}); len(got) != 500 || lost != 3 {
		t.Errorf("%.10q and %d lost", got, lost)
	}
	c.Send(wire.Telemetry{Body: []byte(strings.Repeat("y", 2000))}) // more than fits: it is kept, alone
	if got, lost, _ := h.bodies(t, reading{}); len(got) != 2000 || lost != 4 {
		t.Errorf("%.10q and %d lost", got, lost)
	}
}

// A page ends; the cursor goes on where it did. One from before a restart is told from rubbish.
func TestTelemetryPages(t *testing.T) {
	h, send := telemetryOf(t, Config{})
	send(2*maxMessages + 10)
	for _, d := range []*device{nil, h.devices.get("dev-2")} {
		total, pages, after := 0, 0, ""
		for total < 2*maxMessages+10 && (d == nil || total < maxMessages+5) {
			q, err := h.newReading(d, time.Time{}, after)
			if err != nil {
				t.Fatal(err)
			}
			page, err := h.readTelemetry(t.Context(), q)
			if err != nil || page.lost != 0 {
				t.Fatalf("page %d: %v, %d lost", pages, err, page.lost)
			}
			total, pages, after = total+len(page.records), pages+1, page.next
		}
		if d == nil && pages != 3 || d != nil && pages != 2 {
			t.Errorf("%d messages in %d pages", total, pages)
		}
	}
	if _, err := h.newReading(nil, time.Time{}, "1.ffffffffffffffff.0"); err == nil || asFault(err).name != "CursorOfAnotherHub" {
		t.Error(err)
	}
	good := h.telemetry.formatCursor(cursor{number: 3})
	for _, rubbish := range []string{"x", "1.2", good + "x", good + " ", "0" + good, good + ".1"} {
		if _, err := h.newReading(nil, time.Time{}, rubbish); err == nil || asFault(err).name != "ArgumentInvalid" {
			t.Errorf("%s: %v", rubbish, err)
		}
	}
	q := reading{from: cursor{number: 1<<64 - 1}} // nobody has given such a cursor
	h.bodies(t, q)
}

// A reader waits in virtual time, and hears of its own device only.
func TestTelemetryWait(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		for i, id := range []string{"dev-2", "dev-1"} {
			c := (&scripted{loop: l}).attach(t, ctx, h, id, wire.TwinResponseFeed)
			l.After(time.Duration(i+1)*time.Minute, func() { c.Send(wire.Telemetry{Body: []byte(id)}) })
		}
		start := l.Now()
		page, err := h.Client().Telemetry(ctx, hub.TelemetryQuery{Target: dev1, Since: start})
		if err != nil || len(page.Messages) != 1 || !page.Messages[0].Time.Equal(start.Add(2*time.Minute)) || l.Now().Sub(start) != 2*time.Minute {
			t.Errorf("%+v, %v after %v", page, err, l.Now().Sub(start))
		}
		if page, err := h.Client().Telemetry(ctx, hub.TelemetryQuery{Target: dev1, Since: start.Add(2 * time.Minute)}); err != nil || len(page.Messages) != 1 {
			t.Errorf("since its own time: %+v, %v", page, err)
		}
	})
}

// An expired message is gone at its very time, and none waits longer than two days.
func TestMessageExpiry(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		for _, expiry := range []time.Duration{0, time.Minute, 100 * time.Hour} {
			if _, err := h.Client().Send(ctx, hub.Message{Target: dev1, Expiry: expiry}); err != nil {
				t.Error(err)
			}
		}
		start := l.Now()
		for _, x := range []struct {
			at   time.Duration
			want int
		}{{0, 3}, {time.Minute - 1, 3}, {time.Minute, 2}, {48*time.Hour - 1, 2}, {48 * time.Hour, 0}} {
			clock.Sleep(ctx, l, start.Add(x.at).Sub(l.Now()))
			if got := h.devices.get("dev-1").view().messages; got != x.want {
				t.Errorf("after %v %d messages wait, want %d", x.at, got, x.want)
			}
		}
	})
}
