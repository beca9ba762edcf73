package simulator

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/hub/azure"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// Of each quota as much is served at once as Azure's table has for a minute, and as much waits as is served in ten seconds.
func TestQuotas(t *testing.T) {
	all := []quota{registryCalls, methodCalls, twinReads, twinWrites, queries, jobCalls, jobDevices, connects, telemetrySends}
	for _, x := range []struct {
		tier  Tier
		units int
		want  string // served a minute
	}{
		{"S1", 1, "[100 2400 6000 3000 20 100 600 6000 6000]"},
		{"S1", 10, "[1000 24000 6000 3000 200 1000 600 7200 7200]"},
		{"F1", 1, "[100 2400 6000 3000 20 100 600 6000 6000]"},
		{"B1", 2, "[200 4800 6000 3000 40 200 600 6000 6000]"},
		{"S2", 1, "[100 7200 6000 3000 20 100 600 7200 7200]"},
		{"B2", 20, "[2000 144000 12000 6000 400 2000 1200 144000 144000]"},
		{"S3", 1, "[5000 368640 30000 15000 1000 5000 3000 360000 360000]"},
		{"S3", 2, "[10000 737280 60000 30000 2000 10000 6000 720000 720000]"},
	} {
		var got []int
		for _, q := range all {
			h := newHub(t, Config{Clock: clock.NewLoop(day1), Tier: x.tier, Units: x.units})
			served, waited := serve(h, q)
			if want := served / 6; waited != want {
				t.Errorf("%s, quota %d: %d wait after %d, want %d", x.tier, q, waited, served, want)
			}
			got = append(got, served)
		}
		if fmt.Sprint(got) != x.want {
			t.Errorf("%d units of %s serve %v, want %v", x.units, x.tier, got, x.want)
		}
	}
}

// serve asks until it is refused.
func serve(h *Hub, q quota) (served, waited int) {
	for {
		switch wait, err := h.spend(q, 1); {
		case err != nil:
			return served, waited
		case wait > 0:
			waited++
		default:
			served++
		}
	}
}

