package azure

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
)

const testKey = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="

// open makes a Client of a server on this machine.
func open(t testing.TB, addr string, o Options) *Client {
	t.Helper()
	c, err := Open("HostName="+addr+";SharedAccessKeyName=service;SharedAccessKey="+testKey, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// serve starts a hub that answers as f does.
func serve(t testing.TB, f http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return open(t, s.Listener.Addr().String(), Options{})
}

func reboot() hub.Call {
	return hub.Call{Target: hub.Target{Device: "dev-1"}, Method: "reboot", Response: 5 * time.Second}
}

// hubError is err as every hub returns it.
func hubError(t *testing.T, err error) *hub.Error {
	t.Helper()
	e, ok := err.(*hub.Error)
	if !ok {
		t.Fatalf("got %T (%v), want *hub.Error", err, err)
	}
	return e
}

func TestInvoke(t *testing.T) {
	var path, auth, version string
	var body map[string]any
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		path, auth, version = r.Method+" "+r.URL.EscapedPath(), r.Header.Get("Authorization"), r.URL.Query().Get("api-version")
		json.NewDecoder(r.Body).Decode(&body)
		io.WriteString(w, `{"status":207,"payload":{"Response":"ok"}}`)
	})
	reply, err := c.Invoke(t.Context(), hub.Call{
		Target: hub.Target{Device: "a b#?%+1", Module: "m/1"}, Method: "reboot",
		Payload: map[string]any{"n": "<42>"}, Response: 5200 * time.Millisecond, Connect: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := (hub.Reply{Status: 207, Payload: map[string]any{"Response": "ok"}}); !reflect.DeepEqual(reply, want) {
		t.Errorf("reply = %v, want %v", reply, want)
	}
	if want := "POST /twins/a%20b%23%3F%25%2B1/modules/m%2F1/methods"; path != want {
		t.Errorf("request = %s, want %s", path, want)
	}
	want := map[string]any{"methodName": "reboot", "payload": map[string]any{"n": "<42>"}, "responseTimeoutInSeconds": 6.0, "connectTimeoutInSeconds": 1.0}
	if !reflect.DeepEqual(body, want) {
		t.Errorf("body = %v, want %v", body, want)
	}
	if version != apiVersion {
		t.Errorf("api-version = %q", version)
	}
	checkToken(t, c, auth)
}

// checkToken verifies a token as the hub does, from its text.
func checkToken(t *testing.T, c *Client, auth string) {
	t.Helper()
	fields, err := url.ParseQuery(strings.TrimPrefix(auth, "SharedAccessSignature "))
	if err != nil {
		t.Fatalf("token %q: %v", auth, err)
	}
	if got := fields.Get("sr"); got != c.host {
		t.Errorf("sr = %q, want %q", got, c.host)
	}
	if got := fields.Get("skn"); got != "service" {
		t.Errorf("skn = %q", got)
	}
	if got, want := fields.Get("sig"), c.tokens.sign(url.QueryEscape(c.host)+"\n"+fields.Get("se")); got != want {
		t.Errorf("sig = %q, want %q", got, want)
	}
	if se, _ := strconv.ParseInt(fields.Get("se"), 10, 64); time.Until(time.Unix(se, 0)) < tokenSpare {
		t.Errorf("se = %s is too early", fields.Get("se"))
	}
}

// The signature is that of another tool: printf 'h.azure-devices.net\n1700003600' | openssl
// dgst -sha256 -hmac KEY -binary | base64.
func TestTokenIsSignedAndRenewed(t *testing.T) {
	tokens := newTokens(connection{host: "h.azure-devices.net", policy: "service", key: []byte("secret-secret-secret")})
	start := time.Unix(1700000000, 0)
	first := tokens.at(start)
	if want := "SharedAccessSignature sr=h.azure-devices.net&sig=1ZRQIgLLLEgzi%2BKunRzylLJ58l3DtyCSngYupPbyiqg%3D&se=1700003600&skn=service"; first != want {
		t.Errorf("token = %s\nwant    %s", first, want)
	}
	if again := tokens.at(start.Add(tokenLife - tokenSpare - time.Second)); again != first {
		t.Errorf("renewed too early: %s", again)
	}
	if next := tokens.at(start.Add(tokenLife - tokenSpare)); next == first {
		t.Error("not renewed before its end")
	}
}

func TestTwin(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" || r.URL.Path != "/twins/dev-1" {
			t.Errorf("request = %s %s", r.Method, r.URL.Path)
		}
		io.WriteString(w, `{"deviceId":"dev-1","etag":"AAAAAAAAAAE=","status":"enabled","connectionState":"Connected","version":9,
			"properties":{"desired":{"interval":5,"$metadata":{"$lastUpdated":"2024-01-01T00:00:00Z","interval":{"$lastUpdated":"2024-01-02T00:00:00Z"}},"$version":3},
			"reported":{"$metadata":{"$lastUpdated":"2024-01-01T00:00:00Z"},"$version":7}}}`)
	})
	got, err := c.Twin(t.Context(), hub.Target{Device: "dev-1"})
	if err != nil {
		t.Fatal(err)
	}
	want := hub.Twin{
		Target: hub.Target{Device: "dev-1"}, ConnectionState: "Connected", Status: "enabled", ETag: "AAAAAAAAAAE=",
		Tags: map[string]any{}, Desired: map[string]any{"interval": 5.0}, Reported: map[string]any{},
		DesiredVersion: 3, ReportedVersion: 7,
		DesiredMetadata:  map[string]any{"$lastUpdated": "2024-01-01T00:00:00Z", "interval": map[string]any{"$lastUpdated": "2024-01-02T00:00:00Z"}},
		ReportedMetadata: map[string]any{"$lastUpdated": "2024-01-01T00:00:00Z"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("twin = %+v\nwant   %+v", got, want)
	}
}

