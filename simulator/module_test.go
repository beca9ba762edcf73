package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/simulator/wire"
)

// The life of a module over REST, and that nobody takes it for a device.
func TestModules(t *testing.T) {
	c := newCaller(t, Config{})
	body := `{"deviceId":"dev-1","moduleId":"m 1","managedBy":"IotEdge"}`
	c.wantError(c.do("PUT", "/devices/dev-1/modules/m%201", body), 400, "ArgumentInvalid", 400004)
	body = strings.ReplaceAll(body, "m 1", "$m#1")
	path := "/devices/dev-1/modules/$m%231"
	c.wantError(c.do("PUT", path, body, "If-Match", "*"), 404, "ModuleNotFound", 404010)
	c.wantError(c.do("GET", path, ""), 404, "ModuleNotFound", 404010)
	etag := c.want(c.do("PUT", path, body), 200, moduleText("dev-1", "$m#1", "IotEdge"))
	c.want(c.do("GET", path, ""), 200, moduleText("dev-1", "$m#1", "IotEdge"))
	c.wantError(c.do("PUT", path, body), 409, "ModuleAlreadyExistsOnDevice", 409301)
	c.wantError(c.do("PUT", path, body, "If-Match", "old"), 412, "PreconditionFailed", 412001)
	next := c.want(c.do("PUT", path, `{"deviceId":"dev-1","moduleId":"$m#1"}`, "If-Match", etag), 200, moduleText("dev-1", "$m#1", "IotEdge"))

	twin := c.do("GET", "/twins"+strings.TrimPrefix(path, "/devices"), "")
	if !strings.HasPrefix(twin.body, `{"deviceId":"dev-1","moduleId":"$m#1","etag":"AAAAAAAAAAE=","deviceEtag":"`+strings.Trim(next, `"`)+`","status":"enabled"`) || strings.Contains(twin.body, "managedBy") {
		t.Errorf("the twin: %+v", twin)
	}
	for _, method := range []string{"PATCH", "PUT"} {
		got := c.do(method, "/twins/dev-1/modules/$m%231", `{"tags":{"`+method+`":1},"properties":{"desired":{"d":2}}}`)
		if got.status != 200 || !strings.Contains(got.body, `"tags":{"`+method+`":1}`) || !strings.Contains(got.body, `"d":2`) {
			t.Errorf("%s: %+v", method, got)
		}
	}
	c.wantError(c.do("PATCH", "/twins/dev-1/modules/$m%231", `{}`, "If-Match", `"AAAAAAAAAAE="`), 412, "PreconditionFailed", 412001)
	if device := c.do("GET", "/twins/dev-1", "").body; !strings.Contains(device, `"tags":{}`) || strings.Contains(device, "moduleId") {
		t.Errorf("the device's twin: %s", device)
	}

	for _, x := range []struct {
		method, path, body string
		status             int
		name               string
		number             int
	}{
		{"GET", "/devices/dev-1%2F$m%231", "", 404, "DeviceNotFound", 404001},
		{"GET", "/twins/dev-1%2F$m%231", "", 404, "DeviceNotFound", 404001},
		{"PATCH", "/twins/dev-1%2F$m%231", "{}", 404, "DeviceNotFound", 404001},
		{"DELETE", "/devices/dev-1%2F$m%231", "", 404, "DeviceNotFound", 404001},
		{"POST", "/twins/dev-1%2F$m%231/methods", `{"methodName":"a"}`, 404, "DeviceNotFound", 404001},
		{"POST", "/twins/dev-1/modules//methods", `{"methodName":"a"}`, 404, "ModuleNotFound", 404010},
		{"POST", "/twins/dev-1/modules/m/methods", `{"methodName":"a"}`, 404, "ModuleNotFound", 404010},
		{"POST", "/twins/dev-1/modules/$m%231/methods", `{"methodName":"a"}`, 404, "DeviceNotOnline", 404103},
		{"GET", "/devices/dev-1/modules/a%2Fb", "", 404, "ModuleNotFound", 404010},
		{"GET", "/twins/dev-1/modules/a%2Fb", "", 404, "ModuleNotFound", 404010},
		{"GET", "/devices/nobody/modules/m", "", 404, "DeviceNotFound", 404001},
		{"GET", "/devices/nobody/modules", "", 404, "DeviceNotFound", 404001},
		{"GET", "/devices/dev-1%2F$m%231/modules", "", 404, "DeviceNotFound", 404001},
		{"PUT", "/devices/nobody/modules/m", `{"deviceId":"nobody","moduleId":"m"}`, 404, "DeviceNotFound", 404001},
		{"PUT", "/devices/dev-1/modules/m", `{"deviceId":"dev-1"}`, 400, "ArgumentInvalid", 400004},
		{"PUT", "/devices/dev-1/modules/m", `{"deviceId":"dev-2","moduleId":"m"}`, 400, "ArgumentInvalid", 400004},
		{"PUT", "/devices/dev-1/modules/a%2Fb", `{"deviceId":"dev-1","moduleId":"a/b"}`, 400, "ArgumentInvalid", 400004},
		{"PUT", "/devices/dev-1%2Fx/modules/m", `{"deviceId":"dev-1/x","moduleId":"m"}`, 400, "ArgumentInvalid", 400004},
	} {
		got := c.do(x.method, x.path, x.body)
		if t.Run(x.method+x.path, func(t *testing.T) { (&caller{TB: t}).wantError(got, x.status, x.name, x.number) }); got.status == 200 {
			t.Errorf("%s %s: %+v", x.method, x.path, got)
		}
	}

	c.do("PUT", "/devices/dev-1/modules/b", `{"deviceId":"dev-1","moduleId":"b"}`)
	c.do("PUT", "/devices/dev-2/modules/c", `{"deviceId":"dev-2","moduleId":"c"}`)
	var docs []identityDoc
	if got := c.do("GET", "/devices/dev-1/modules", ""); json.Unmarshal([]byte(got.body), &docs) != nil || len(docs) != 2 || docs[0].ModuleID != "$m#1" || docs[1].ModuleID != "b" {
		t.Errorf("modules: %+v", got)
	}
	c.want(c.do("DELETE", path, "", "If-Match", "*"), 204, "")
	c.wantError(c.do("GET", "/twins/dev-1/modules/$m%231", ""), 404, "ModuleNotFound", 404010)
	c.want(c.do("DELETE", "/devices/dev-1/modules/b", ""), 204, "")
	c.want(c.do("GET", "/devices/dev-1/modules", ""), 200, "[]")
	if got := fmt.Sprint(c.hub.Devices()); got != "[dev-1 dev-2]" {
		t.Errorf("devices %s", got)
	}
}

