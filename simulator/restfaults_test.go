package simulator

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/twinbook/twinbook/hub"
)

// Faults are listed, added in both forms, and taken away.
func TestRESTFaults(t *testing.T) {
	c := newCaller(t, Config{Profile: func(name string) ([]string, bool) { return []string{"dev-2"}, name == "sensor" }})
	since := regexp.MustCompile(`"since":"[^"]+Z"`)
	want := func(a httpAnswer, status int, body string) {
		t.Helper()
		if got := since.ReplaceAllString(a.body, `"since":"T"`); a.status != status || got != body {
			t.Errorf("%d %s\nwant %d %s", a.status, got, status, body)
		}
	}
	status := func(fault string, struck int) string {
		return fmt.Sprintf(`{"fault":{%s},"since":"T","inForce":true,"struck":%d}`, fault, struck)
	}
	want(c.do("GET", "/twinbook/faults", ""), 200, `[]`)
	first := `"id":"1","device":"dev-1","on":["rest"],"throttle":"5s","count":2`
	want(c.do("POST", "/twinbook/faults", `{"device":"dev-1","on":["rest"],"throttle":"5s","count":2}`), 200, status(first, 0))
	second := `"id":"mine","profile":"sensor","on":["rest"],"refuse":"unavailable"`
	want(c.do("POST", "/twinbook/faults", " id=mine profile=sensor on=rest refuse=unavailable\n"), 200, status(second, 0))

	a := c.do("GET", "/twins/dev-1", "")
	c.wantError(a, 429, "ThrottlingException", 0)
	if a.header.Get("Retry-After") != "5" {
		t.Errorf("header %v", a.header)
	}
	c.wantError(c.do("POST", "/twins/dev-1/methods", `{"methodName":"m"}`), 429, "ThrottlingException", 429001)
	c.wantError(c.do("GET", "/devices/dev-2", ""), 503, "ServiceUnavailable", 0)
	if a := c.do("GET", "/twins/dev-1", ""); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	want(c.do("GET", "/twinbook/faults", ""), 200, "["+status(first, 2)+","+status(second, 1)+"]")
	want(c.do("GET", "/twinbook/faults/mine", ""), 200, status(second, 1))

	for body, says := range map[string]string{
		`{"latency":"2"}`:             "latency: ",
		`{"latency":`:                 "no JSON",
		`{"id":"1","offline":true}`:   "there is a fault 1 already",
		`[{"offline":true}]`:          "a fault is an object such as",
		`[`:                           "no JSON",
		`null`:                        "a fault is an object such as",
		`"offline"`:                   "a fault is an object such as",
		`{"loss":0.5}`:                "write 50%",
		`{}`:                          "does not say what goes wrong",
		"profile=nobody offline":      "no profile",
		"latency=2s\x00; loss=1%":     "no duration",
		strings.Repeat("x", 1<<20+10): "larger than",
	} {
		a := c.do("POST", "/twinbook/faults", body)
		c.wantError(a, 400, "ArgumentInvalid", 0)
		if !strings.Contains(a.body, says) {
			t.Errorf("%.60q: %s, want %q", body, a.body, says)
		}
	}
	for path, allow := range map[string]string{"/twinbook/faults": "GET, POST, DELETE", "/twinbook/faults/mine": "GET, DELETE"} {
		for _, method := range []string{"PUT", "PATCH"} {
			a := c.do(method, path, "offline")
			c.wantError(a, 405, "MethodNotAllowed", 0)
			if got := a.header.Get("Allow"); got != allow {
				t.Errorf("%s %s: Allow %q, want %q", method, path, got, allow)
			}
		}
	}
	want(c.do("DELETE", "/twinbook/faults/mine", ""), 204, "")
	c.wantError(c.do("DELETE", "/twinbook/faults/mine", ""), 404, "GenericNotFound", 0)
	c.wantError(c.do("GET", "/twinbook/faults/mine", ""), 404, "GenericNotFound", 0)
	c.do("POST", "/twinbook/faults", "offline")
	want(c.do("DELETE", "/twinbook/faults", ""), 204, "")
	want(c.do("GET", "/twinbook/faults", ""), 200, `[]`)
}

// Name and key of a policy open our own calls, and no others.
func TestBasicAuthentication(t *testing.T) {
	c := newCaller(t, Config{})
	basic := func(policy string, key []byte) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(policy+":"+base64.StdEncoding.EncodeToString(key)))
	}
	p := c.hub.policies
	for _, x := range []struct {
		token string
		want  int
	}{
		{basic("iothubowner", p["iothubowner"].primary), 200},
		{basic("iothubowner", p["iothubowner"].secondary), 200},
		{basic("service", p["service"].primary), 200},
		{basic("registryRead", p["registryRead"].primary), 401},
		{basic("service", p["iothubowner"].primary), 401},
		{basic("service", nil), 401},
		{basic("nobody", nil), 401},
		{"Basic c2VydmljZTp4", 401},
		{"Basic", 401},
		{"", 401},
	} {
		c.token = x.token
		if a := c.do("GET", "/twinbook/faults", ""); a.status != x.want {
			t.Errorf("%s: %d %s, want %d", x.token, a.status, a.body, x.want)
		}
		c.wantError(c.do("GET", "/twins/dev-1", ""), 401, "IotHubUnauthorized", 401003)
	}
}

// Our own client of the REST calls takes a fault for what it looks like.
func TestFaultsOverREST(t *testing.T) {
	c := newCaller(t, Config{Clock: fast()})
	b := &bench{t, c.hub, c.hub.Client(), c.hub.AttachDevice}
	service := azureClient(c)
	f := b.connect(0)
	b.fault("device=dev-1 on=rest throttle=9s count=1")
	b.fault("device=dev-1 on=rest refuse=unavailable after=1 count=1")
	_, err := service.Twin(t.Context(), dev1)
	if e, ok := err.(*hub.Error); !ok || e.Kind != hub.Throttled || e.Wait.Seconds() != 9 {
		t.Errorf("%#v", err)
	}
	if _, err = service.Twin(t.Context(), dev1); hub.KindOf(err) != hub.Unavailable {
		t.Error(err)
	}
	b.fault("device=dev-1 offline")
	within(t, "the end", f.closed)
	if tw, err := service.Twin(t.Context(), dev1); err != nil || tw.ConnectionState != "Disconnected" {
		t.Errorf("%+v, %v", tw, err)
	}
	if _, err := service.Invoke(t.Context(), calling("m")); hub.KindOf(err) != hub.Offline {
		t.Error(err)
	}
}
