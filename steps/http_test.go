package steps_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/steps"
)

func TestHTTP(t *testing.T) {
	var posts atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hang-up":
			posts.Add(1)
			conn, _, _ := w.(http.Hijacker).Hijack()
			conn.Close()
		case "/huge":
			w.Write(make([]byte, 2<<20))
		case "/garbage":
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte("{]"))
		case "/deep":
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte(strings.Repeat("[", 10_000)))
		case "/busy":
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"path":%q,"auth":%q,"key":%q}`, r.URL.EscapedPath(), r.Header.Get("Authorization"), r.Header.Get("Idempotency-Key"))
		}
	}))
	defer server.Close()
	b := newBench(t, map[string]string{"token": "s3cr3t-token"})
	get := func(path string) (map[string]any, error) {
		return b.do(`  - http: { url: "`+server.URL+path+`" }`, map[string]any{"x": "a/../b?c=d"})
	}

	got, err := get("/echo/${{ inputs.x }}")
	if err != nil || got["body"].(map[string]any)["path"] != "/echo/a%2F..%2Fb%3Fc=d" {
		t.Errorf("an input in a path: %v, %v", got, err)
	}
	got, err = b.do(`  - http: { url: "`+server.URL+`/echo", method: POST, headers: { Authorization: "Bearer ${{ secrets.token }}" }, body: { n: 1 } }`, nil)
	if body, _ := got["body"].(map[string]any); err != nil || body["auth"] != "Bearer ***" || body["key"] != "r1/http@1" {
		t.Errorf("an answer that echoes a secret: %v, %v", got, err)
	}
	for path, want := range map[string]string{"/huge": "larger than 1 MiB", "/garbage": "says it is JSON", "/deep": "nested deeper"} {
		if _, err := get(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	_, err = b.do(`  - http: { url: "`+server.URL+`/garbage", method: POST }`, nil)
	var unreadable *engine.Error
	if !errors.As(err, &unreadable) || !unreadable.MaybeDone {
		t.Errorf("a POST whose answer cannot be read: %v", err)
	}
	got, err = get("/busy")
	if err != nil || got["status"] != 429.0 {
		t.Errorf("429 is an answer, and what it means is the planner's: %v, %v", got, err)
	}
	_, err = b.do(`  - http: { url: "`+server.URL+`/hang-up", method: POST, body: hello }`, nil)
	var failure *hub.Error
	if !errors.As(err, &failure) || failure.Kind != hub.Interrupted || !failure.Sent || posts.Load() != 1 {
		t.Errorf("a POST whose connection is cut: %v after %d requests", err, posts.Load())
	}
}

func TestHTTPKeyIsOfTheStepAndNotOfItsAttempt(t *testing.T) {
	var keys []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { keys = append(keys, r.Header.Get("Idempotency-Key")) }))
	defer server.Close()
	b := newBench(t, nil)
	c := b.command(`  - { id: order, http: { url: "`+server.URL+`", method: POST } }`, nil)
	for _, at := range []engine.Address{"order#1", "order#2", "block#2/order#3", "each[1]/order#1"} {
		c.At = at
		if _, err := b.world.Do(t.Context(), desk, c, func(string) {}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := strings.Join(keys, " "), "r1/order r1/order r1/block#2/order r1/each[1]/order"; got != want {
		t.Errorf("keys %s, want %s", got, want)
	}
}

func TestHTTPRefusesAHeaderThatCannotBeSent(t *testing.T) {
	b := newBench(t, map[string]string{"lines": "s3cr3t\nEvil: 1"})
	for headers, want := range map[string]string{
		`{ X-A: "${{ inputs.x }}" }`:            "the value of X-A has a line break",
		`"${{ fromJSON('{\"X A\": \"b\"}') }}"`: `"X A" is no name of a header field`,
		`{ X-A: "${{ secrets.lines }}" }`:       "the value of X-A has a line break",
	} {
		_, err := b.do(`  - http: { url: "http://127.0.0.1:1/", headers: `+headers+` }`, map[string]any{"x": "a\r\nEvil: 1"})
		var failure *engine.Error
		if !errors.As(err, &failure) || failure.Kind != engine.KindInvalid || !strings.Contains(failure.Message, want) || strings.Contains(failure.Message, "Evil") {
			t.Errorf("%s: %v, want %s", headers, err, want)
		}
	}
}

func TestHTTPRedirects(t *testing.T) {
	var asked []string
	note := func(r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, strings.TrimSpace(fmt.Sprint(r.Method, " ", r.URL.Path, " ", r.Header.Get("X-Token"), r.Header.Get("Referer"), string(body))))
	}
	var home *httptest.Server
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(r)
		http.Redirect(w, r, home.URL+"/back", http.StatusTemporaryRedirect)
	}))
	defer other.Close()
	home = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(r)
		hop, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/hop/"))
		switch {
		case r.URL.Path == "/away":
			http.Redirect(w, r, other.URL+"/x", http.StatusTemporaryRedirect)
		case r.URL.Path == "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case r.URL.Path == "/post":
			http.Redirect(w, r, "/there", http.StatusFound) // Go would ask there with GET
		case hop > 0:
			w.Header().Set("Location", fmt.Sprint("/hop/", hop-1))
			w.WriteHeader(http.StatusFound)
		}
	}))
	defer home.Close()
	b := newBench(t, nil)
	do := func(path, method string) (map[string]any, error) {
		asked = nil
		return b.do(`  - http: { url: "`+home.URL+path+`", method: `+method+`, headers: { X-Token: t }, body: b }`, nil)
	}

	got, err := do("/away", "GET")
	if want := "GET /away tb|GET /x|GET /back"; err != nil || got["status"] != 200.0 || strings.Join(asked, "|") != want {
		t.Errorf("to another server and back: %v, %v, asked %q, want %s", got["status"], err, asked, want)
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		got, err = do("/post", method)
		if headers, _ := got["headers"].(map[string]any); err != nil || got["status"] != 302.0 || headers["location"] != "/there" || len(asked) != 1 {
			t.Errorf("%s: %v, %v, asked %q", method, got, err, asked)
		}
	}
	if got, err = do("/hop/10", "GET"); err != nil || got["status"] != 200.0 || len(asked) != 11 || !strings.HasPrefix(asked[10], "GET /hop/0 t") {
		t.Errorf("10 redirects: %v, %v, asked %q", got["status"], err, asked)
	}
	for path, want := range map[string]string{"/hop/11": "more than 10 times, at last to " + home.URL + "/hop/0", "/file": "redirected to file:///etc/passwd, which is no address of a server"} {
		_, err = do(path, "GET")
		var failure *engine.Error
		if !errors.As(err, &failure) || failure.Kind != engine.KindFailed || !strings.Contains(failure.Message, want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

func TestHTTPTakesDataInAURLAsText(t *testing.T) {
	var asked atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Store(r.RequestURI) }))
	defer server.Close()
	const secret = "p/w?d&x=1 #+%"
	b := newBench(t, map[string]string{"token": secret, "up": ".."})
	for _, c := range []struct{ url, input, want string }{
		{"/a/${{ inputs.x }}?q=${{ inputs.x }}&z=${{ inputs.x }}", "b/../c d", "/a/b%2F..%2Fc%20d?q=b%2F..%2Fc%20d&z=b%2F..%2Fc%20d"},
		{"?q=${{ inputs.x }}", "1&admin=true#f", "/?q=1%26admin%3Dtrue%23f"},
		{"/a?${{ inputs.x }}=1", "1+1=2;", "/a?1%2B1%3D2%3B=1"},
		{"/a#${{ inputs.x }}", "?b", "/a"},
		{"/${{ inputs.x }}/${{ secrets.token }}?t=${{ secrets.token }}", "é", "/%C3%A9/p%2Fw%3Fd&x=1%20%23+%25?t=p%2Fw%3Fd%26x%3D1%20%23%2B%25"},
		{"/a/..${{ inputs.x }}", "b", "/a/..b"},
		{"/a/${{ inputs.x }}", "%2e%2e", "/a/%252e%252e"},
	} {
		if _, err := b.do(`  - http: { url: "`+server.URL+c.url+`" }`, map[string]any{"x": c.input}); err != nil || asked.Load() != c.want {
			t.Errorf("%s with %q: asked %v, want %s (%v)", c.url, c.input, asked.Load(), c.want, err)
		}
	}
	asked.Store("nothing")
	for url, input := range map[string]string{
		"/a/${{ inputs.x }}/b": "..", "/a/${{ inputs.x }}": ".", "/a/.${{ inputs.x }}?b": ".", "/a/${{ secrets.up }}/${{ inputs.x }}": "b",
	} {
		_, err := b.do(`  - http: { url: "`+server.URL+url+`" }`, map[string]any{"x": input})
		var failure *engine.Error
		if !errors.As(err, &failure) || failure.Kind != engine.KindInvalid || !strings.Contains(failure.Message, "another place on the server") || asked.Load() != "nothing" {
			t.Errorf("%s with %q: %v, asked %v", url, input, err, asked.Load())
		}
	}
}

func TestHTTPWithNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, err = newBench(t, nil).do(`  - http: { url: "http://`+address+`/", method: POST }`, nil)
	var failure *hub.Error
	if !errors.As(err, &failure) || failure.Kind != hub.Unavailable || failure.Sent {
		t.Errorf("nobody listens: %#v", err)
	}
}

func TestHTTPRetryAfter(t *testing.T) {
	const date = "Wed, 21 Oct 2026 07:28:00 GMT"
	for _, c := range []struct {
		after, date string
		want        float64
	}{
		{"7", date, 7},
		{"-7", date, 0},
		{"Wed, 21 Oct 2026 07:29:30 GMT", date, 90},
		{"Wednesday, 21-Oct-26 07:29:30 GMT", date, 90},
		{"Wed, 21 Oct 2026 07:20:00 GMT", date, 0},
		{"Wed, 21 Oct 2026 07:29:30 GMT", "", 0},
		{"soon", date, 0},
		{"", date, 0},
	} {
		failure := steps.All().Types.Lookup("http").Unmet(map[string]any{
			"status": 503.0, "headers": map[string]any{"retry-after": c.after, "date": c.date},
		})
		if failure == nil || failure.RetryAfter != c.want {
			t.Errorf("Retry-After %q at %q: %+v, want %v s", c.after, c.date, failure, c.want)
		}
	}
}
