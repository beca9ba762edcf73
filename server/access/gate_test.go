package access

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
)

// shiftedClock is the machine's clock, put forward by hand.
type shiftedClock struct {
	clock.Clock
	shift atomic.Int64
}

func newShiftedClock() *shiftedClock { return &shiftedClock{Clock: clock.Real()} }

func (c *shiftedClock) Now() time.Time { return c.Clock.Now().Add(time.Duration(c.shift.Load())) }

func (c *shiftedClock) forward(d time.Duration) { c.shift.Add(int64(d)) }

// serve starts a server behind a gate that answers with who asked.
func serve(t *testing.T, c Config) (*httptest.Server, *Gate) {
	t.Helper()
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, From(r.Context()))
	})))
	t.Cleanup(server.Close)
	return server, g
}

// ask sends a request and gives the status and the answer, or the detail of its problem.
func ask(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer.StatusCode, string(body)
	}
	var problem struct {
		Status int
		Detail string
	}
	if err := json.Unmarshal(body, &problem); err != nil || problem.Status != answer.StatusCode || problem.Detail == "" {
		t.Errorf("answer %d is no problem: %s (%v)", answer.StatusCode, body, err)
	}
	if kind := answer.Header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("answer %d is %s", answer.StatusCode, kind)
	}
	if challenge := answer.Header.Get("WWW-Authenticate"); (challenge != "") != (answer.StatusCode == http.StatusUnauthorized) {
		t.Errorf("answer %d has the challenge %q", answer.StatusCode, challenge)
	}
	return answer.StatusCode, problem.Detail
}

func request(t *testing.T, method, url string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else {
			r.Header.Add(header[i], header[i+1])
		}
	}
	return r
}

func TestWithoutAuthenticationThisMachineIsAdmin(t *testing.T) {
	server, _ := serve(t, Config{})
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	for _, c := range []struct {
		header []string
		status int
		want   string
	}{
		{nil, 200, "loopback"},
		{[]string{"Host", "localhost" + port}, 200, "loopback"},
		{[]string{"Host", "LOCALHOST."}, 200, "loopback"},
		{[]string{"Host", "twinbook.localhost" + port}, 200, "loopback"},
		{[]string{"Host", "[::1]" + port}, 200, "loopback"},
		{[]string{"Host", "127.9.9.9"}, 200, "loopback"},
		{[]string{"Host", "evil.example" + port}, 403, "another host"},
		{[]string{"Host", "localhost.evil.example"}, 403, "another host"},
		{[]string{"Host", "evil-localhost"}, 403, "another host"},
		{[]string{"Host", "0.0.0.0" + port}, 403, "another host"},
		{[]string{"Host", "10.0.0.1"}, 403, "another host"},
		{[]string{"Host", "2130706433"}, 403, "another host"}, // 127.0.0.1 as one number, which browsers rewrite and we need not know
		{[]string{"X-Forwarded-For", "10.0.0.1"}, 403, "X-Forwarded-For"},
		{[]string{"Forwarded", "for=10.0.0.1"}, 403, "Forwarded"},
		{[]string{"Via", "1.1 proxy"}, 403, "Via"},
		{[]string{"X-Real-IP", "10.0.0.1"}, 403, "X-Real-Ip"},
	} {
		status, answer := ask(t, request(t, "POST", server.URL+"/api/v1/runs", c.header...))
		if status != c.status || !strings.Contains(answer, c.want) {
			t.Errorf("%v: %d %s, want %d %s", c.header, status, answer, c.status, c.want)
		}
	}
}

// TestOldProxiesAreRefused is nginx before a server on the same machine, as it is without further settings.
func TestOldProxiesAreRefused(t *testing.T) {
	server, _ := serve(t, Config{})
	address := server.Listener.Addr().String()
	for _, text := range []string{
		"GET / HTTP/1.0\r\nHost: " + address + "\r\nConnection: close\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, text)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("%q is answered with %s", text, answer.Status)
		}
		conn.Close()
	}
}

func TestWithoutAuthenticationNobodyElseIsAnswered(t *testing.T) {
	g, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"10.0.0.1:80", "[2001:db8::1]:80", "169.254.1.1:80", "@", "", "[::ffff:10.0.0.1]:80", "127.0.0.1"} {
		r := httptest.NewRequest("GET", "http://localhost/", nil)
		r.RemoteAddr = from
		if id, err := g.Identify(r); err == nil {
			t.Errorf("%q is %v", from, id)
		}
	}
	for _, from := range []string{"127.0.0.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80"} {
		r := httptest.NewRequest("GET", "http://localhost/", nil)
		r.RemoteAddr = from
		if id, err := g.Identify(r); err != nil || !id.May(Admin) || id.How != ByLoopback {
			t.Errorf("%q is %v: %v", from, id, err)
		}
	}
}

