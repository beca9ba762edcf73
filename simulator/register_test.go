package simulator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// put writes an identity with If-Match *.
func (c *caller) put(path, body string) {
	c.Helper()
	if got := c.do("PUT", path, body, "If-Match", "*"); got.status != 200 {
		c.Errorf("PUT %s %s: %+v", path, body, got)
	}
}

// Disabling a device closes its connection and those of its modules, and keeps all of them out.
func TestDisabling(t *testing.T) {
	c := newCaller(t, Config{})
	if err := c.hub.AddDevice(Device{ID: "gw", Modules: []Module{{ID: "m"}}}); err != nil {
		t.Fatal(err)
	}
	device, module := wire.Identity{Device: "gw"}, wire.Identity{Device: "gw", Module: "m"}
	for name, dial := range map[string]wire.Dial{"socket": dialMQTT(c.hub, sockets(t, c.hub)), "attached": c.hub.AttachDevice} {
		t.Run(name, func(t *testing.T) {
			fakes := map[wire.Identity]*fakeDevice{device: newFake(t), module: newFake(t)}
			for id, f := range fakes {
				f.dial(dial, wire.Options{Identity: id})
			}
			c.put("/devices/gw", `{"deviceId":"gw","status":"disabled"}`)
			for id, f := range fakes {
				if reason := within(t, "the end", f.closed); reason == nil {
					t.Errorf("%s: closed without a reason", id)
				}
				if _, err := dial(t.Context(), wire.Options{Identity: id}, newFake(t)); err == nil || name == "attached" && !strings.Contains(err.Error(), "disabled") {
					t.Errorf("%s of a disabled device: %v", id, err)
				}
			}
			c.bulk(400, failures("gw|409301|create|m"), `[{"id":"gw","moduleId":"n-`+name+`","importMode":"create"},{"id":"gw","moduleId":"m","importMode":"create"}]`)
			if _, err := dial(t.Context(), wire.Options{Identity: wire.Identity{Device: "gw", Module: "n-" + name}}, newFake(t)); err == nil {
				t.Error("a module made since is let in")
			}
			c.put("/devices/gw", `{"deviceId":"gw","status":"enabled"}`)
			for id := range fakes {
				f := newFake(t)
				f.dial(dial, wire.Options{Identity: id})
				f.conn.Close()
				within(t, "the end", f.closed)
			}
		})
	}
}

// New keys do not end a connection, and old tokens do not open another.
func TestNewKeys(t *testing.T) {
	c := newCaller(t, Config{})
	address := listen(t, c.hub)
	old := deviceToken(t, c.hub, "dev-1", time.Hour)
	f := newFake(t)
	f.dial(dialMQTT(c.hub, sockets(t, c.hub)), wire.Options{Identity: wire.Identity{Device: "dev-1"}})
	c.put("/devices/dev-1", `{"deviceId":"dev-1","authentication":{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":""}}}`)
	f.subscribe(wire.TwinResponseFeed)
	f.send(wire.TwinGet{RID: "1"})
	next[wire.TwinResponse](f)

	_, secondary := c.hub.deviceKeys(c.hub.devices.get("dev-1"))
	byHand := wire.NewToken("localhost/devices/dev-1", "", secondary, c.hub.clock.Now().Add(time.Hour))
	for _, x := range []struct{ name, token, want string }{
		{"old", old, refusedAuth}, {"new", deviceToken(t, c.hub, "dev-1", time.Hour), okPresent}, {"secondary", byHand, okPresent},
	} {
		k := dialTCP(t, address)
		k.say(connectBytes("dev-1", "localhost/dev-1/?api-version=2021-04-12", x.token))
		t.Run(x.name, func(t *testing.T) { k.T = t; k.hear(x.want) })
	}
}

