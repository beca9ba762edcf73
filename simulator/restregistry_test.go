package simulator

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/simulator/wire"
)

var (
	someTime   = regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z`)
	someKey    = regexp.MustCompile(`Key":"[A-Za-z0-9+/]{43}="`)
	generation = regexp.MustCompile(`"generationId":"\d{18}"`)
	someETag   = regexp.MustCompile(`"([eE]tag|deviceEtag)":"[A-Za-z0-9+/=]{24}"`)
)

// plain replaces what is not the same each time.
func plain(body string) string {
	body = someTime.ReplaceAllString(body, "TIME")
	body = someKey.ReplaceAllString(body, `Key":"KEY"`)
	body = generation.ReplaceAllString(body, `"generationId":"N"`)
	return someETag.ReplaceAllString(body, `"$1":"E"`)
}

// want checks an answer and gives its ETag.
func (c *caller) want(a httpAnswer, status int, body string) (etag string) {
	c.Helper()
	if got := plain(a.body); a.status != status || got != body {
		c.Errorf("%d %s\nwant %d %s", a.status, got, status, body)
	}
	return a.header.Get("ETag")
}

// identityText is what the service says of an identity with SAS.
func identityText(id, status, reason, statusTime, edge string) string {
	return `{"deviceId":"` + id + `","generationId":"N","etag":"E","connectionState":"Disconnected","status":"` + status + `","statusReason":` + reason +
		`,"connectionStateUpdatedTime":"0001-01-01T00:00:00Z","statusUpdatedTime":"` + statusTime + `","lastActivityTime":"0001-01-01T00:00:00Z",` +
		`"cloudToDeviceMessageCount":0,"capabilities":{"iotEdge":` + edge + `},"authentication":{"symmetricKey":{"primaryKey":"KEY","secondaryKey":"KEY"},` +
		`"x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},"type":"sas"}}`
}

const never = "0001-01-01T00:00:00Z"