func TestTokensOnlyInTheirHeader(t *testing.T) {
	token, hash := NewToken()
	other, _ := NewToken()
	server, _ := serve(t, Config{Tokens: []Token{{Name: "ci", Hash: hash, Roles: []string{Operator}}}})
	for _, c := range []struct {
		name   string
		path   string
		header []string
		status int
		want   string
	}{
		{"right", "/", []string{"Authorization", "Bearer " + token}, 200, "ci (token)"},
		{"any case", "/", []string{"Authorization", "bEARER  " + token}, 200, "ci (token)"},
		{"any host", "/", []string{"Authorization", "Bearer " + token, "Host", "plant.example"}, 200, "ci (token)"},
		{"through a proxy", "/", []string{"Authorization", "Bearer " + token, "X-Forwarded-For", "10.0.0.1"}, 200, "ci (token)"},
		{"none", "/", nil, 401, "needs a token"},
		{"another", "/", []string{"Authorization", "Bearer " + other}, 401, "no such token"},
		{"cut", "/", []string{"Authorization", "Bearer " + token[:50]}, 401, "not whole"},
		{"the hash", "/", []string{"Authorization", "Bearer " + hash}, 401, "no token"},
		{"the hash's digits", "/", []string{"Authorization", "Bearer " + hash[7:]}, 401, "begin with twb_"},
		{"two words", "/", []string{"Authorization", "Bearer " + token + " x"}, 401, "no token"},
		{"empty", "/", []string{"Authorization", "Bearer "}, 401, "no token"},
		{"no scheme", "/", []string{"Authorization", token}, 401, "Bearer"},
		{"Basic", "/", []string{"Authorization", "Basic Y2k6" + token}, 401, "only the scheme Bearer"},
		{"twice", "/", []string{"Authorization", "Bearer " + token, "Authorization", "Bearer " + token}, 400, "several"},
		{"huge", "/", []string{"Authorization", "Bearer " + strings.Repeat("a", 20<<10)}, 401, "16 KiB"},
		{"cookie", "/", []string{"Cookie", "token=" + token}, 401, "needs a token"},
		{"other header", "/", []string{"X-Auth-Token", token}, 401, "needs a token"},
		{"in the URL", "/?token=" + token, nil, 400, "does not belong into the URL"},
		{"in the URL and right", "/?a=1&access_token=x", []string{"Authorization", "Bearer " + token}, 400, "does not belong into the URL"},
		{"escaped in the URL", "/?%74oken=x", nil, 400, "does not belong into the URL"},
		{"behind a semicolon", "/?a=1;TOKEN=x", nil, 400, "does not belong into the URL"},
		{"without value", "/?id_token", nil, 400, "does not belong into the URL"},
		{"similar name", "/?tokens=1&after=token", []string{"Authorization", "Bearer " + token}, 200, "ci"},
	} {
		status, answer := ask(t, request(t, "GET", server.URL+c.path, c.header...))
		if status != c.status || !strings.Contains(answer, c.want) {
			t.Errorf("%s: %d %s, want %d %s", c.name, status, answer, c.status, c.want)
		}
		if strings.Contains(answer, token) || strings.Contains(answer, other) || strings.Contains(answer, hash) {
			t.Errorf("%s: the answer holds the token: %s", c.name, answer)
		}
	}
}

func TestCrossSiteRequestsAreRefused(t *testing.T) {
	server, _ := serve(t, Config{})
	own := server.URL
	for _, c := range []struct {
		method string
		header []string
		status int
	}{
		{"POST", nil, 200}, // curl
		{"POST", []string{"Sec-Fetch-Site", "same-origin", "Origin", own}, 200},
		{"POST", []string{"Sec-Fetch-Site", "none"}, 200},
		{"POST", []string{"Origin", own}, 200},
		{"POST", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"POST", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:3000"}, 403}, // another port of this machine
		{"POST", []string{"Origin", "http://evil.example"}, 403},
		{"POST", []string{"Origin", "null"}, 403},
		{"PATCH", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"POST", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403}, // a form
		{"GET", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200}, // a link
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 403},
		{"GET", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, 403},
		{"GET", []string{"Origin", "http://evil.example"}, 403},
		{"GET", []string{"Origin", "://"}, 403},
		{"OPTIONS", []string{"Origin", "http://evil.example", "Access-Control-Request-Method", "POST"}, 403},
	} {
		if status, answer := ask(t, request(t, c.method, own+"/", c.header...)); status != c.status {
			t.Errorf("%s %v: %d %s, want %d", c.method, c.header, status, answer, c.status)
		}
	}
}