// Deleting a device closes its connection, forgets its session and twin, and tells all who wait.
func TestDeleting(t *testing.T) {
	c := newCaller(t, Config{})
	address := listen(t, c.hub)
	if err := c.hub.AddDevice(Device{ID: "dev-1", Modules: []Module{{ID: "m"}}}); err == nil {
		t.Error("made twice")
	}
	c.want(c.do("PUT", "/devices/dev-1/modules/m", `{"deviceId":"dev-1","moduleId":"m"}`), 200, moduleText("dev-1", "m", ""))
	f, m := newFake(t), newFake(t)
	f.dial(dialMQTT(c.hub, sockets(t, c.hub)), wire.Options{Identity: wire.Identity{Device: "dev-1"}})
	f.subscribe(wire.MethodFeed)
	m.dial(c.hub.AttachDevice, wire.Options{Identity: wire.Identity{Device: "dev-1", Module: "m"}})

	offline := make(chan result, 1)
	go func() { // the module takes no methods
		call := hub.Call{Target: hub.Target{Device: "dev-1", Module: "m"}, Method: "a", Connect: 5 * time.Minute}
		reply, err := c.hub.Client().Invoke(context.Background(), call)
		offline <- result{reply, err}
	}()
	underWay := make(chan result, 1)
	go func() {
		reply, err := c.hub.Client().Invoke(context.Background(), calling("a"))
		underWay <- result{reply, err}
	}()
	next[wire.MethodRequest](f)
	waitUntil(t, "a caller to wait", func() bool {
		d := c.hub.devices.get("dev-1/m")
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.waiting) == 1
	})
	watched := make(chan error, 1)
	watcher := hub.NewWatcher(c.hub.clock, c.hub.Client(), hub.WatchOptions{})
	go func() {
		_, err := watcher.Await(context.Background(), hub.Target{Device: "dev-1"}, 0, func(hub.Twin) (bool, error) { return false, nil })
		watched <- err
	}()
	waitUntil(t, "a watcher", func() bool { _, any := c.hub.watches.byID.Load("dev-1"); return any })

	c.want(c.do("DELETE", "/devices/dev-1", ""), 204, "")
	for _, fake := range []*fakeDevice{f, m} {
		if reason := within(t, "the end", fake.closed); reason == nil {
			t.Error("closed without a reason")
		}
	}
	if r := within(t, "the waiting caller", offline); hub.KindOf(r.err) != hub.NotFound {
		t.Errorf("who waited for the device: %+v", r)
	}
	if r := within(t, "the call under way", underWay); hub.KindOf(r.err) != hub.Interrupted || !strings.Contains(r.err.Error(), "deleted") {
		t.Errorf("whose call was under way: %+v", r)
	}
	if err := within(t, "the watcher", watched); hub.KindOf(err) != hub.NotFound {
		t.Errorf("who watched: %v", err)
	}
	if len(c.hub.devices.listModules()) != 0 || c.hub.devices.get("dev-1/m") != nil {
		t.Error("the module has outlived its device")
	}

	token := wire.NewToken("localhost/devices/dev-1", "", c.hub.key("device", "dev-1", "primary"), c.hub.clock.Now().Add(time.Hour))
	k := dialTCP(t, address)
	k.say(connectBytes("dev-1", "localhost/dev-1/?api-version=2021-04-12", token))
	k.hear(refusedAuth)
	if err := c.hub.AddDevice(Device{ID: "dev-1"}); err != nil {
		t.Fatal(err)
	}
	enter(t, c.hub, address, ok) // not okPresent: the session is gone, too
}

func waitUntil(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// In virtual time a caller who waits for a device that is deleted hears of it at once.
func TestDeletingInVirtualTime(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		l.After(time.Second, func() {
			if err := h.remove("dev-1", ""); err != nil {
				t.Error(err)
			}
		})
		begun := l.Now()
		call := calling("a")
		call.Connect = time.Minute
		_, err := h.Client().Invoke(ctx, call)
		if hub.KindOf(err) != hub.NotFound || l.Now().Sub(begun) != time.Second {
			t.Errorf("after %s: %v", l.Now().Sub(begun), err)
		}
	})
}

// Who waits for a device's telemetry hears that it was deleted, and nobody gets a message into it any more.
func TestDeletingMessages(t *testing.T) {
	virtually(t, func(ctx context.Context, l *clock.Loop, h *Hub) {
		if err := h.AddDevice(Device{ID: "gone", Modules: []Module{{ID: "m"}}}); err != nil {
			t.Error(err)
		}
		for _, target := range []hub.Target{{Device: "gone", Module: "m"}, {Device: "gone"}} {
			d := h.devices.get(target.String())
			if _, err := h.Client().Send(ctx, hub.Message{Target: target}); err != nil {
				t.Error(err)
			}
			l.After(time.Second, func() {
				if err := h.remove(target.String(), ""); err != nil {
					t.Error(err)
				}
			})
			begun := l.Now()
			_, err := h.Client().Telemetry(ctx, hub.TelemetryQuery{Target: target})
			if hub.KindOf(err) != hub.NotFound || l.Now().Sub(begun) != time.Second {
				t.Errorf("%s: after %s: %v", target, l.Now().Sub(begun), err)
			}
			h.edit(d, func() bool { // as somebody who found it just before
				err = d.post(h, &letter{})
				return false
			})
			if asFault(err).kind != hub.NotFound {
				t.Errorf("%s: a message for a deleted device: %v", target, err)
			}
		}
		if len(h.telemetry.waiting) != 0 {
			t.Errorf("%d readers are left", len(h.telemetry.waiting))
		}
	})
}