// The life of an identity, as Node's Registry leads it.
func TestRegistry(t *testing.T) {
	c := newCaller(t, Config{})
	body := `{"deviceId":"new","status":"enabled","capabilities":{"iotEdge":true},"authentication":{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":""}}}`
	first := c.do("PUT", "/devices/new", body)
	etag := c.want(first, 200, identityText("new", "enabled", "null", never, "true"))
	if again := c.do("GET", "/devices/new", ""); again.body != first.body || again.header.Get("ETag") != etag || etag != quoted(textAt(t, first.body, "etag")) {
		t.Errorf("GET %+v\nafter PUT %+v", again, first)
	}
	if twin := c.do("GET", "/twins/new", ""); textAt(t, twin.body, "deviceEtag") != strings.Trim(etag, `"`) || !strings.HasSuffix(twin.body, `"capabilities":{"iotEdge":true}}`) {
		t.Errorf("the twin: %s, identity's etag %s", twin.body, etag)
	}
	c.wantError(c.do("PUT", "/devices/new", body), 409, "DeviceAlreadyExists", 409001)
	c.wantError(c.do("PUT", "/devices/other", `{"deviceId":"other"}`, "If-Match", `"*"`), 404, "DeviceNotFound", 404001)
	c.wantError(c.do("PUT", "/devices/new", body, "If-Match", `"AAAA"`), 412, "PreconditionFailed", 412001)

	disable := `{"deviceId":"new","status":"disabled","statusReason":"lost; found"}`
	off := c.do("PUT", "/devices/new", disable, "If-Match", etag)
	next := c.want(off, 200, identityText("new", "disabled", `"lost; found"`, "TIME", "true"))
	if keysIn(off.body) != keysIn(first.body) || next == etag {
		t.Errorf("an update without keys: %s\nafter %s", off.body, first.body)
	}
	if twin := c.do("GET", "/twins/new", ""); !strings.Contains(twin.body, `"status":"disabled","statusReason":"lost; found","statusUpdateTime":"2`) || textAt(t, twin.body, "deviceEtag") != textAt(t, off.body, "etag") {
		t.Errorf("the twin: %s", twin.body)
	}
	c.wantError(c.do("PUT", "/devices/new", disable, "If-Match", etag), 412, "PreconditionFailed", 412001)
	for _, form := range []string{`"*"`, "*", "W/"} {
		if form == "W/" {
			form += next
		}
		c.want(c.do("PUT", "/devices/new", `{"deviceId":"new","status":"ENABLED","etag":"what it was"}`, "If-Match", form), 200, identityText("new", "enabled", "null", "TIME", "true"))
		next = c.do("GET", "/devices/new", "").header.Get("ETag")
	}
	renewed := c.do("PUT", "/devices/new", body, "If-Match", strings.Trim(next, `"`))
	if renewed.status != 200 || keysIn(renewed.body) == keysIn(first.body) {
		t.Errorf("an update with empty keys kept them: %+v", renewed)
	}
	given := `{"deviceId":"new","authentication":{"symmetricKey":{"primaryKey":"MDEyMzQ1Njc4OWFiY2RlZg==","secondaryKey":"MDEyMzQ1Njc4OWFiY2RlZg=="}}}`
	if got := c.do("PUT", "/devices/new", given, "If-Match", "*"); keysIn(got.body) != `"primaryKey":"MDEyMzQ1Njc4OWFiY2RlZg==","secondaryKey":"MDEyMzQ1Njc4OWFiY2RlZg=="` {
		t.Errorf("given keys: %+v", got)
	}

	c.do("PATCH", "/twins/new", `{"tags":{"a":1}}`)
	c.wantError(c.do("DELETE", "/devices/new", "", "If-Match", etag), 412, "PreconditionFailed", 412001)
	c.want(c.do("DELETE", "/devices/new", "", "If-Match", `"*"`), 204, "")
	for _, path := range []string{"/devices/new", "/twins/new"} {
		c.wantError(c.do("GET", path, ""), 404, "DeviceNotFound", 404001)
	}
	c.wantError(c.do("DELETE", "/devices/new", ""), 404, "DeviceNotFound", 404001)
	again := c.do("PUT", "/devices/new", `{"deviceId":"new"}`)
	c.want(again, 200, identityText("new", "enabled", "null", never, "false"))
	if textAt(t, again.body, "generationId") <= textAt(t, first.body, "generationId") || keysIn(again.body) == keysIn(renewed.body) {
		t.Errorf("made again: %s\nbefore: %s", again.body, first.body)
	}
	if twin := c.do("GET", "/twins/new", ""); !strings.Contains(twin.body, `"version":2,"tags":{},`) {
		t.Errorf("its twin is not fresh: %s", twin.body)
	}
}

// textAt is a text in a JSON object.
func textAt(t testing.TB, object, name string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(object), &m); err != nil {
		t.Fatal(err, object)
	}
	text, _ := m[name].(string)
	return text
}

func keysIn(identity string) string {
	return regexp.MustCompile(`"primaryKey":[^}]*`).FindString(identity)
}