// Ids of devices that are like each other have modules of their own.
func TestModulesOf(t *testing.T) {
	h := newHub(t, Config{})
	ids := []string{"a", "a-", "a.b", "a0", "ab", "aa", "A", "%2F"}
	for _, id := range ids {
		if err := h.AddDevice(Device{ID: id, Modules: []Module{{ID: "m"}, {ID: "n"}}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range ids {
		var modules []string
		for _, d := range modulesOf(h.devices.listModules(), id) {
			modules = append(modules, d.id)
		}
		if got, want := fmt.Sprint(modules), fmt.Sprintf("[%s/m %s/n]", id, id); got != want {
			t.Errorf("modules of %s: %s, want %s", id, got, want)
		}
	}
	if err := h.remove("a", ""); err != nil {
		t.Fatal(err)
	}
	page, err := h.ask(inquiry{text: "SELECT deviceId FROM devices.modules WHERE STARTSWITH(deviceId, 'a')"})
	if err != nil || len(page.rows) != 10 {
		t.Errorf("left after a was deleted: %v, %v", page.rows, err)
	}
}

func TestModuleQueries(t *testing.T) {
	c := newCaller(t, Config{})
	for _, id := range []string{"x", "y"} {
		if err := c.hub.AddDevice(Device{ID: id, Tags: map[string]any{"site": "device"}, Modules: []Module{{ID: "b", Tags: map[string]any{"site": id}, ManagedBy: "IotEdge"}, {ID: "a"}}}); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		"SELECT deviceId, moduleId FROM devices.modules":                                          `[{"deviceId":"x","moduleId":"a"},{"deviceId":"x","moduleId":"b"},{"deviceId":"y","moduleId":"a"},{"deviceId":"y","moduleId":"b"}]`,
		"SELECT deviceId, moduleId FROM devices.modules WHERE deviceId IN ['y', 'nobody', 'x/a']": `[{"deviceId":"y","moduleId":"a"},{"deviceId":"y","moduleId":"b"}]`,
		"SELECT deviceId FROM devices.modules WHERE moduleId = 'b' AND tags.site = 'x'":           `[{"deviceId":"x"}]`,
		"SELECT deviceId FROM devices.modules WHERE managedBy = 'IotEdge' AND deviceId = 'x'":     `[{"deviceId":"x"}]`,
		"SELECT deviceId FROM devices WHERE is_defined(moduleId) OR is_defined(managedBy)":        `[]`,
		"SELECT deviceId FROM devices WHERE deviceId IN ['x/a', 'x']":                             `[{"deviceId":"x"}]`,
		"SELECT COUNT() AS n FROM devices":                                                        `[{"n":4}]`,
		"SELECT moduleId AS m, COUNT() AS n FROM devices.modules GROUP BY moduleId":               `[{"m":"a","n":2},{"m":"b","n":2}]`,
		"SELECT TOP 3 deviceId FROM devices.modules WHERE moduleId = 'a' AND status = 'enabled'":  `[{"deviceId":"x"},{"deviceId":"y"}]`,
	} {
		if got := c.do("POST", "/devices/query", string(encodeJSON(queryBody{text}))); got.body != want {
			t.Errorf("%s: %d %s, want %s", text, got.status, got.body, want)
		}
	}
	var seen []string
	in := hub.Query{Text: "SELECT * FROM devices.modules", PageSize: 3}
	for {
		page, err := c.hub.Client().Query(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, twin := range page.Twins {
			seen = append(seen, twin.Target.String())
		}
		if in.Continuation = page.Continuation; in.Continuation == "" {
			break
		}
	}
	if got := fmt.Sprint(seen); got != "[x/a x/b y/a y/b]" {
		t.Errorf("pages: %s", got)
	}
}

// What an SDK's module client says, byte for byte, and what it hears.
func TestModuleConversation(t *testing.T) {
	h := newHub(t, Config{})
	if err := h.AddDevice(Device{ID: "gw", Modules: []Module{{ID: "m"}}}); err != nil {
		t.Fatal(err)
	}
	address := listen(t, h)
	user := "localhost/gw/m/?api-version=2021-04-12&DeviceClientType=azure-iot-device%2F1.18.3"
	enterModule := func(token, want string) *talk {
		k := dialTCP(t, address)
		k.say(connectBytes("gw/m", user, token))
		k.hear(want)
		return k
	}
	far := h.clock.Now().Add(time.Hour)
	for name, token := range map[string]string{
		"the device's key":        deviceToken(t, h, "gw", time.Hour),
		"the device's resource":   wire.NewToken("localhost/devices/gw", "", h.key("device", "gw/m", "primary"), far),
		"a policy, one device":    policyToken(t, h, "device", "localhost/devices/dev-1"),
		"a policy, other module":  policyToken(t, h, "device", "localhost/devices/gw/modules/m2"),
		"a policy without rights": policyToken(t, h, "service", "localhost"),
	} {
		if enterModule(token, refusedAuth); t.Failed() {
			t.Fatal(name)
		}
	}
	enterModule(policyToken(t, h, "device", "localhost/devices/gw"), ok)

	k := enterModule(deviceToken(t, h, "gw/m", time.Hour), okPresent)
	k.say(frame(0x82, "\x00\x01"+text16("$iothub/methods/POST/#")+"\x00"+text16("$iothub/twin/res/#")+"\x00"+text16("$iothub/twin/PATCH/properties/desired/#")+"\x00"+
		text16("devices/gw/modules/m/inputs/#")+"\x01"+text16("devices/gw/modules/m/#")+"\x01"+text16("devices/gw/messages/devicebound/#")+"\x01"))
	k.hear("\x90\x08\x00\x01\x00\x00\x00\x01\x01\x80")
	k.say(publishBytes("$iothub/twin/GET/?$rid=1", " "))
	k.hear(publishBytes("$iothub/twin/res/200/?$rid=1", `{"desired":{"$version":1},"reported":{"$version":1}}`))
	k.say(publishBytes("$iothub/twin/PATCH/properties/reported/?$rid=2", `{"a":1}`))
	k.hear(publishBytes("$iothub/twin/res/204/?$rid=2&$version=2", ""))
	k.say(frame(0x32, text16("devices/gw/modules/m/messages/events/$.on=out")+"\x00\x09"+`{}`))
	k.hear("\x40\x02\x00\x09")

	target := hub.Target{Device: "gw", Module: "m"}
	twin, err := h.Client().UpdateTwin(t.Context(), target, hub.Patch{Desired: map[string]any{"b": 2}})
	if err != nil || twin.Target != target || twin.Reported["a"] != 1.0 || twin.ConnectionState != "Connected" {
		t.Errorf("twin %+v, %v", twin, err)
	}
	k.hear(publishBytes("$iothub/twin/PATCH/properties/desired/?$version=2", `{"$version":2,"b":2}`))

	done := make(chan result, 1)
	go func() {
		reply, err := h.Client().Invoke(context.Background(), hub.Call{Target: target, Method: "ping"})
		done <- result{reply, err}
	}()
	k.hear(publishBytes("$iothub/methods/POST/ping/?$rid=1", "null"))
	k.say(publishBytes("$iothub/methods/res/201/?$rid=1", `"pong"`))
	if r := within(t, "the answer", done); r.err != nil || r.reply.Status != 201 || r.reply.Payload != "pong" {
		t.Errorf("answer %+v", r)
	}
	if n := h.count(); n.connected != 0 {
		t.Errorf("a module counts as a connected device: %+v", n)
	}
	k.say(publishBytes("devices/gw/messages/events/", "x")) // the device's topic is not the module's
	k.hearEnd()
}

// A module that is attached does what one over MQTT does.
func TestAttachedModule(t *testing.T) {
	h := newHub(t, Config{})
	if err := h.AddDevice(Device{ID: "gw", Modules: []Module{{ID: "m"}}}); err != nil {
		t.Fatal(err)
	}
	id := wire.Identity{Device: "gw", Module: "m"}
	for name, dial := range map[string]wire.Dial{"attached": h.AttachDevice, "pipe": dialMQTT(h, pipes(t, h))} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t).answering(200)
			f.dial(dial, wire.Options{Identity: id, CleanSession: true})
			f.subscribe(wire.MethodFeed | wire.InputFeed)
			f.send(wire.Telemetry{Body: []byte("{}")})
			reply, err := h.Client().Invoke(t.Context(), hub.Call{Target: hub.Target{Device: "gw", Module: "m"}, Method: "echo", Payload: 5})
			if err != nil || reply.Payload != 5.0 {
				t.Errorf("%+v, %v", reply, err)
			}
			if _, err := h.Client().Invoke(t.Context(), hub.Call{Target: hub.Target{Device: "gw"}, Method: "echo"}); hub.KindOf(err) != hub.Offline {
				t.Errorf("the device of a connected module: %v", err)
			}
			f.conn.Close()
			within(t, "the end", f.closed)
		})
	}
	for _, id := range []wire.Identity{{Device: "gw/m"}, {Device: "gw", Module: "m/"}, {Device: "gw", Module: "n"}, {Module: "m"}} {
		if _, err := h.AttachDevice(t.Context(), wire.Options{Identity: id}, newFake(t)); err == nil {
			t.Errorf("%+v is attached", id)
		}
	}
	for _, target := range []hub.Target{{Device: "gw/m"}, {Device: "gw", Module: "m/"}, {Module: "m"}} {
		if _, err := h.Client().Twin(t.Context(), target); hub.KindOf(err) != hub.NotFound {
			t.Errorf("the twin of %+v: %v", target, err)
		}
	}
}