// While devices come and go, pages of a query give each one that stays exactly once.
func TestPagesWhileDevicesGo(t *testing.T) {
	h := newHub(t, Config{})
	var stay []string
	for i := range 300 {
		id := fmt.Sprintf("p-%03d", i)
		if i%3 == 0 {
			stay = append(stay, id)
		}
		if err := h.AddDevice(Device{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	var others sync.WaitGroup
	others.Go(func() {
		for i := range 300 {
			id := fmt.Sprintf("p-%03d", (i*7)%300)
			if slices.Contains(stay, id) {
				continue
			}
			if err := h.remove(id, ""); err != nil {
				t.Error(err)
			}
			if i%2 == 0 {
				h.AddDevice(Device{ID: id})
			}
		}
	})
	for range 20 {
		var got []string
		in := inquiry{text: "SELECT * FROM devices WHERE STARTSWITH(deviceId, 'p-')", pageSize: 10}
		for {
			page, err := h.ask(in)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range page.views {
				got = append(got, v.device.id)
			}
			if in.continuation = page.next; in.continuation == "" {
				break
			}
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("pages repeat or mix devices: %v", got)
		}
		kept := slices.DeleteFunc(got, func(id string) bool { return !slices.Contains(stay, id) })
		if !slices.Equal(kept, stay) {
			t.Fatalf("pages lost devices: %v", kept)
		}
	}
	others.Wait()
}

// Whatever happens at the same time, nobody hangs, and nothing of a deleted device lives on.
func TestDeletingRaces(t *testing.T) {
	h := newHub(t, Config{})
	target := hub.Target{Device: "r"}
	var all sync.WaitGroup
	stop := make(chan struct{})
	loop := func(f func()) {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					f()
				}
			}
		})
	}
	loop(func() {
		call := hub.Call{Target: target, Method: "a", Connect: 5 * time.Minute}
		if _, err := h.Client().Invoke(context.Background(), call); err != nil && hub.KindOf(err) != hub.NotFound && hub.KindOf(err) != hub.Interrupted {
			t.Error(err)
		}
	})
	for _, module := range []string{"", "m"} {
		loop(func() {
			f := newFake(t).answering(200)
			conn, err := h.AttachDevice(context.Background(), wire.Options{Identity: wire.Identity{Device: "r", Module: module}}, f)
			var refused *fault
			if err == nil {
				conn.Send(wire.Subscribe{Feeds: wire.MethodFeed})
				conn.Close()
			} else if !errors.As(err, &refused) {
				t.Error(err)
			}
		})
	}
	loop(func() {
		_, err := h.Client().Telemetry(context.Background(), hub.TelemetryQuery{Target: target, Since: h.clock.Now().Add(time.Hour)})
		if hub.KindOf(err) != hub.NotFound {
			t.Error(err)
		}
	})
	loop(func() { h.Client().Send(context.Background(), hub.Message{Target: target}) })
	loop(func() { h.Client().UpdateTwin(context.Background(), target, hub.Patch{Tags: map[string]any{"a": 1}}) })
	loop(func() { h.Client().OnTwin(target, func(hub.Twin, error) {})() })
	loop(func() { h.ask(inquiry{text: "SELECT * FROM devices.modules"}); h.count() })
	yes := true
	for range 200 {
		if err := h.AddDevice(Device{ID: "r", Modules: []Module{{ID: "m"}}}); err != nil {
			t.Error(err)
		}
		if _, err := h.register(registration{id: wire.Identity{Device: "r"}, change: identityChange{disabled: &yes}, update: true}); err != nil {
			t.Error(err)
		}
		for _, id := range []string{"r", "r/m"} {
			if h.devices.get(id).view().connected {
				t.Errorf("%s is connected though disabled", id)
			}
		}
		if err := h.remove("r", ""); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	finished := make(chan struct{})
	go func() { all.Wait(); close(finished) }()
	within(t, "all to end", finished)
	if h.devices.get("r/m") != nil || fmt.Sprint(h.Devices()) != "[dev-1 dev-2]" {
		t.Errorf("left over: %v", h.Devices())
	}
}