// What a client may send by mistake or with intent, and the hub goes on unchanged.
func TestRegistryRefuses(t *testing.T) {
	c := newCaller(t, Config{})
	long := strings.Repeat("x", 129)
	auth := func(text string) string { return `{"deviceId":"x","authentication":` + text + `}` }
	for _, body := range []string{
		``, ` `, `null`, `[]`, `5`, `"x"`, `{`, `{"deviceId":"x"}{}`, "{\"deviceId\":\"\xff\"}", `{}`, `{"deviceId":"y"}`, `{"deviceId":"X"}`, `{"deviceId":5}`, `{"deviceId":["x"]}`,
		`{"deviceId":"x","moduleId":"m"}`, `{"deviceId":"x","deviceId":"y"}`, strings.Repeat("[", 100000), strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
		`{"deviceId":"x","status":"on"}`, `{"deviceId":"x","status":true}`, `{"deviceId":"x","status":""}`, `{"deviceId":"x","statusReason":{}}`, `{"deviceId":"x","statusReason":"` + long + `"}`,
		`{"deviceId":"x","capabilities":[]}`, `{"deviceId":"x","capabilities":{"iotEdge":"yes"}}`, `{"deviceId":"x","deviceScope":1}`, `{"deviceId":"x","deviceScope":"` + strings.Repeat("x", 513) + `"}`,
		`{"deviceId":"x","parentScopes":"a"}`, `{"deviceId":"x","parentScopes":["` + strings.Repeat(`a","`, 10) + `a"]}`, `{"deviceId":"x","managedBy":"` + long + `"}`,
		auth(`[]`), auth(`"sas"`), auth(`{"type":1}`), auth(`{"type":"magic;al"}`), auth(`{"symmetricKey":[]}`), auth(`{"symmetricKey":{"primaryKey":1}}`),
		auth(`{"symmetricKey":{"primaryKey":"no base64!"}}`), auth(`{"symmetricKey":{"primaryKey":"MDEyMzQ1Njc4OWFiY2Rl"}}`), auth(`{"symmetricKey":{"secondaryKey":"` + strings.Repeat("AAAA", 22) + `"}}`),
		auth(`{"type":"selfSigned"}`), auth(`{"x509Thumbprint":{"primaryThumbprint":"abc"}}`), auth(`{"type":"selfSigned","x509Thumbprint":{"primaryThumbprint":"` + strings.Repeat("zz", 20) + `"}}`),
		auth(`{"type":"selfSigned","x509Thumbprint":{"secondaryThumbprint":"` + strings.Repeat("ab", 24) + `"}}`), `{"deviceId":"x","x":"` + strings.Repeat("x", maxBody) + `"}`,
	} {
		t.Run("", func(t *testing.T) {
			k := *c
			k.TB = t
			k.wantError(k.do("PUT", "/devices/x", body), 400, "ArgumentInvalid", 400004)
			if t.Failed() {
				t.Logf("%.300s", body)
			}
		})
	}
	for _, id := range []string{"a%2Fb", "%20", "a%3Bb", "a%26b", "%00", "%C3%A4", long, "a%0d%0aX: y", "dev-1%2F..%2Fdev-2", "%2F"} {
		c.wantError(c.do("PUT", "/devices/"+id, `{"deviceId":"`+strings.NewReplacer("%2F", "/", "%20", " ", "%3B", ";", "%26", "&", "%00", `\u0000`, "%C3%A4", "ä", "%0d%0a", `\r\n`).Replace(id)+`"}`), 400, "ArgumentInvalid", 400004)
		c.wantError(c.do("GET", "/devices/"+id, ""), 404, "DeviceNotFound", 404001)
		c.wantError(c.do("DELETE", "/devices/"+id, ""), 404, "DeviceNotFound", 404001)
	}
	c.wantError(c.do("GET", "/devices?top=x", ""), 400, "InvalidProtocolVersion", 400001)
	for _, top := range []string{"x", "0", "-1", "1.5"} {
		c.wantError(c.do("GET", "/devices?top="+top+"&api-version=2021-04-12", ""), 400, "ArgumentInvalid", 400004)
	}
	c.wantError(c.do("PATCH", "/devices/dev-1", `{}`), 501, "GenericNotImplemented", 501000)
	if got := fmt.Sprint(c.hub.Devices()); got != "[dev-1 dev-2]" {
		t.Errorf("devices %s", got)
	}
}

// Ids that look like parts of URLs are ids.
func TestRegistryIDs(t *testing.T) {
	c := newCaller(t, Config{})
	for _, id := range []string{"..", ".", "a?b#c", "100%", "a+b", "query", "modules", "%2F", "a:b@c=d$'(!)*,_", strings.Repeat("x", 128)} {
		path := "/devices/" + strings.NewReplacer("%", "%25", "?", "%3F", "#", "%23", ".", "%2E").Replace(id)
		c.want(c.do("PUT", path, string(encodeJSON(map[string]string{"deviceId": id}))), 200, identityText(id, "enabled", "null", never, "false"))
		c.want(c.do("GET", path, ""), 200, identityText(id, "enabled", "null", never, "false"))
		c.want(c.do("DELETE", path, ""), 204, "")
	}
}

