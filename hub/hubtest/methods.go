package hubtest

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/twinbook/twinbook/hub"
)

var methods = []question{
	{"TheDeviceGetsMethodAndPayload", theDeviceGetsMethodAndPayload},
	{"AnyJSONComesBack", anyJSONComesBack},
	{"AStatusOfTheDeviceIsNoError", aStatusIsNoError},
	{"ManyAtOnceAreNotMixedUp", manyAtOnce},
	{"UnknownDeviceIsNotFound", func(ctx context.Context, x *exam) {
		_, err := x.Hub.Invoke(ctx, call(hub.Target{Device: "nobody"}))
		x.failsWith(err, "nobody", hub.NotFound, false)
	}},
	{"OfflineDeviceFailsAtOnce", offlineFailsAtOnce},
	{"ConnectWaitsForTheDevice", connectWaits},
	{"SilentDeviceTimesOut", silentDeviceTimesOut},
	{"AnAnswerThatIsNoJSONFails", func(ctx context.Context, x *exam) {
		x.device().Handle(func(string, json.RawMessage) Answer { return Answer{Status: 200, Body: `{"a":`} })
		_, err := x.Hub.Invoke(ctx, call(dev))
		x.failsWith(err, dev.Device, hub.Failed, true)
	}},
	{"ALostDeviceInterrupts", lostDeviceInterrupts},
	{"TheCallersTimeIsTheCallers", callersTime},
	{"ACancelledCallIsInterrupted", cancelledCall},
	{"WhatCannotBeRightIsInvalid", func(ctx context.Context, x *exam) {
		d := x.device()
		d.Handle(func(string, json.RawMessage) Answer { x.Error("the device was called"); return Answer{Status: 200} })
		c := call(dev)
		c.Method = ""
		_, err := x.Hub.Invoke(ctx, c)
		x.failsWith(err, dev.Device, hub.Invalid, false)
		c = call(dev)
		c.Payload = func() {}
		_, err = x.Hub.Invoke(ctx, c)
		x.failsWith(err, dev.Device, hub.Invalid, false)
	}},
}

func call(t hub.Target) hub.Call {
	return hub.Call{Target: t, Method: "reboot", Response: 5 * time.Second}
}

func echo(_ string, payload json.RawMessage) Answer {
	return Answer{Status: 200, Body: string(payload)}
}

func theDeviceGetsMethodAndPayload(ctx context.Context, x *exam) {
	var got string
	x.device().Handle(func(method string, payload json.RawMessage) Answer {
		got = method + " " + string(payload)
		return Answer{Status: 200}
	})
	for _, test := range []struct {
		payload any
		want    string
	}{
		{nil, "reboot null"},
		{map[string]any{"delay": 5}, `reboot {"delay":5}`},
	} {
		c := call(dev)
		c.Payload = test.payload
		reply, err := x.Hub.Invoke(ctx, c)
		if err != nil || got != test.want || !reflect.DeepEqual(reply, hub.Reply{Status: 200}) {
			x.Errorf("the device got %s, want %s; reply %v, error %v", got, test.want, reply, err)
		}
	}
}

func anyJSONComesBack(ctx context.Context, x *exam) {
	x.device().Handle(echo)
	for _, payload := range []any{
		nil, true, 0.0, -1.5, "", "<&>\u2028ä\U0001F600", []any{}, map[string]any{},
		map[string]any{"a": []any{1.0, nil, map[string]any{"b": "c"}}, "": 2.0},
		strings.Repeat("x", 100_000),
	} {
		c := call(dev)
		c.Payload = payload
		reply, err := x.Hub.Invoke(ctx, c)
		if err != nil || reply.Status != 200 || !reflect.DeepEqual(reply.Payload, payload) {
			x.Errorf("sent %.50v, got %.50v, error %v", payload, reply, err)
		}
	}
}

