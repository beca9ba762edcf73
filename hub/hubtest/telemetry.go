package hubtest

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/twinbook/twinbook/hub"
)

var telemetry = []question{
	{"WhatWasSentIsThere", sentIsThere},
	{"AReaderWaits", aReaderWaits},
	{"APageGoesOnBehindTheOneBefore", pagesGoOn},
	{"SinceLeavesOutWhatIsOlder", sinceLeavesOut},
	{"AMessageCameSinceTheMomentBeforeIt", noneIsTooOld},
	{"ATimeSaysWhereToGoOn", timesGoOn},
	{"ADeviceHasItsOwnMessages", ownMessages},
	{"ManyWait", manyListen},
	{"UnknownDeviceIsNotFound", func(ctx context.Context, x *exam) {
		_, err := x.messages().Telemetry(ctx, hub.TelemetryQuery{Target: hub.Target{Device: "nobody"}})
		x.failsWith(err, "nobody", hub.NotFound, false)
	}},
	{"TimeIsUp", func(ctx context.Context, x *exam) {
		m := x.messages()
		x.device()
		ctx, cancel := x.Clock.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := m.Telemetry(ctx, hub.TelemetryQuery{Target: dev})
		x.failsWith(err, dev.Device, hub.Timeout, false)
	}},
	{"AWaitCanBeGivenUp", func(ctx context.Context, x *exam) {
		m := x.messages()
		x.device()
		ctx, cancel := x.Clock.WithCancel(ctx)
		x.Clock.After(time.Second, cancel)
		_, err := m.Telemetry(ctx, hub.TelemetryQuery{Target: dev})
		x.failsWith(err, dev.Device, hub.Interrupted, false)
	}},
}

// messages is the hub as one that has messages; the question does not arise for others.
func (x *exam) messages() hub.Messages {
	m, ok := x.Hub.(hub.Messages)
	if !ok {
		x.Skip("this hub has no messages")
	}
	return m
}

// read reads a page that there must be.
func (x *exam) read(ctx context.Context, q hub.TelemetryQuery) hub.TelemetryPage {
	x.Helper()
	q.Target = dev
	page, err := x.messages().Telemetry(ctx, q)
	if err != nil {
		x.Fatal(err)
	}
	if len(page.Messages) == 0 || page.Next == "" {
		x.Fatalf("a page without messages, or without a cursor: %+v", page)
	}
	return page
}

func bodies(messages []hub.Telemetry) string {
	texts := make([]string, len(messages))
	for i, m := range messages {
		texts[i] = string(m.Body)
	}
	return strings.Join(texts, " ")
}

func sentIsThere(ctx context.Context, x *exam) {
	x.messages()
	d := x.device()
	began := x.Clock.Now()
	want := []struct {
		body       string
		properties map[string]string
	}{
		{`{"n":1}`, map[string]string{}},
		{"", map[string]string{"level": "a b+&=ä/%", "": "x", "empty": ""}},
		{"\x00\xff\xfe <&>\n\"", map[string]string{"q?#": "1"}},
	}
	for _, w := range want {
		d.Emit(w.body, w.properties)
	}
	var got []hub.Telemetry
	var q hub.TelemetryQuery
	for len(got) < len(want) {
		page := x.read(ctx, q)
		if page.Lost != 0 {
			x.Errorf("%d messages were lost", page.Lost)
		}
		got, q.After = append(got, page.Messages...), page.Next
	}
	last := began.Add(-time.Millisecond)
	for i, m := range got {
		if m.Target != dev || string(m.Body) != want[i].body || !reflect.DeepEqual(m.Properties, want[i].properties) {
			x.Errorf("message %d of %s: %q with %v, want %q with %v", i, m.Target, m.Body, m.Properties, want[i].body, want[i].properties)
		}
		if !m.Time.After(last) || m.Time.After(x.Clock.Now().Add(time.Millisecond)) {
			x.Errorf("message %d came at %s, after one of %s", i, m.Time, last)
		}
		last = m.Time
	}
}