func TestRegistryList(t *testing.T) {
	c := newCaller(t, Config{})
	for i := range 1100 {
		if err := c.hub.AddDevice(Device{ID: fmt.Sprintf("l-%04d", 1099-i), Modules: []Module{{ID: "m"}}}); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]int{
		"/devices": 1000, "/devices/": 1000, "/devices/?api-version=2021-04-12&top=5": 5, "/devices?top=1000&api-version=2021-04-12": 1000,
		"/devices?top=1001&api-version=2021-04-12": 1000,
	} {
		var docs []identityDoc
		if got := c.do("GET", path, ""); json.Unmarshal([]byte(got.body), &docs) != nil || len(docs) != want || docs[0].DeviceID != "dev-1" || docs[3].DeviceID != "l-0001" {
			t.Errorf("%s: %d identities, want %d: %.300s", path, len(docs), want, got.body)
		}
	}
	for _, id := range c.hub.Devices() {
		if err := c.hub.remove(id, ""); err != nil {
			t.Error(err)
		}
	}
	c.want(c.do("GET", "/devices", ""), 200, "[]")
}

func TestRegistryPermissions(t *testing.T) {
	c := newCaller(t, Config{})
	put := `{"deviceId":"p"}`
	for _, x := range []struct {
		method, path, body string
		policies           string // that may; iothubowner always may
	}{
		{"GET", "/devices", "", "registryRead registryReadWrite"},
		{"GET", "/devices/dev-1", "", "registryRead registryReadWrite"},
		{"GET", "/devices/dev-1/modules", "", "registryRead registryReadWrite"},
		{"GET", "/statistics/devices", "", "registryRead registryReadWrite"},
		{"GET", "/statistics/service", "", "service"},
		{"PUT", "/devices/p", put, "registryReadWrite"},
		{"DELETE", "/devices/p", "", "registryReadWrite"},
		{"POST", "/devices", `[{"id":"p","importMode":"createOrUpdate"}]`, "registryReadWrite"},
	} {
		for _, policy := range []string{"iothubowner", "service", "device", "registryRead", "registryReadWrite"} {
			c.token = policyToken(t, c.hub, policy, "localhost")
			may := policy == "iothubowner" || strings.Contains(" "+x.policies+" ", " "+policy+" ")
			got := c.do(x.method, x.path, x.body)
			if may == (got.status == 401) {
				t.Errorf("%s %s as %s: %d %s", x.method, x.path, policy, got.status, got.body)
			}
			if !may {
				c.wantError(got, 401, "IotHubUnauthorizedAccess", 401002)
			}
		}
		c.token = deviceToken(t, c.hub, "dev-1", time.Hour)
		c.wantError(c.do(x.method, x.path, x.body), 401, "IotHubUnauthorized", 401003)
	}
}

func TestStatistics(t *testing.T) {
	c := newCaller(t, Config{})
	if err := c.hub.AddDevice(Device{ID: "off", Disabled: true, Modules: []Module{{ID: "m"}}}); err != nil {
		t.Fatal(err)
	}
	connect(t, c.hub.AttachDevice, wire.MethodFeed)
	c.want(c.do("GET", "/statistics/devices", ""), 200, `{"disabledDeviceCount":1,"enabledDeviceCount":2,"totalDeviceCount":3}`)
	c.want(c.do("GET", "/statistics/service", ""), 200, `{"connectedDeviceCount":1}`)
	c.do("DELETE", "/devices/dev-1", "")
	c.want(c.do("GET", "/statistics/devices", ""), 200, `{"disabledDeviceCount":1,"enabledDeviceCount":1,"totalDeviceCount":2}`)
	c.want(c.do("GET", "/statistics/service", ""), 200, `{"connectedDeviceCount":0}`)
}

// moduleText is what the service says of a new module with SAS.
func moduleText(device, module, managedBy string) string {
	return strings.Replace(identityText(device, "enabled", "null", never, "false"), `"generationId"`, `"moduleId":"`+module+`","managedBy":"`+managedBy+`","generationId"`, 1)
}