func aStatusIsNoError(ctx context.Context, x *exam) {
	d := x.device()
	for _, status := range []int{0, 201, 404, 500, 99999} {
		d.Handle(func(string, json.RawMessage) Answer { return Answer{Status: status, Body: `"x"`} })
		reply, err := x.Hub.Invoke(ctx, call(dev))
		if want := (hub.Reply{Status: status, Payload: "x"}); err != nil || !reflect.DeepEqual(reply, want) {
			x.Errorf("reply %v, error %v, want %v", reply, err, want)
		}
	}
}

func manyAtOnce(ctx context.Context, x *exam) {
	const devices = 8
	for i := range devices {
		x.Add(x.T, fmt.Sprintf("many-%d", i), nil).Handle(func(_ string, payload json.RawMessage) Answer {
			return Answer{Status: 200 + i, Body: string(payload)}
		})
	}
	x.all(ctx, 200, func(ctx context.Context, i int) error {
		c := call(hub.Target{Device: fmt.Sprintf("many-%d", i%devices)})
		c.Payload = float64(i)
		reply, err := x.Hub.Invoke(ctx, c)
		if want := (hub.Reply{Status: 200 + i%devices, Payload: float64(i)}); err == nil && !reflect.DeepEqual(reply, want) {
			return fmt.Errorf("call %d: reply %v, want %v", i, reply, want)
		}
		return err
	})
}

func offlineFailsAtOnce(ctx context.Context, x *exam) {
	x.device().Offline()
	c := call(dev)
	c.Response = 300 * time.Second
	begun := x.Clock.Now()
	_, err := x.Hub.Invoke(ctx, c)
	x.failsWith(err, dev.Device, hub.Offline, false)
	if took := x.Clock.Now().Sub(begun); took > 60*time.Second {
		x.Errorf("it took %s", took)
	}
	c.Connect = time.Second
	_, err = x.Hub.Invoke(ctx, c)
	x.failsWith(err, dev.Device, hub.Offline, false)
}

func connectWaits(ctx context.Context, x *exam) {
	d := x.device()
	d.Handle(echo)
	d.Offline()
	x.all(ctx, 2, func(ctx context.Context, i int) error {
		if i == 1 {
			err := sleep(ctx, x, time.Second)
			d.Online()
			return err
		}
		c := call(dev)
		c.Connect = 60 * time.Second
		_, err := x.Hub.Invoke(ctx, c)
		return err
	})
}

func silentDeviceTimesOut(ctx context.Context, x *exam) {
	x.device().Handle(func(string, json.RawMessage) Answer { return Answer{Silent: true} })
	begun := x.Clock.Now()
	_, err := x.Hub.Invoke(ctx, call(dev))
	x.failsWith(err, dev.Device, hub.Timeout, true)
	if took := x.Clock.Now().Sub(begun); took < 5*time.Second {
		x.Errorf("it was given up after %s, want 5s", took)
	}
}

func lostDeviceInterrupts(ctx context.Context, x *exam) {
	d := x.device()
	d.Handle(func(string, json.RawMessage) Answer {
		x.Clock.Go(ctx, "the device goes", func(context.Context) { d.Offline() })
		return Answer{Silent: true}
	})
	c := call(dev)
	c.Response = 300 * time.Second
	_, err := x.Hub.Invoke(ctx, c)
	x.failsWith(err, dev.Device, hub.Interrupted, true)
}

func callersTime(ctx context.Context, x *exam) {
	x.device().Handle(func(string, json.RawMessage) Answer { return Answer{Silent: true} })
	c := call(dev)
	c.Response = 300 * time.Second
	ctx, cancel := x.Clock.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_, err := x.Hub.Invoke(ctx, c)
	x.failsWith(err, dev.Device, hub.Timeout, true)
}

func cancelledCall(ctx context.Context, x *exam) {
	ctx, cancel := x.Clock.WithCancel(ctx)
	x.device().Handle(func(string, json.RawMessage) Answer {
		x.Clock.After(0, cancel)
		return Answer{Silent: true}
	})
	c := call(dev)
	c.Response = 300 * time.Second
	_, err := x.Hub.Invoke(ctx, c)
	x.failsWith(err, dev.Device, hub.Interrupted, true)
}
