package hubtest

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

var messages = []question{
	{"TheDeviceGetsWhatWasSent", theDeviceGetsMessages},
	{"TheyWaitForTheDevice", messagesWait},
	{"AnOldMessageIsNotDelivered", oldMessages},
	{"AnIDIsMadeWhereNoneIsGiven", func(ctx context.Context, x *exam) {
		x.messages()
		x.device()
		first, second := x.send(ctx, hub.Message{}), x.send(ctx, hub.Message{})
		if first == "" || first == second {
			x.Errorf("ids %q and %q", first, second)
		}
	}},
	{"AFullQueueTakesNoMore", fullQueue},
	{"UnknownDeviceIsNotFound", func(ctx context.Context, x *exam) {
		_, err := x.messages().Send(ctx, hub.Message{Target: hub.Target{Device: "nobody"}})
		x.failsWith(err, "nobody", hub.NotFound, false)
	}},
	{"WhatCannotBeRightIsInvalid", func(ctx context.Context, x *exam) {
		m := x.messages()
		x.device().Listen(func(l Letter) { x.Errorf("the device got %+v", l) })
		for _, wrong := range []hub.Message{
			{Body: []byte(strings.Repeat("x", 65<<10))},
			{Properties: map[string]string{"$.mid": "1"}},
			{ID: strings.Repeat("x", 129)},
			{Expiry: -time.Second},
		} {
			wrong.Target = dev
			_, err := m.Send(ctx, wrong)
			x.failsWith(err, dev.Device, hub.Invalid, false)
		}
	}},
}

// send sends what must be taken.
func (x *exam) send(ctx context.Context, m hub.Message) (id string) {
	x.Helper()
	m.Target = dev
	id, err := x.messages().Send(ctx, m)
	if err != nil {
		x.Fatal(err)
	}
	return id
}

// letters are what a device gets from now on.
func (x *exam) letters(d Device) *clock.Queue[Letter] {
	got := clock.NewQueue[Letter](x.Clock)
	d.Listen(got.Put)
	return got
}

// take takes n letters.
func (x *exam) take(ctx context.Context, from *clock.Queue[Letter], n int) []Letter {
	x.Helper()
	var all []Letter
	for len(all) < n {
		more, err := from.Take(ctx)
		if err != nil {
			x.Fatal(err)
		}
		all = append(all, more...)
	}
	return all
}

func theDeviceGetsMessages(ctx context.Context, x *exam) {
	x.messages()
	got := x.letters(x.device())
	want := []Letter{
		{ID: "m-1", Body: `{"n":1}`},
		{ID: "m 2/ä+#", Body: "\x00\xff", Properties: map[string]string{"a b+&=": "ä/%", "empty": ""}},
		{ID: "m-3"},
	}
	for _, w := range want {
		id := x.send(ctx, hub.Message{ID: w.ID, Body: []byte(w.Body), Properties: w.Properties, Expiry: time.Hour})
		if id != w.ID {
			x.Errorf("id %q, want %q", id, w.ID)
		}
	}
	if letters := x.take(ctx, got, len(want)); !reflect.DeepEqual(letters, want) {
		x.Errorf("the device got %q\nwant           %q", letters, want)
	}
}

func messagesWait(ctx context.Context, x *exam) {
	x.messages()
	d := x.device()
	got := x.letters(d)
	d.Offline()
	for i := range 20 {
		x.send(ctx, hub.Message{Body: []byte(fmt.Sprint(i))})
	}
	d.Online()
	for i, l := range x.take(ctx, got, 20) {
		if l.Body != fmt.Sprint(i) {
			x.Errorf("message %d: %q", i, l.Body)
		}
	}
}

func oldMessages(ctx context.Context, x *exam) {
	x.messages()
	d := x.device()
	got := x.letters(d)
	d.Offline()
	x.send(ctx, hub.Message{Body: []byte("old"), Expiry: time.Second})
	if err := sleep(ctx, x, 2*time.Second); err != nil {
		x.Fatal(err)
	}
	x.send(ctx, hub.Message{Body: []byte("new"), Expiry: time.Hour})
	d.Online()
	if letters := x.take(ctx, got, 1); len(letters) != 1 || letters[0].Body != "new" {
		x.Errorf("the device got %q", letters)
	}
}

// fullQueue holds for 50 messages, as Azure documents.
func fullQueue(ctx context.Context, x *exam) {
	m := x.messages()
	x.device().Offline()
	for range 50 {
		x.send(ctx, hub.Message{})
	}
	_, err := m.Send(ctx, hub.Message{Target: dev})
	x.failsWith(err, dev.Device, hub.Throttled, false)
}
