package device_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/device"
	"github.com/twinbook/twinbook/simulator/wire"
)

// A strangeHub says what no hub should. It counts who connects.
type strangeHub struct {
	twin     string // the answer to a twin request; empty: none
	refuse   error
	dialled  int
	receiver wire.Receiver
	closed   bool
	answers  []wire.MethodResponse
}

func (h *strangeHub) dial(_ context.Context, _ wire.Options, r wire.Receiver) (wire.Conn, error) {
	h.dialled++
	if h.refuse != nil {
		return nil, h.refuse
	}
	h.receiver, h.closed = r, false
	// before dialling has returned
	r.Receive(h, wire.TwinResponse{RID: "1", Status: 200, Body: []byte(`{}`)})
	r.Receive(h, wire.MethodRequest{RID: "early", Method: "nothing", Body: []byte(`null`)})
	return h, nil
}

func (h *strangeHub) SessionPresent() bool { return false }

func (h *strangeHub) Close() error {
	if !h.closed {
		h.closed = true
		h.receiver.Closed(h, nil)
	}
	return nil
}

func (h *strangeHub) Send(m wire.Message) error {
	switch m := m.(type) {
	case wire.TwinGet:
		if h.twin != "" {
			h.receiver.Receive(h, wire.TwinResponse{RID: m.RID, Status: 200, Body: []byte(h.twin)})
			h.receiver.Receive(h, wire.TwinResponse{RID: m.RID, Status: 500})
		}
	case wire.ReportedPatch:
		h.receiver.Receive(h, wire.TwinResponse{RID: m.RID, Status: 204})
	case wire.MethodResponse:
		h.answers = append(h.answers, m)
	}
	return nil
}

// strange runs a device on a strange hub in virtual time.
func strange(t *testing.T, h *strangeHub, f func(ctx context.Context, l *clock.Loop, r *device.Running)) {
	t.Helper()
	l := clock.NewLoop(day1)
	err := l.Run(t.Context(), func(ctx context.Context) {
		r, err := device.Start(ctx, load(t, behaviours), device.Options{Clock: l, Dial: h.dial})
		if err != nil {
			t.Fatal(err)
		}
		f(ctx, l, r)
	})
	if err != nil {
		t.Error(err)
	}
}

func ready(ctx context.Context, l *clock.Loop, r *device.Running, within time.Duration) error {
	ctx, cancel := l.WithTimeout(ctx, within)
	defer cancel()
	return r.Ready(ctx)
}

func TestNoConnection(t *testing.T) {
	h := &strangeHub{refuse: errors.New("not authorised")}
	strange(t, h, func(ctx context.Context, l *clock.Loop, r *device.Running) {
		err := ready(ctx, l, r, time.Hour)
		want := "1 of 1 devices are not connected: device d cannot connect: not authorised"
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		if h.dialled < 60 || h.dialled > 140 {
			t.Errorf("dialled %d times in an hour", h.dialled)
		}
	})
}

func TestUnreadableTwins(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 600) + "1" + strings.Repeat("}", 600)
	for _, twin := range []string{"", "[]", "{", deep, `{"desired":` + strings.Repeat(" ", 300<<10) + `{}}`} {
		h := &strangeHub{twin: twin}
		strange(t, h, func(ctx context.Context, l *clock.Loop, r *device.Running) {
			if err := ready(ctx, l, r, time.Hour); err == nil || h.dialled < 2 {
				t.Errorf("twin %.20q: %v after %d trials", twin, err, h.dialled)
			}
		})
	}
}

func TestOddTwins(t *testing.T) {
	for _, twin := range []string{`{}`, `{"desired":null,"reported":[1]}`, `{"desired":{"$version":"x"},"reported":{"$version":1e300}}`} {
		h := &strangeHub{twin: twin}
		strange(t, h, func(ctx context.Context, l *clock.Loop, r *device.Running) {
			if err := ready(ctx, l, r, time.Hour); err != nil {
				t.Errorf("twin %s: %v", twin, err)
			}
		})
	}
}

func TestStrangeMessages(t *testing.T) {
	h := &strangeHub{twin: `{"desired":{"$version":3},"reported":{}}`}
	strange(t, h, func(ctx context.Context, l *clock.Loop, r *device.Running) {
		if err := ready(ctx, l, r, time.Hour); err != nil {
			t.Fatal(err)
		}
		for i, body := range []string{"", "{", `"text"`, `{"interval":1}`, strings.Repeat(`{"a":`, 600) + "1" + strings.Repeat("}", 600)} {
			h.receiver.Receive(h, wire.DesiredPatch{Version: int64(10 - i), Body: []byte(body)})
			h.receiver.Receive(h, wire.MethodRequest{RID: fmt.Sprint("body ", i), Method: "nothing", Body: []byte(body)})
		}
		h.receiver.Receive(h, wire.TwinResponse{RID: "77", Status: 204})
		h.receiver.Receive(h, wire.Telemetry{})
		if err := clock.Sleep(ctx, l, time.Minute); err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, a := range h.answers {
			got[a.RID] = a.Status
		}
		want := map[string]int{"early": 200, "body 0": 400, "body 1": 400, "body 2": 200, "body 3": 200, "body 4": 400}
		for rid, status := range want {
			if got[rid] != status {
				t.Errorf("answers %v, want %v", got, want)
			}
		}
	})
}

// A thousand calls are served at the same time, more are refused at once.
func TestFlood(t *testing.T) {
	h := &strangeHub{twin: `{}`}
	strange(t, h, func(ctx context.Context, l *clock.Loop, r *device.Running) {
		if err := ready(ctx, l, r, time.Hour); err != nil {
			t.Fatal(err)
		}
		h.answers = nil
		for i := range 1500 {
			h.receiver.Receive(h, wire.MethodRequest{RID: fmt.Sprint(i), Method: "slow", Body: []byte(`{"time":"60s","name":1}`)})
		}
		if n := len(h.answers); n != 500 || h.answers[0].Status != 503 {
			t.Errorf("%d answers at once", n)
		}
		if err := clock.Sleep(ctx, l, 2*time.Minute); err != nil {
			t.Fatal(err)
		}
		if n := len(h.answers); n != 1500 {
			t.Errorf("%d answers in the end", n)
		}
	})
}

// The same seed gives the same course, another one another.
func TestChanceRepeats(t *testing.T) {
	const file = `
version: 1
simulator: s
devices: [ { id: "d-${{ index }}", count: 20, profile: p } ]
transport: attached
profiles:
  p:
    methods:
      m:
        - respond: { payload: "${{ 20 + 5 * noise() }}" }
`
	course := func(seed string) string {
		var b strings.Builder
		l := clock.NewLoop(day1)
		w := newWorld(t, l, file)
		err := l.Run(t.Context(), func(ctx context.Context) {
			w.ctx = ctx
			var err error
			w.Running, err = device.Start(ctx, w.fleet, device.Options{Clock: l, Dial: w.hub.AttachDevice, Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Ready(ctx); err != nil {
				t.Fatal(err)
			}
			for _, id := range w.Devices() {
				value, _ := w.answer(id, "m", nil).Payload.(float64)
				if value < 15 || value > 25 {
					t.Errorf("%s: %v", id, value)
				}
				fmt.Fprintln(&b, id, value)
			}
		})
		if err != nil {
			t.Error(err)
		}
		return b.String()
	}
	first := course("a")
	if again := course("a"); again != first {
		t.Errorf("one seed, two courses:\n%s\n%s", first, again)
	}
	if other := course("b"); other == first {
		t.Errorf("two seeds, one course:\n%s", first)
	}
}
