package simulator

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/simulator/wire"
)

// A caller is a service that speaks HTTP.
type caller struct {
	testing.TB
	hub    *Hub
	server *httptest.Server
	token  string
}

func newCaller(t testing.TB, c Config) *caller {
	h := newHub(t, c)
	s := httptest.NewServer(h.Handler())
	t.Cleanup(s.Close)
	return &caller{t, h, s, policyToken(t, h, "iothubowner", "localhost")}
}

func policyToken(t testing.TB, h *Hub, policy, resource string) string {
	t.Helper()
	cs, err := h.ConnectionString(policy)
	if err != nil {
		t.Fatal(err)
	}
	return wire.NewToken(resource, policy, cs.Key, h.clock.Now().Add(time.Hour))
}

type httpAnswer struct {
	status int
	header http.Header
	body   string
}

func (c *caller) do(method, path, body string, headers ...string) httpAnswer {
	c.Helper()
	if !strings.Contains(path, "api-version") {
		path += "?api-version=2021-04-12"
	}
	r, err := http.NewRequest(method, c.server.URL+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("Authorization", c.token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.Fatal(err)
	}
	if kind := answer.Header.Get("Content-Type"); kind != "application/json; charset=utf-8" && answer.StatusCode != http.StatusNoContent {
		c.Errorf("%s %s: content type %q", method, path, kind)
	}
	return httpAnswer{answer.StatusCode, answer.Header, string(text)}
}

// wantError checks an error as SDKs read it. Form 1: "ErrorCode:Name;text". Form 2, for methods:
// JSON within the text.
func (c *caller) wantError(a httpAnswer, status int, name string, number int) {
	c.Helper()
	var body map[string]string
	err := json.Unmarshal([]byte(a.body), &body)
	form1 := regexp.MustCompile(`^ErrorCode:` + name + `;[^;]+$`).MatchString(body["Message"])
	var inner struct {
		ErrorCode           int
		Message, TrackingID string
	}
	form2 := json.Unmarshal([]byte(body["Message"]), &inner) == nil && inner.ErrorCode == number && inner.Message != "" && inner.TrackingID != "" && body["ExceptionMessage"] == ""
	if err != nil || a.status != status || a.header.Get("iothub-errorcode") != name || len(body) != 2 || form1 == form2 {
		c.Errorf("%d %s %s, %v; want %d %s %d", a.status, a.header.Get("iothub-errorcode"), a.body, err, status, name, number)
	}
}

// A new device's twin, as documented samples have it.
func TestRESTNewTwin(t *testing.T) {
	c := newCaller(t, Config{})
	got := c.do("GET", "/twins/dev-1", "")
	want := `{"deviceId":"dev-1","etag":"AAAAAAAAAAE=","deviceEtag":"DIGITS","status":"enabled","statusUpdateTime":"0001-01-01T00:00:00Z",` +
		`"connectionState":"Disconnected","lastActivityTime":"0001-01-01T00:00:00Z","cloudToDeviceMessageCount":0,"authenticationType":"sas",` +
		`"x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},"modelId":"","version":2,"tags":{},` +
		`"properties":{"desired":{"$metadata":{"$lastUpdated":"TIME"},"$version":1},"reported":{"$metadata":{"$lastUpdated":"TIME"},"$version":1}},` +
		`"capabilities":{"iotEdge":false}}`
	body := regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z`).ReplaceAllString(got.body, "TIME")
	body = regexp.MustCompile(`"deviceEtag":"[^"]+"`).ReplaceAllString(body, `"deviceEtag":"DIGITS"`)
	if got.status != 200 || body != want || got.header.Get("ETag") != `"AAAAAAAAAAE="` {
		t.Errorf("%d etag %s\n got %s\nwant %s", got.status, got.header.Get("ETag"), body, want)
	}
}

