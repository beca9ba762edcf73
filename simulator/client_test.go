package simulator

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/simulator/wire"
)

var (
	_ hub.Hub    = (*Client)(nil)
	_ hub.Pusher = (*Client)(nil)
)

// Each thing that goes wrong has its kind, and says which device and what to do.
func TestClientErrors(t *testing.T) {
	h := newHub(t, Config{})
	c := h.Client()
	dev, module := hub.Target{Device: "dev-1"}, hub.Target{Device: "dev-1", Module: "m"}
	update := func(t2 hub.Target, p hub.Patch) error {
		_, err := c.UpdateTwin(t.Context(), t2, p)
		return err
	}
	read := func(t2 hub.Target) error {
		_, err := c.Twin(t.Context(), t2)
		return err
	}
	invoke := func(change func(*hub.Call)) error {
		call := calling("reboot")
		change(&call)
		_, err := c.Invoke(t.Context(), call)
		return err
	}
	ask := func(q hub.Query) error {
		_, err := c.Query(t.Context(), q)
		return err
	}
	for _, x := range []struct {
		err  error
		kind hub.Kind
		says string
	}{
		{read(hub.Target{Device: "x"}), hub.NotFound, "read the twin on x: the simulator has no device x; check the id"},
		{read(module), hub.NotFound, "device dev-1 has no module m"},
		{update(hub.Target{Device: "x"}, hub.Patch{}), hub.NotFound, "update the twin on x"},
		{update(module, hub.Patch{}), hub.NotFound, "dev-1/m"},
		{update(dev, hub.Patch{IfMatch: "old"}), hub.Conflict, "read it again"},
		{update(dev, hub.Patch{Tags: map[string]any{"a b": 1}}), hub.Invalid, "'a b'"},
		{update(dev, hub.Patch{Desired: map[string]any{"a": math.NaN()}}), hub.Invalid, "JSON"},
		{update(dev, hub.Patch{Tags: map[string]any{"a": strings.Repeat("x", 4000), "b": strings.Repeat("x", 4000), "c": strings.Repeat("x", 4000)}}), hub.Invalid, "12003 bytes, and 8192 are allowed"},
		{invoke(func(c *hub.Call) {}), hub.Offline, "call reboot on dev-1: device dev-1 is not connected, or has not subscribed to methods; start it"},
		{invoke(func(c *hub.Call) { c.Device = "x" }), hub.NotFound, "call reboot on x"},
		{invoke(func(c *hub.Call) { c.Module = "m" }), hub.NotFound, "module"},
		{invoke(func(c *hub.Call) { c.Method = "a b" }), hub.Invalid, `"a b" cannot be a method's name`},
		{invoke(func(c *hub.Call) { c.Response = 301 * time.Second }), hub.Invalid, "from 5s to 5m, not 5m1s"},
		{invoke(func(c *hub.Call) { c.Connect = -1 }), hub.Invalid, "from 0s to 5m, not -1ns"},
		{invoke(func(c *hub.Call) { c.Connect = 1000 * 24 * time.Hour }), hub.Invalid, "from 0s to 5m, not 1000d"},
		{invoke(func(c *hub.Call) { c.Connect = 26 * time.Hour }), hub.Invalid, "from 0s to 5m, not 26h"},
		{invoke(func(c *hub.Call) { c.Payload = func() {} }), hub.Invalid, "cannot be JSON"},
		{invoke(func(c *hub.Call) { c.Payload = strings.Repeat("x", maxMethodBody) }), hub.Invalid, "131072 are allowed"},
		{ask(hub.Query{Text: "SELECT"}), hub.Invalid, "query:"},
		{ask(hub.Query{Text: "SELECT * FROM devices", Continuation: "x"}), hub.Invalid, "begin again"},
	} {
		if hub.KindOf(x.err) != x.kind || !strings.Contains(x.err.Error(), x.says) {
			t.Errorf("%v (%s), want %s and %q", x.err, hub.KindOf(x.err), x.kind, x.says)
		}
		if e, ok := x.err.(*hub.Error); ok && e.Sent {
			t.Errorf("%v: nothing was sent", x.err)
		}
	}
}