func TestUpdateTwinSendsWhatIsGiven(t *testing.T) {
	for _, test := range []struct {
		patch   hub.Patch
		body    string
		ifMatch string
	}{
		{hub.Patch{Desired: map[string]any{"a": nil, "b": map[string]any{"c": 1}}}, `{"properties":{"desired":{"a":null,"b":{"c":1}}}}`, ""},
		{hub.Patch{Tags: map[string]any{"site": "x"}, IfMatch: "AAE="}, `{"tags":{"site":"x"}}`, `"AAE="`},
		{hub.Patch{Tags: map[string]any{}, IfMatch: `"AAE="`}, `{"tags":{}}`, `"AAE="`},
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if r.Method != "PATCH" || string(body) != test.body || r.Header.Get("If-Match") != test.ifMatch {
				t.Errorf("%+v: sent %s %s If-Match %s, want %s, %s", test.patch, r.Method, body, r.Header.Get("If-Match"), test.body, test.ifMatch)
			}
			io.WriteString(w, `{"deviceId":"dev-1","etag":"AAI="}`)
		})
		twin, err := c.UpdateTwin(t.Context(), hub.Target{Device: "dev-1"}, test.patch)
		if err != nil || twin.ETag != "AAI=" {
			t.Errorf("%+v: twin %v, error %v", test.patch, twin, err)
		}
	}
}

func TestQueryPages(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) != `{"query":"SELECT * FROM devices"}` || r.Header.Get("x-ms-max-item-count") != "2" {
			t.Errorf("sent %s, page size %q", body, r.Header.Get("x-ms-max-item-count"))
		}
		w.Header().Set("x-ms-item-type", "Twin")
		if r.Header.Get("x-ms-continuation") == "" {
			w.Header().Set("x-ms-continuation", "page-2")
			io.WriteString(w, `[{"deviceId":"a"},{"deviceId":"b"}]`)
			return
		}
		io.WriteString(w, `[{"deviceId":"c"}]`)
	})
	var ids []string
	q := hub.Query{Text: "SELECT * FROM devices", PageSize: 2}
	for more := true; more; more = q.Continuation != "" {
		page, err := c.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, twin := range page.Twins {
			ids = append(ids, twin.Device)
		}
		q.Continuation = page.Continuation
	}
	if got := fmt.Sprint(ids); got != "[a b c]" {
		t.Errorf("devices = %s", got)
	}
}

func TestQueryRows(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-ms-item-type", "Raw")
		io.WriteString(w, `[{"n":3,"site":"x"},{"n":1}]`)
	})
	page, err := c.Query(t.Context(), hub.Query{Text: "SELECT COUNT() AS n FROM devices GROUP BY tags.site"})
	want := hub.Page{Rows: []map[string]any{{"n": 3.0, "site": "x"}, {"n": 1.0}}}
	if err != nil || !reflect.DeepEqual(page, want) {
		t.Errorf("page = %+v, %v, want %+v", page, err, want)
	}
}

func TestWhatCannotBeRightIsNotSent(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") })
	dev := hub.Target{Device: "dev-1"}
	for _, call := range []hub.Call{
		{Method: "reboot"},
		{Target: dev},
		{Target: dev, Method: "reboot", Response: 301 * time.Second},
		{Target: dev, Method: "reboot", Response: -1},
		{Target: dev, Method: "reboot", Connect: 301 * time.Second},
		{Target: dev, Method: "reboot", Payload: func() {}},
	} {
		_, err := c.Invoke(t.Context(), call)
		if e := hubError(t, err); e.Kind != hub.Invalid || e.Sent {
			t.Errorf("%+v: kind %s, sent %v (%v)", call, e.Kind, e.Sent, err)
		}
	}
}
