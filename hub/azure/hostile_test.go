package azure

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

// raw starts a server that reads a request's head and then does what f says with the connection.
func raw(t *testing.T, f func(conn net.Conn)) *Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				readHead(conn)
				f(conn)
			}()
		}
	}()
	return open(t, l.Addr().String(), Options{})
}

func readHead(conn net.Conn) {
	var head []byte
	for buf := make([]byte, 4096); !bytes.Contains(head, []byte("\r\n\r\n")); {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		head = append(head, buf[:n]...)
	}
}

func reply(text string) func(net.Conn) {
	return func(conn net.Conn) { io.WriteString(conn, text) }
}

func TestHostileAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	body := func(s string) string { return ok + "Connection: close\r\n\r\n" + s }
	for _, test := range []struct {
		name   string
		answer string
		kind   hub.Kind // of a method call
		text   string
	}{
		{"closed at once", "", hub.Interrupted, "nobody can say whether the device got it"},
		{"closed in the head", ok + "Content-", hub.Interrupted, "was lost"},
		{"closed after the head", ok + "Content-Length: 30\r\n\r\n", hub.Interrupted, "closed by the other side"},
		{"half an answer", ok + "Content-Length: 30\r\n\r\n{\"status\":", hub.Interrupted, "closed by the other side"},
		{"no HTTP", "220 mail.example ESMTP\r\n", hub.Interrupted, "malformed HTTP"},
		{"endless head", ok + strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 1000), hub.Interrupted, "was lost"},
		{"many early hints", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1000), hub.Interrupted, "was lost"},
		{"unasked upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", hub.Unavailable, "HTTP 101"},
		{"10 MiB", body(strings.Repeat("x", 10<<20)), hub.Failed, "larger than 1024 KiB"},
		{"empty", body(""), hub.Failed, "no JSON"},
		{"garbage", body("{status: 200}"), hub.Failed, "no JSON"},
		{"a list", body("[]"), hub.Failed, "no JSON"},
		{"null", body("null"), hub.Failed, "no status"},
		{"status as text", body(`{"status":"200"}`), hub.Failed, "no JSON"},
		{"status too large", body(`{"status":1e99}`), hub.Failed, "no JSON"},
		{"number too large", body(`{"status":200,"payload":1e999}`), hub.Failed, "no JSON"},
		{"deep", body(`{"status":200,"payload":` + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + `}`), hub.Failed, "more than 520 deep"},
		{"two answers", body(`{"status":200}{"status":200}`), hub.Failed, "no JSON"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := raw(t, reply(test.answer))
			_, err := c.Invoke(t.Context(), reboot())
			if e := hubError(t, err); e.Kind != test.kind || !e.Sent || !strings.Contains(err.Error(), test.text) {
				t.Errorf("call: kind %s, sent %v: %v\nwant %s, true, ...%s...", e.Kind, e.Sent, err, test.kind, test.text)
			}
			_, err = c.Twin(t.Context(), hub.Target{Device: "dev-1"})
			if e := hubError(t, err); e.Kind != hub.Unavailable || e.Sent {
				t.Errorf("read: kind %s, sent %v: %v", e.Kind, e.Sent, err)
			}
			_, err = c.UpdateTwin(t.Context(), hub.Target{Device: "dev-1"}, hub.Patch{})
			if e := hubError(t, err); e.Kind != hub.Unavailable || !e.Sent {
				t.Errorf("update: kind %s, sent %v: %v", e.Kind, e.Sent, err)
			}
			page, err := c.Query(t.Context(), hub.Query{Text: "SELECT * FROM devices"})
			if err == nil && len(page.Rows)+len(page.Twins) == 0 {
				return // "[]" is an answer to a query
			}
			if e := hubError(t, err); e.Kind != hub.Unavailable || e.Sent {
				t.Errorf("query: kind %s, sent %v: %v", e.Kind, e.Sent, err)
			}
		})
	}
}