func TestClientTwin(t *testing.T) {
	h := newHub(t, Config{})
	c := h.Client()
	if err := h.AddDevice(Device{ID: "new", Tags: map[string]any{"site": "x"}, Desired: map[string]any{"i": 5}}); err != nil {
		t.Fatal(err)
	}
	before, err := c.Twin(t.Context(), hub.Target{Device: "new"})
	if err != nil || before.DesiredVersion != 2 || before.Tags["site"] != "x" || before.Desired["i"] != 5.0 || before.Reported == nil || before.Status != "enabled" || before.ConnectionState != "Disconnected" {
		t.Errorf("%+v, %v", before, err)
	}
	after, err := c.UpdateTwin(t.Context(), hub.Target{Device: "new"}, hub.Patch{Tags: map[string]any{"site": nil}, Desired: map[string]any{"i": 6}, IfMatch: before.ETag})
	if err != nil || fmt.Sprint(after.Tags, after.Desired, after.DesiredVersion) != "map[] map[i:6] 3" || after.ETag == before.ETag {
		t.Errorf("%+v, %v", after, err)
	}
	if before.Tags["site"] != "x" || before.Desired["i"] != 5.0 {
		t.Errorf("a twin that was read has changed: %+v", before)
	}
	if meta, ok := after.DesiredMetadata["i"].(map[string]any); !ok || meta["$lastUpdated"] == nil || meta["$lastUpdatedVersion"] != 3.0 {
		t.Errorf("metadata %v", after.DesiredMetadata)
	}
}

func TestClientQuery(t *testing.T) {
	c := newHub(t, Config{}).Client()
	page, err := c.Query(t.Context(), hub.Query{Text: "SELECT * FROM devices", PageSize: 1})
	if err != nil || len(page.Twins) != 1 || page.Rows != nil || page.Twins[0].Device != "dev-1" {
		t.Errorf("%+v, %v", page, err)
	}
	page, err = c.Query(t.Context(), hub.Query{Text: "SELECT * FROM devices", Continuation: page.Continuation})
	if err != nil || len(page.Twins) != 1 || page.Continuation != "" || page.Twins[0].Device != "dev-2" {
		t.Errorf("the second page: %+v, %v", page, err)
	}
	page, err = c.Query(t.Context(), hub.Query{Text: "SELECT deviceId, properties.desired AS d FROM devices WHERE deviceId = 'dev-1'"})
	if err != nil || page.Twins != nil || len(page.Rows) != 1 || page.Rows[0]["d"].(map[string]any)["$version"] != 1.0 {
		t.Errorf("rows are not plain JSON: %+v, %v", page, err)
	}
}

func TestAddDeviceRefuses(t *testing.T) {
	h := newHub(t, Config{})
	for says, d := range map[string]Device{
		"no device id":      {ID: "a b"},
		"there already":     {ID: "dev-1"},
		"16 to 64 bytes":    {ID: "k", PrimaryKey: []byte("short")},
		"control":           {ID: "t", Tags: map[string]any{"a.b": 1}},
		"32768 are allowed": {ID: "d", Desired: big(40000)},
	} {
		if err := h.AddDevice(d); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", d.ID, err, says)
		}
	}
	if got := fmt.Sprint(h.Devices()); got != "[dev-1 dev-2]" {
		t.Errorf("devices %s", got)
	}
}

func big(n int) map[string]any {
	m := map[string]any{}
	for i := 0; n > 0; i, n = i+1, n-4000 {
		m[fmt.Sprint(i)] = strings.Repeat("x", 4000)
	}
	return m
}

// With a seed keys are the same each time, without one they never are; given keys are taken.
func TestKeys(t *testing.T) {
	key := func(seed string) string {
		h, err := New(Config{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.AddDevice(Device{ID: "d"}); err != nil {
			t.Fatal(err)
		}
		dev, err := h.DeviceConnectionString("d")
		if err != nil {
			t.Fatal(err)
		}
		service, err := h.ConnectionString("service")
		if err != nil {
			t.Fatal(err)
		}
		return dev.String() + service.String()
	}
	for _, x := range []struct {
		first, second string
		same          bool
	}{{"a", "a", true}, {"a", "b", false}, {"", "", false}} {
		if (key(x.first) == key(x.second)) != x.same {
			t.Errorf("seeds %q and %q: same keys %v, want %v", x.first, x.second, !x.same, x.same)
		}
	}
	h := newHub(t, Config{HostName: "desk"})
	given := []byte("0123456789abcdef")
	if err := h.AddDevice(Device{ID: "g", PrimaryKey: given}); err != nil {
		t.Fatal(err)
	}
	cs, err := h.DeviceConnectionString("g")
	if want := "HostName=127.0.0.1:1883;DeviceId=g;SharedAccessKey=MDEyMzQ1Njc4OWFiY2RlZg=="; err != nil || cs.At("127.0.0.1:1883").String() != want {
		t.Errorf("%s, %v; want %s", cs, err, want)
	}
	if back, err := wire.ParseConnectionString(cs.String()); err != nil || back.Host != "desk" {
		t.Errorf("%+v, %v", back, err)
	}
	if _, err := h.DeviceConnectionString("nobody"); err == nil {
		t.Error("an unknown device has a connection string")
	}
	if _, err := h.ConnectionString("nobody"); err == nil {
		t.Error("an unknown policy has a connection string")
	}
	if _, err := New(Config{HostName: "a/b"}); err == nil {
		t.Error("a/b is no host name")
	}
}