func aReaderWaits(ctx context.Context, x *exam) {
	x.messages()
	d := x.device()
	x.Clock.Go(ctx, "the device", func(ctx context.Context) {
		if sleep(ctx, x, time.Second) == nil {
			d.Emit("hello", nil)
		}
	})
	begun := x.Clock.Now()
	page := x.read(ctx, hub.TelemetryQuery{Since: begun})
	if bodies(page.Messages) != "hello" || x.Clock.Now().Sub(begun) < time.Second {
		x.Errorf("got %q after %s", bodies(page.Messages), x.Clock.Now().Sub(begun))
	}
}

func pagesGoOn(ctx context.Context, x *exam) {
	x.messages()
	d := x.device()
	d.Emit("a", nil)
	first := x.read(ctx, hub.TelemetryQuery{})
	d.Emit("b", nil)
	d.Emit("c", nil)
	second := x.read(ctx, hub.TelemetryQuery{After: first.Next, Since: x.Clock.Now().Add(time.Hour)})
	got := bodies(first.Messages) + "|" + bodies(second.Messages)
	if len(second.Messages) == 1 { // a hub may give one at a time
		got += " " + bodies(x.read(ctx, hub.TelemetryQuery{After: second.Next}).Messages)
	}
	if got != "a|b c" {
		x.Errorf("got %s", got)
	}
}

func sinceLeavesOut(ctx context.Context, x *exam) {
	x.messages()
	d := x.device()
	d.Emit("old", nil)
	if err := sleep(ctx, x, time.Second); err != nil {
		x.Fatal(err)
	}
	since := x.Clock.Now()
	if err := sleep(ctx, x, time.Second); err != nil {
		x.Fatal(err)
	}
	d.Emit("new", nil)
	if got := bodies(x.read(ctx, hub.TelemetryQuery{Since: since}).Messages); got != "new" {
		x.Errorf("since then: %q", got)
	}
	if got := bodies(x.read(ctx, hub.TelemetryQuery{}).Messages); !strings.HasPrefix(got, "old") {
		x.Errorf("all: %q", got)
	}
}

// A clock may be finer than the times of messages.
func noneIsTooOld(ctx context.Context, x *exam) {
	x.messages()
	d := x.device()
	for i := range 20 {
		if err := sleep(ctx, x, 7*time.Nanosecond); err != nil {
			x.Fatal(err)
		}
		since := x.Clock.Now()
		d.Emit(fmt.Sprint(i), nil)
		if got := x.read(ctx, hub.TelemetryQuery{Since: since}).Messages; string(got[len(got)-1].Body) != fmt.Sprint(i) {
			x.Errorf("since %s: %s, and not %d", since, bodies(got), i)
		}
	}
}

// Messages that come at once have different times, so that a time is as good as a cursor.
func timesGoOn(ctx context.Context, x *exam) {
	x.messages()
	d := x.device()
	for i := range 20 {
		d.Emit(fmt.Sprint(i), nil)
	}
	var q hub.TelemetryQuery
	for i := range 20 {
		m := x.read(ctx, q).Messages[0]
		if string(m.Body) != fmt.Sprint(i) {
			x.Fatalf("since %s comes %s, want %d", q.Since, m.Body, i)
		}
		q.Since = m.Time.Add(1)
	}
}

func ownMessages(ctx context.Context, x *exam) {
	x.messages()
	d := x.device()
	other := x.Add(x.T, "other", nil)
	other.Emit("not mine", nil)
	d.Emit("mine", nil)
	other.Emit("not mine either", nil)
	if got := bodies(x.read(ctx, hub.TelemetryQuery{}).Messages); got != "mine" {
		x.Errorf("got %q", got)
	}
}

func manyListen(ctx context.Context, x *exam) {
	m := x.messages()
	const n = 50
	devices := make([]Device, n)
	for i := range devices {
		devices[i] = x.Add(x.T, fmt.Sprintf("many-%d", i), nil)
	}
	x.all(ctx, 2*n, func(ctx context.Context, i int) error {
		if i >= n {
			err := sleep(ctx, x, time.Duration(i-n)*10*time.Millisecond)
			devices[i-n].Emit(fmt.Sprint(i-n), nil)
			return err
		}
		page, err := m.Telemetry(ctx, hub.TelemetryQuery{Target: hub.Target{Device: fmt.Sprintf("many-%d", i)}})
		if err == nil && bodies(page.Messages) != fmt.Sprint(i) {
			err = fmt.Errorf("device %d: %q", i, bodies(page.Messages))
		}
		return err
	})
}