func TestATwinOfWrongTypesIsNoTwin(t *testing.T) {
	for _, text := range []string{
		`{}`, `{"deviceId":""}`, `{"deviceId":5}`, `{"deviceId":"d","tags":5}`, `{"deviceId":"d","properties":[]}`,
		`{"deviceId":"d","properties":{"desired":"x"}}`,
	} {
		c := raw(t, reply("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+text))
		if twin, err := c.Twin(t.Context(), hub.Target{Device: "d"}); hub.KindOf(err) != hub.Unavailable {
			t.Errorf("%s: twin %v, error %v", text, twin, err)
		}
	}
	c := raw(t, reply("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+
		`{"deviceId":"d","properties":{"desired":{"$version":"x","$metadata":7},"reported":{"$version":-1.5e300}}}`))
	twin, err := c.Twin(t.Context(), hub.Target{Device: "d"})
	if err != nil || twin.DesiredVersion != 0 || twin.ReportedVersion != 0 || len(twin.Desired) != 0 {
		t.Errorf("twin %+v, error %v", twin, err)
	}
}

// hang answers nothing until the client hangs up, and says when a request has come.
func hang(arrived chan<- struct{}) func(net.Conn) {
	return func(conn net.Conn) {
		arrived <- struct{}{}
		io.Copy(io.Discard, conn)
	}
}

func TestEndOfContextAfterSending(t *testing.T) {
	for _, test := range []struct {
		name   string
		derive func(context.Context, clock.Clock) (context.Context, context.CancelFunc)
		kind   hub.Kind
	}{
		{"cancel", func(ctx context.Context, c clock.Clock) (context.Context, context.CancelFunc) {
			return c.WithCancel(ctx)
		}, hub.Interrupted},
		{"time is up", func(ctx context.Context, c clock.Clock) (context.Context, context.CancelFunc) {
			return c.WithTimeout(ctx, 100*time.Millisecond)
		}, hub.Timeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			arrived := make(chan struct{}, 1)
			c := raw(t, hang(arrived))
			ctx, cancel := test.derive(t.Context(), clock.Real())
			defer cancel()
			if test.kind == hub.Interrupted {
				go func() { <-arrived; cancel() }()
			}
			_, err := c.Invoke(ctx, reboot())
			if e := hubError(t, err); e.Kind != test.kind || !e.Sent {
				t.Errorf("kind %s, sent %v, want %s, true (%v)", e.Kind, e.Sent, test.kind, err)
			}
		})
	}
}

func TestEndOfContextBeforeSending(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Invoke(ctx, reboot())
	if e := hubError(t, err); e.Kind != hub.Interrupted || e.Sent {
		t.Errorf("kind %s, sent %v (%v)", e.Kind, e.Sent, err)
	}
}

// A request that waits for a free connection has not left.
func TestEndOfContextWhileInLine(t *testing.T) {
	arrived := make(chan struct{}, 2)
	busy := raw(t, hang(arrived))
	c := open(t, busy.Host(), Options{Connections: 1})
	first, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := c.Invoke(first, reboot())
		ended <- err
	}()
	<-arrived
	ctx, cancel := clock.Real().WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := c.Invoke(ctx, reboot())
	if e := hubError(t, err); e.Kind != hub.Timeout || e.Sent {
		t.Errorf("kind %s, sent %v (%v)", e.Kind, e.Sent, err)
	}
	stop()
	<-ended
}

func TestOwnLimit(t *testing.T) {
	arrived := make(chan struct{}, 1)
	busy := raw(t, hang(arrived))
	c := open(t, busy.Host(), Options{Timeout: 30 * time.Millisecond})
	_, err := c.UpdateTwin(t.Context(), hub.Target{Device: "dev-1"}, hub.Patch{})
	if e := hubError(t, err); e.Kind != hub.Timeout || !e.Sent {
		t.Errorf("kind %s, sent %v (%v)", e.Kind, e.Sent, err)
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	c := open(t, addr, Options{})
	_, err = c.Invoke(t.Context(), reboot())
	want := "call reboot on dev-1: the hub is not reachable at " + addr + ": connection refused; is the simulator running?"
	if e := hubError(t, err); e.Kind != hub.Unavailable || e.Sent || err.Error() != want {
		t.Errorf("kind %s, sent %v\n got %v\nwant %s", e.Kind, e.Sent, err, want)
	}
}

// A kept connection that the server closes just then must not make net/http repeat the call.
func TestACallIsNeverRepeated(t *testing.T) {
	var calls atomic.Int32
	c := raw(t, func(conn net.Conn) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"deviceId\":\"d\"} ")
		readHead(conn) // the second request comes, and the connection goes
		calls.Add(1)
	})
	if _, err := c.Twin(t.Context(), hub.Target{Device: "d"}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Invoke(t.Context(), reboot())
	if e := hubError(t, err); e.Kind != hub.Interrupted || !e.Sent {
		t.Errorf("kind %s, sent %v (%v)", e.Kind, e.Sent, err)
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("the call arrived %d times", n)
	}
}