func TestRESTTwins(t *testing.T) {
	c := newCaller(t, Config{})
	got := c.do("PATCH", "/twins/dev-1", `{"tags":{"site":"berlin"},"properties":{"desired":{"a":1}}}`, "If-Match", `"AAAAAAAAAAE="`)
	if got.status != 200 || !strings.Contains(got.body, `"tags":{"site":"berlin"}`) || got.header.Get("ETag") != `"AAAAAAAAAAI="` {
		t.Errorf("PATCH: %+v", got)
	}
	got = c.do("PUT", "/twins/dev-1", `{"tags":{"x":1}}`, "If-Match", `"*"`)
	if got.status != 200 || !strings.Contains(got.body, `"tags":{"x":1}`) || !strings.Contains(got.body, `"a":1`) {
		t.Errorf("PUT: %+v", got)
	}
	c.wantError(c.do("PATCH", "/twins/dev-1", `{}`, "If-Match", `"AAAAAAAAAAE="`), 412, "PreconditionFailed", 412001)
	c.wantError(c.do("PATCH", "/twins/dev-1", `{"tags":{"a b;c":1}}`), 400, "ArgumentInvalid", 400004)
	c.wantError(c.do("PATCH", "/twins/dev-1", `{"tags":{"a":"`+strings.Repeat("x", maxBody)+`"}}`), 400, "ArgumentInvalid", 400004)
	c.wantError(c.do("GET", "/twins/nobody", ""), 404, "DeviceNotFound", 404001)
	c.wantError(c.do("GET", "/twins/dev-1/modules/m", ""), 404, "ModuleNotFound", 404010)
	c.wantError(c.do("GET", "/twins/dev-1?api-version=1", ""), 400, "InvalidProtocolVersion", 400001)
	c.wantError(c.do("GET", "/twins/dev-1?api-version=", ""), 400, "InvalidProtocolVersion", 400001)
	c.wantError(c.do("DELETE", "/twins/dev-1", ""), 501, "GenericNotImplemented", 501000)
	c.wantError(c.do("GET", "/a%3Bb", ""), 501, "GenericNotImplemented", 501000)
}

// An id may hold what routers take for their own.
func TestRESTIDs(t *testing.T) {
	c := newCaller(t, Config{})
	for id, path := range map[string]string{"..": "%2E%2E", "a?b#c": "a%3Fb%23c", "100%": "100%25", "a+b": "a+b", "query": "query"} {
		if err := c.hub.AddDevice(Device{ID: id}); err != nil {
			t.Fatal(err)
		}
		if got := c.do("GET", "/twins/"+path, ""); got.status != 200 || !strings.Contains(got.body, fmt.Sprintf(`"deviceId":%q`, id)) {
			t.Errorf("device %q: %d %s", id, got.status, got.body)
		}
		if got := c.do("GET", "/devices/"+path, ""); got.status != 200 || got.header.Get("ETag") == "" || !strings.Contains(got.body, `"authentication":{"symmetricKey":{"primaryKey":"`) {
			t.Errorf("identity of %q: %+v", id, got)
		}
	}
	c.wantError(c.do("GET", "/devices/nobody", ""), 404, "DeviceNotFound", 404001)
}