func TestNoTierServesAll(t *testing.T) {
	for _, tier := range []Tier{"", Unlimited} {
		if h := newHub(t, Config{Tier: tier}); h.throttle != nil || h.pay(t.Context(), queries, 1e6) != nil || h.turn(telemetrySends) != 0 {
			t.Errorf("tier %q counts", tier)
		}
	}
	for _, c := range []Config{{Tier: "S4"}, {Tier: "s1"}, {Units: -1}, {Units: 1e6}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	for text, want := range map[string]Tier{"s1": "S1", "NONE": Unlimited, "B3": "B3", "S": "", "S10": ""} {
		if got, err := ParseTier(text); got != want || (err == nil) != (want != "") {
			t.Errorf("ParseTier(%q) = %q, %v", text, got, err)
		}
	}
}

// Burst, backlog, refusal and recovery, as a client sees them.
func TestThrottledClient(t *testing.T) {
	virtuallyOn(t, Config{Tier: "S1"}, func(ctx context.Context, loop *clock.Loop, h *Hub) {
		took := func() (time.Duration, error) {
			start := loop.Now()
			_, err := h.Client().Query(ctx, hub.Query{Text: "SELECT * FROM devices"})
			return loop.Now().Sub(start), err
		}
		expect := func(want time.Duration) {
			t.Helper()
			if d, err := took(); d != want || err != nil {
				t.Errorf("took %v, %v; want %v", d, err, want)
			}
		}
		for range 20 {
			expect(0)
		}
		expect(3 * time.Second) // one each three seconds
		expect(3 * time.Second) // waiting has paid for that
		for range 3 {
			loop.Go(ctx, "a query", func(ctx context.Context) { took() })
		}
		clock.Sleep(ctx, loop, 0) // they have begun, and wait for 3, 6 and 9 seconds
		_, err := took()
		if e, ok := err.(*hub.Error); !ok || e.Kind != hub.Throttled || e.Wait != 2*time.Second || e.Sent {
			t.Errorf("over the quota: %#v", err)
		}
		clock.Sleep(ctx, loop, 2*time.Second)
		expect(10 * time.Second)
		clock.Sleep(ctx, loop, time.Hour)
		for range 20 {
			expect(0)
		}
		short, cancel := loop.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := h.Client().Query(short, hub.Query{Text: "SELECT * FROM devices"}); hub.KindOf(err) != hub.Timeout || loop.Now().Sub(day1).Milliseconds()%1000 != 0 {
			t.Errorf("a caller who does not wait: %v", err)
		}
	})
}

// A method call counts by its payload; the other calls of the client each have their quota.
func TestWhatClientsPay(t *testing.T) {
	virtuallyOn(t, Config{Tier: "S1"}, func(ctx context.Context, l *clock.Loop, h *Hub) {
		s := &scripted{loop: l, delay: func(wire.MethodRequest) time.Duration { return 0 }}
		s.attach(t, ctx, h, "dev-1", wire.MethodFeed)
		one := hub.Target{Device: "dev-1"}
		left := func(q quota) int {
			b := &h.throttle[q]
			return b.perMinute - int(b.level/drop)
		}
		for size, want := range map[int]int{0: 1, 4094: 1, 4095: 2, 100_000: 25} { // and two quotes
			before := left(methodCalls)
			if _, err := h.Client().Invoke(ctx, hub.Call{Target: one, Method: "m", Payload: strings.Repeat("x", size)}); err != nil {
				t.Fatal(err)
			}
			if got := before - left(methodCalls); got != want {
				t.Errorf("a payload of %d counts %d, want %d", size, got, want)
			}
		}
		h.Client().Twin(ctx, one)
		h.Client().UpdateTwin(ctx, one, hub.Patch{Tags: map[string]any{"a": 1}})
		for q, want := range map[quota]int{twinReads: 5999, twinWrites: 2999, queries: 20} {
			if left(q) != want {
				t.Errorf("quota %d: %d are left, want %d", q, left(q), want)
			}
		}
	})
}

// Over REST a refusal is what SDKs know, in both forms, and our own client takes Retry-After from it.
func TestThrottledREST(t *testing.T) {
	c := newCaller(t, Config{Tier: "S1"})
	c.hub.throttle[queries].perMinute, c.hub.throttle[methodCalls].perMinute = 1, 1
	service := azureClient(c)
	query, method := hub.Query{Text: "SELECT * FROM devices"}, hub.Call{Target: hub.Target{Device: "dev-1"}, Method: "m"}
	if _, err := service.Query(t.Context(), query); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Invoke(t.Context(), method); hub.KindOf(err) != hub.Offline {
		t.Fatal(err)
	}
	refused := func(err error) {
		t.Helper()
		if e, ok := err.(*hub.Error); !ok || e.Kind != hub.Throttled || e.Sent || e.Wait < 45*time.Second || e.Wait > 50*time.Second {
			t.Errorf("%#v", err)
		}
	}
	_, err := service.Query(t.Context(), query)
	refused(err)
	_, err = service.Invoke(t.Context(), method)
	refused(err)

	a := c.do("POST", "/devices/query", `{"query":"SELECT * FROM devices"}`)
	c.wantError(a, 429, "ThrottlingException", 0)
	if wait := a.header.Get("Retry-After"); wait < "45" || wait > "50" {
		t.Errorf("Retry-After: %s", wait)
	}
	c.wantError(c.do("POST", "/twins/dev-1/methods", `{"methodName":"m"}`), 429, "ThrottlingException", 429001)
}

func azureClient(c *caller) *azure.Client {
	c.Helper()
	entry, err := c.hub.ConnectionString("iothubowner")
	if err != nil {
		c.Fatal(err)
	}
	client, err := azure.Open(entry.At(strings.TrimPrefix(c.server.URL, "http://")).String(), azure.Options{})
	if err != nil {
		c.Fatal(err)
	}
	return client
}

// crawling is a clock on which a quota does not come back while a slow machine is at its work.
func crawling() clock.Clock { return clock.RealSpeed(0.001) }

// One device over its quota is served, then waits, then is refused; what has no quota goes on meanwhile.
func TestThrottledDevice(t *testing.T) {
	for _, x := range []struct {
		topic, body string
		q           quota
	}{{"$iothub/twin/PATCH/properties/reported/?$rid=7", "{}", twinWrites}, {"$iothub/twin/GET/?$rid=7", " ", twinReads}} {
		h := newHub(t, Config{Tier: "S1", Clock: crawling()})
		for wait := time.Duration(0); wait == 0; { // the burst is used up
			wait, _ = h.spend(x.q, 1)
		}
		k := enter(t, h, listen(t, h), ok)
		k.say(strings.Repeat(publishBytes(x.topic, x.body), 1200))
		k.say("\xc0\x00")
		waiting := h.throttle[x.q].perMinute / 6
		for refused := 0; ; {
			p, err := packets.ReadPacket(k.conn)
			if err != nil {
				t.Fatal(err)
			}
			if _, is := p.(*packets.PingrespPacket); is {
				if refused < 1200-waiting-400 || refused == 0 { // some were served meanwhile
					t.Errorf("%s: %d of 1200 were refused before the ping, %d may wait", x.topic, refused, waiting)
				}
				break
			}
			if p, is := p.(*packets.PublishPacket); is && strings.HasPrefix(p.TopicName, "$iothub/twin/res/429/") {
				refused++
			}
		}
		k.say("\xe0\x00")
		for { // all that waited is served at once, and the end does not wait
			if _, err := packets.ReadPacket(k.conn); err != nil {
				break
			}
		}
	}
}

// What waits on one connection is bounded in bytes, too.
func TestThrottledLargeReports(t *testing.T) {
	h := newHub(t, Config{Tier: "S1", Clock: crawling()})
	for wait := time.Duration(0); wait == 0; {
		wait, _ = h.spend(twinWrites, 1)
	}
	k := enter(t, h, listen(t, h), ok)
	large := `{"a":"` + strings.Repeat("x", 30<<10) + `"}`
	go k.say(strings.Repeat(publishBytes("$iothub/twin/PATCH/properties/reported/?$rid=7", large), 100))
	for {
		p, err := packets.ReadPacket(k.conn)
		if err != nil {
			t.Fatal(err)
		}
		if p, is := p.(*packets.PublishPacket); is && strings.HasPrefix(p.TopicName, "$iothub/twin/res/429/") {
			return
		}
	}
}