func TestFailuresAreBoundedAndLockNobodyOut(t *testing.T) {
	token, hash := NewToken()
	time := newShiftedClock()
	var told atomic.Int64
	server, _ := serve(t, Config{
		Tokens: []Token{{Name: "ci", Hash: hash, Roles: []string{Viewer}}}, Clock: time,
		Refused: func(*http.Request, *Refusal) { told.Add(1) },
	})
	counts := map[int]int{}
	for range 200 {
		status, _ := ask(t, request(t, "GET", server.URL))
		counts[status]++
	}
	// A few more where the machine is slow: one each three seconds.
	if counts[401] < failuresAtOnce || counts[401] > failuresAtOnce+10 || counts[401]+counts[429] != 200 {
		t.Errorf("answers: %v", counts)
	}
	if told.Load() != int64(counts[401]) {
		t.Errorf("told of %d, and %d were answered with 401", told.Load(), counts[401])
	}
	if status, answer := ask(t, request(t, "GET", server.URL, "Authorization", "Bearer "+token)); status != 200 {
		t.Errorf("a valid token from the same address: %d %s", status, answer)
	}
	time.forward(failuresEach)
	if status, _ := ask(t, request(t, "GET", server.URL)); status != 401 {
		t.Errorf("after %s: %d", failuresEach, status)
	}
}

func TestNeighbourhoods(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"10.0.0.1:1", "10.0.0.1:2", true},
		{"10.0.0.1:1", "10.0.0.2:1", false},
		{"[::ffff:10.0.0.1]:1", "10.0.0.1:9", true},
		{"[2001:db8::1]:1", "[2001:db8::ffff:2]:1", true},
		{"[2001:db8::1%eth0]:1", "[2001:db8::1%eth1]:1", true},
		{"[2001:db8::1]:1", "[2001:db8:1::1]:1", false},
		{"", "@", true},
	} {
		if same := neighbourhood(c.a) == neighbourhood(c.b); same != c.same {
			t.Errorf("%s and %s: %t, want %t", c.a, c.b, same, c.same)
		}
	}
}

func TestReload(t *testing.T) {
	first, firstHash := NewToken()
	second, secondHash := NewToken()
	server, g := serve(t, Config{Tokens: []Token{{Name: "first", Hash: firstHash, Roles: []string{Viewer}}}})
	status := func(token string) int {
		status, _ := ask(t, request(t, "GET", server.URL, "Authorization", "Bearer "+token))
		return status
	}
	if err := g.Reload(Config{Tokens: []Token{{Name: "second", Hash: "wrong", Roles: []string{Viewer}}}}); err == nil || status(first) != 200 {
		t.Errorf("after a wrong configuration (%v), the first token gets %d", err, status(first))
	}
	if err := g.Reload(Config{Tokens: []Token{{Name: "second", Hash: secondHash, Roles: []string{Viewer}}}}); err != nil {
		t.Fatal(err)
	}
	if status(first) != 401 || status(second) != 200 {
		t.Errorf("the removed token gets %d, the new one %d", status(first), status(second))
	}
	replaced := g.Replaced()
	if err := g.Reload(Config{}); err == nil || !strings.Contains(err.Error(), "no tokens") || status("") != 401 || status(second) != 200 {
		t.Errorf("a configuration that asks nobody: %v", err)
	}
	select {
	case <-replaced:
		t.Error("what was refused counts as in force")
	default:
	}
}

func TestCheckListen(t *testing.T) {
	for _, c := range []struct {
		listen string
		local  bool
	}{
		{"127.0.0.1:8099", true}, {"127.0.0.2:0", true}, {"[::1]:8099", true}, {"localhost:8099", true}, {"[::ffff:127.0.0.1]:1", true},
		{":8099", false}, {"0.0.0.0:8099", false}, {"[::]:8099", false}, {"10.0.0.1:8099", false}, {"plant.example:8099", false},
		{"[fe80::1%eth0]:8099", false}, {"localhost.example:1", false},
	} {
		if err := CheckListen(c.listen, false); (err == nil) != c.local {
			t.Errorf("%s without authentication: %v", c.listen, err)
		}
		if err := CheckListen(c.listen, true); err != nil {
			t.Errorf("%s with authentication: %v", c.listen, err)
		}
		if Loopback(c.listen) != c.local {
			t.Errorf("%s is loopback: %t", c.listen, !c.local)
		}
	}
	for _, listen := range []string{"", "8099", "127.0.0.1"} {
		if err := CheckListen(listen, true); err == nil {
			t.Errorf("%q is an address", listen)
		}
	}
}