// nest is a list in a list, and so on.
func nest(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

func TestRESTMethods(t *testing.T) {
	c := newCaller(t, Config{Clock: fast()})
	path := "/twins/dev-1/methods"
	c.wantError(c.do("POST", path, `{"methodName":"a"}`), 404, "DeviceNotOnline", 404103)
	c.wantError(c.do("POST", "/twins/nobody/methods", `{"methodName":"a"}`), 404, "DeviceNotFound", 404001)
	for _, body := range []string{`{`, `[]`, `{}`, `{"methodName":"a/b"}`, `{"methodName":"a","responseTimeoutInSeconds":4}`, `{"methodName":"a","responseTimeoutInSeconds":301}`,
		`{"methodName":"a","connectTimeoutInSeconds":-1}`, `{"methodName":"a","connectTimeoutInSeconds":1e300}`, `{"methodName":5}`,
		`{"methodName":"a","payload":"` + strings.Repeat("x", maxMethodBody) + `"}`, `{"methodName":"a","payload":` + nest(wire.MaxMethodDepth+1) + `}`, `{"methodName":"a","payload":` + nest(100_000) + `}`} {
		a := c.do("POST", path, body)
		if c.wantError(a, 400, "ArgumentInvalid", 400004); strings.Contains(body, "[[") && !strings.Contains(a.body, "nests deeper than 5") {
			t.Errorf("a deep payload: %s", a.body)
		}
	}

	f := newFake(t)
	f.onMethod = func(conn wire.Conn, m wire.MethodRequest) {
		switch m.Method {
		case "echo":
			conn.Send(wire.MethodResponse{RID: m.RID, Status: 404, Body: m.Body})
		case "empty":
			conn.Send(wire.MethodResponse{RID: m.RID, Status: 200})
		case "bad":
			conn.Send(wire.MethodResponse{RID: m.RID, Status: 200, Body: []byte("ok")})
		case "reboot":
			conn.Close()
		}
	}
	f.dial(c.hub.AttachDevice, wire.Options{Identity: wire.Identity{Device: "dev-1"}})
	f.subscribe(wire.MethodFeed)
	for body, want := range map[string]string{
		`{"methodName":"echo","timeoutInSeconds":1}`:                                           `{"status":404,"payload":null}`,
		`{"methodName":"echo","payload":` + nest(wire.MaxMethodDepth) + `}`:                    `{"status":404,"payload":` + nest(wire.MaxMethodDepth) + `}`,
		`{"methodName":"echo","payload":null}`:                                                 `{"status":404,"payload":null}`,
		`{"methodName":"echo","payload":{"n": 12345678901234567890, "t":"<ä>"}}`:               `{"status":404,"payload":{"n":12345678901234567890,"t":"<ä>"}}`,
		`{"methodName":"empty","connectTimeoutInSeconds":60,"responseTimeoutInSeconds":300.5}`: ``,
		`{"methodName":"empty","connectTimeoutInSeconds":60,"responseTimeoutInSeconds":300}`:   `{"status":200,"payload":null}`,
	} {
		if want == "" {
			c.wantError(c.do("POST", path, body), 400, "ArgumentInvalid", 400004)
		} else if got := c.do("POST", path, body); got.status != 200 || got.body != want {
			t.Errorf("%s: %d %s, want %s", body, got.status, got.body, want)
		}
	}
	c.wantError(c.do("POST", path, `{"methodName":"bad"}`), 502, "GenericBadGateway", 502000)
	late := c.do("POST", path, `{"methodName":"silent","responseTimeoutInSeconds":65}`)
	if c.wantError(late, 504, "GatewayTimeout", 504101); !strings.Contains(late.body, `\"info\":{\"timeout\":\"00:01:05\"}`) {
		t.Errorf("the time that was waited: %s", late.body)
	}
	c.wantError(c.do("POST", path, `{"methodName":"reboot"}`), 404, "DeviceConnectionClosedRemotely", 404104)
}

func TestRESTAuth(t *testing.T) {
	c := newCaller(t, Config{})
	owner := c.token
	service, _ := c.hub.ConnectionString("service")
	later := c.hub.clock.Now().Add(time.Hour)
	for name, x := range map[string]struct {
		token, path string
		ok          bool
	}{
		"owner":                     {owner, "/twins/dev-1", true},
		"service":                   {policyToken(t, c.hub, "service", "LOCALHOST:443"), "/twins/dev-1", true},
		"a token for one device":    {policyToken(t, c.hub, "service", "localhost/twins/dev-1"), "/twins/dev-1", true},
		"for another device":        {policyToken(t, c.hub, "service", "localhost/twins/dev-1"), "/twins/dev-2", false},
		"for a prefix of the id":    {policyToken(t, c.hub, "service", "localhost/twins/dev"), "/twins/dev-1", false},
		"registry may not read":     {policyToken(t, c.hub, "registryReadWrite", "localhost"), "/twins/dev-1", false},
		"device may not read":       {policyToken(t, c.hub, "device", "localhost"), "/twins/dev-1", false},
		"registry reads identities": {policyToken(t, c.hub, "registryRead", "localhost"), "/devices/dev-1", true},
		"service does not":          {policyToken(t, c.hub, "service", "localhost"), "/devices/dev-1", false},
		"another hub":               {policyToken(t, c.hub, "service", "other.net"), "/twins/dev-1", false},
		"wrong key":                 {wire.NewToken("localhost", "iothubowner", service.Key, later), "/twins/dev-1", false},
		"unknown policy":            {wire.NewToken("localhost", "nobody", service.Key, later), "/twins/dev-1", false},
		"no policy":                 {wire.NewToken("localhost", "", service.Key, later), "/twins/dev-1", false},
		"expired":                   {wire.NewToken("localhost", "service", service.Key, later.Add(-2*time.Hour)), "/twins/dev-1", false},
		"milliseconds":              {wire.NewToken("localhost", "service", service.Key, time.Unix(later.UnixMilli(), 0)), "/twins/dev-1", true},
		"bearer":                    {"Bearer abc", "/twins/dev-1", false},
		"nothing":                   {"", "/twins/dev-1", false},
		"unknown path, no token":    {"", "/x", false},
	} {
		c.token = x.token
		got := c.do("GET", x.path, "")
		if x.ok && got.status != 200 || !x.ok && (got.status != 401 || !strings.HasPrefix(got.header.Get("iothub-errorcode"), "IotHubUnauthorized")) {
			t.Errorf("%s: %d %s, want in: %v", name, got.status, got.body, x.ok)
		}
	}
}

func TestRESTQuery(t *testing.T) {
	c := newCaller(t, Config{})
	for i := range 25 {
		if err := c.hub.AddDevice(Device{ID: fmt.Sprintf("q-%02d", i), Tags: map[string]any{"site": []string{"a", "b", "c"}[i%3], "n": i}}); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(text string, headers ...string) httpAnswer {
		t.Helper()
		body, _ := json.Marshal(queryBody{text})
		return c.do("POST", "/devices/query", string(body), headers...)
	}
	for text, want := range map[string]string{
		"SELECT deviceId, tags.n FROM devices WHERE tags.n >= 24":                                   `Raw [{"deviceId":"q-24","n":24}]`,
		"SELECT COUNT() AS n FROM devices":                                                          `Raw [{"n":27}]`,
		"SELECT tags.site AS s, COUNT() AS n FROM devices WHERE tags.n < 4 GROUP BY tags.site":      `Raw [{"n":2,"s":"a"},{"n":1,"s":"b"},{"n":1,"s":"c"}]`,
		"SELECT deviceId FROM devices WHERE deviceId IN ['q-03', 'no', 'q-01']":                     `Raw [{"deviceId":"q-01"},{"deviceId":"q-03"}]`,
		"SELECT deviceId FROM devices WHERE properties.desired.$version = 1 AND deviceId = 'dev-1'": `Raw [{"deviceId":"dev-1"}]`,
		"SELECT TOP 1 deviceId FROM devices WHERE status = 'enabled'":                               `Raw [{"deviceId":"dev-1"}]`,
		"SELECT * FROM devices WHERE tags.n > 100":                                                  `Twin []`,
		"SELECT * FROM devices.modules":                                                             `Twin []`,
		"SELECT deviceId FROM devices WHERE tags.n > 100":                                           `Raw []`,
	} {
		got := ask(text)
		if _, more := got.header["X-Ms-Continuation"]; more || got.status != 200 || got.header.Get("x-ms-item-type")+" "+got.body != want {
			t.Errorf("%s: %d %s %s, want %s", text, got.status, got.header.Get("x-ms-item-type"), got.body, want)
		}
	}

	for _, text := range []string{"SELECT * FROM devices", "SELECT deviceId FROM devices", "SELECT TOP 23 * FROM devices"} {
		var ids []string
		token, pages := "", 0
		for {
			headers := []string{"x-ms-max-item-count", "7"}
			if token != "" {
				headers = []string{"x-ms-continuation", token}
			}
			got := ask(text, headers...)
			var rows []struct{ DeviceID string }
			if err := json.Unmarshal([]byte(got.body), &rows); err != nil || got.status != 200 || len(rows) > 7 {
				t.Fatalf("%s: %d %.100s %v", text, got.status, got.body, err)
			}
			for _, r := range rows {
				ids = append(ids, r.DeviceID)
			}
			pages++
			if token = got.header.Get("x-ms-continuation"); token == "" {
				break
			}
		}
		want := c.hub.Devices()
		if strings.Contains(text, "TOP") {
			want = want[:23]
		}
		if !slices.Equal(ids, want) || pages != 4 {
			t.Errorf("%s: %d pages with %q, want 4 with %q", text, pages, ids, want)
		}
	}
	if got := ask("SELECT tags.n AS n, COUNT() AS c FROM devices WHERE is_defined(tags.n) GROUP BY tags.n", "x-ms-max-item-count", "24"); got.header.Get("x-ms-continuation") == "" {
		t.Error("25 groups fit a page of 24")
	} else if last := ask("SELECT tags.n AS n, COUNT() AS c FROM devices WHERE is_defined(tags.n) GROUP BY tags.n", "x-ms-continuation", got.header.Get("x-ms-continuation")); last.body != `[{"c":1,"n":24}]` {
		t.Errorf("the second page of groups: %s", last.body)
	}

	first := ask("SELECT * FROM devices", "x-ms-max-item-count", "1").header.Get("x-ms-continuation")
	for name, got := range map[string]httpAnswer{
		"bad query":        ask("SELECT nothing; at all"),
		"a semicolon":      ask("SELECT * FROM devices;"),
		"no query":         c.do("POST", "/devices/query", `{}`),
		"no JSON":          c.do("POST", "/devices/query", `x`),
		"bad token":        ask("SELECT * FROM devices", "x-ms-continuation", "abc"),
		"token of another": ask("SELECT * FROM devices WHERE tags.n = 1", "x-ms-continuation", first),
		"page size 0":      ask("SELECT * FROM devices", "x-ms-max-item-count", "0"),
		"page size x":      ask("SELECT * FROM devices", "x-ms-max-item-count", "x"),
	} {
		t.Run(name, func(t *testing.T) { (&caller{TB: t}).wantError(got, 400, "ArgumentInvalid", 400004) })
	}
	for text, want := range map[string]string{
		"SELECT * FROM devices;":                   "col 22: unexpected semicolon: a query ends without one",
		"SELECT * FROM devices ORDER BY x":         `found 'ORDER' (there is no ORDER BY: sort the rows after the query)`,
		"SELECT * FROM devices WHERE status 'a;b'": `found the string 'a,b'`,
	} {
		if got := ask(text).body; !strings.Contains(strings.ReplaceAll(got, `\"`, "'"), want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// An error is answered at once, whether or not the body comes that it is about; then the connection ends. One
// that can go on does.
func TestRESTErrorsDoNotWaitForBodies(t *testing.T) {
	h := newHub(t, Config{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go h.ServeREST(t.Context(), l)
	right := "Authorization: " + policyToken(t, h, "service", "localhost") + "\r\n"
	for name, c := range map[string]struct {
		headers, body string
		status        int
		goesOn        bool
	}{
		"no token, no body":         {"Content-Length: 100\r\n", "", 401, false},
		"no token, part of a body":  {"Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n", 401, false},
		"no token, a body":          {"Content-Length: 2\r\n", "{}", 401, true},
		"no token, asks beforehand": {"Content-Length: 2\r\nExpect: 100-continue\r\n", "", 401, false},
		"too large":                 {right + "Content-Length: 1048577\r\n", "", 400, false},
		"far too large":             {right + "Content-Length: 99999999999\r\n", "{}", 400, false},
		"a wrong body":              {right + "Content-Length: 2\r\n", "{]", 400, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			in := bufio.NewReader(conn)
			for range 2 {
				fmt.Fprint(conn, "PATCH /twins/dev-1?api-version=2021-04-12 HTTP/1.1\r\nHost: localhost\r\n"+c.headers+"\r\n"+c.body)
				a, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, a.Body)
				if a.StatusCode != c.status || a.Close == c.goesOn {
					t.Errorf("%d, close: %t", a.StatusCode, a.Close)
				}
				if !c.goesOn {
					break
				}
			}
			if !c.goesOn {
				if _, err := in.ReadByte(); errors.Is(err, os.ErrDeadlineExceeded) || err == nil {
					t.Errorf("the connection goes on: %v", err)
				}
			}
		})
	}
}

// A member of the wrong kind is named in the words of the body, not of our code.
func TestRESTWrongKinds(t *testing.T) {
	c := newCaller(t, Config{})
	for _, x := range []struct{ method, path, body, want string }{
		{"POST", "/devices/query", `[1]`, "is not a query: expected an object, found a list"},
		{"POST", "/devices/query", `{"query":5}`, "is not a query: query: expected a string, found a number"},
		{"POST", "/twins/dev-1/methods", `"a"`, "is not a method call: expected an object, found a string"},
		{"POST", "/twins/dev-1/methods", `{"methodName":"a","responseTimeoutInSeconds":1e999}`, "responseTimeoutInSeconds: the number is out of range"},
		{"PUT", "/jobs/v2/j", `{"cloudToDeviceMethod":{"methodName":true}}`, "is not a job: cloudToDeviceMethod.methodName: expected a string, found true or false"},
		{"PUT", "/devices/dev-1", `{"deviceId":"dev-1","status":7}`, "is not an identity: status: expected a string, found a number"},
		{"PUT", "/devices/dev-1", `{"deviceId":"dev-1","capabilities":{"iotEdge":"yes"}}`, "capabilities.iotEdge: expected true or false, found a string"},
		{"POST", "/devices", `{}`, "is not a list of identities: expected a list, found an object"},
		{"PATCH", "/twins/dev-1", `{"tags":{"a":"\ud83d"}}`, `\\ud83d is half of a character`},
		{"PATCH", "/twins/dev-1", "{\"tags\":{\"a\":\"\xff\"}}", "not UTF-8"},
		{"POST", "/twins/dev-1/methods", `{"methodName":"a","payload":"\ude00"}`, "half of a character"},
		{"POST", "/twins/dev-1/methods", "{\"methodName\":\"a\",\"payload\":\"\xff\"}", "not UTF-8"},
		{"PUT", "/jobs/v2/j", with(siteJob, `"x":"\ud83d"`), "half of a character"},
		{"POST", "/twinbook/messages/dev-1", `{"properties":{"a":{}}}`, "is not a message: properties: expected a string, found an object"},
		{"PUT", "/devices/dev-1", `{"deviceId":"dev-1","authentication":{"symmetricKey":{"primaryKey":"AAAAAAAAAAAAAAAAAAAAAA==\n"}}}`, "without line breaks"},
	} {
		if a := c.do(x.method, x.path, x.body); a.status != 400 || !strings.Contains(a.body, x.want) {
			t.Errorf("%s: %d %s, want %s", x.body, a.status, a.body, x.want)
		}
	}
}

// ServeREST ends with its context, though a client is waiting for a device.
func TestServeRESTEnds(t *testing.T) {
	h := newHub(t, Config{})
	f := connect(t, h.AttachDevice, wire.MethodFeed)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.ServeREST(ctx, l) }()
	c := &caller{t, h, &httptest.Server{URL: "http://" + l.Addr().String()}, policyToken(t, h, "service", "localhost")}
	if got := c.do("GET", "/twins/dev-1", ""); got.status != 200 {
		t.Errorf("GET: %+v", got)
	}
	answered := make(chan httpAnswer, 1)
	go func() { answered <- c.do("POST", "/twins/dev-1/methods", `{"methodName":"a"}`) }()
	r := next[wire.MethodRequest](f)
	cancel()
	f.send(wire.MethodResponse{RID: r.RID, Status: 200})
	if got := within(t, "the answer", answered); got.status != 200 {
		t.Errorf("a request under way: %+v", got)
	}
	if err := within(t, "ServeREST to end", ended); err != nil {
		t.Error(err)
	}
}