// AddDevice makes all of a device or nothing.
func TestAddDeviceWithModules(t *testing.T) {
	h := newHub(t, Config{})
	for says, d := range map[string]Device{
		"no module id":      {ID: "x", Modules: []Module{{ID: "fine"}, {ID: "a b"}}},
		"a module has an":   {ID: "x", Modules: []Module{{}}},
		"there already":     {ID: "x", Modules: []Module{{ID: "m"}, {ID: "m"}}},
		"control":           {ID: "x", Modules: []Module{{ID: "m"}, {ID: "n", Tags: map[string]any{"a.b": 1}}}},
		"hexadecimal":       {ID: "x", PrimaryThumbprint: "xyz"},
		"needs a thumb":     {ID: "x", Authentication: SelfSigned},
		"none of sas":       {ID: "x", Authentication: "password"},
		"128 characters":    {ID: "x", StatusReason: strings.Repeat("x", 129)},
		"16 to 64 bytes":    {ID: "x", Modules: []Module{{ID: "m", PrimaryKey: []byte("short")}}},
		"32768 are allowed": {ID: "x", Modules: []Module{{ID: "m", Desired: big(40000)}}},
	} {
		if err := h.AddDevice(d); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", d, err, says)
		}
	}
	if got := fmt.Sprint(h.Devices(), h.devices.listModules()); got != "[dev-1 dev-2] []" {
		t.Errorf("left: %s", got)
	}
	key := []byte("0123456789abcdef")
	if err := h.AddDevice(Device{ID: "x", Modules: []Module{{ID: "m", PrimaryKey: key}}}); err != nil {
		t.Fatal(err)
	}
	cs, err := h.DeviceConnectionString("x/m")
	if want := "HostName=localhost;DeviceId=x;ModuleId=m;SharedAccessKey=MDEyMzQ1Njc4OWFiY2RlZg=="; err != nil || cs.String() != want {
		t.Errorf("%s, %v; want %s", cs, err, want)
	}
}
