package simulator

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkRoundTrip is a method call over REST to a device on a socket, in turn with a bare loop over the same
// kinds of sockets: a POST whose body goes to a peer over TCP and comes back. The device is about as light as the peer.
func BenchmarkRoundTrip(b *testing.B) {
	h := newHub(b, Config{})
	lightDevice(b, h, listen(b, h))
	call := poster(b, h.Handler(), policyToken(b, h, "service", "localhost"))
	loop := poster(b, bareLoop(b), "")

	var calls, loops []time.Duration
	for b.Loop() {
		calls, loops = append(calls, call()), append(loops, loop())
	}
	p50 := func(times []time.Duration) float64 {
		slices.Sort(times)
		return float64(times[len(times)/2].Microseconds())
	}
	b.ReportMetric(p50(calls), "p50-µs")
	b.ReportMetric(p50(loops), "bare-p50-µs")
	b.ReportMetric(p50(calls)/p50(loops), "x-bare")
}

// lightDevice answers every call with its payload, and looks at no more of MQTT than that needs.
func lightDevice(b *testing.B, h *Hub, address string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	io.WriteString(conn, connectBytes("dev-1", "localhost/dev-1/?api-version=2021-04-12", deviceToken(b, h, "dev-1", time.Hour))+subscribeBytes("$iothub/methods/POST/#", 0))
	in := bufio.NewReader(conn)
	if _, err := in.Discard(len(ok) + len(subackBytes)); err != nil {
		b.Fatal(err)
	}
	go func() {
		for {
			head, err := in.Peek(4) // of a publish of less than 128 bytes
			if err != nil {
				return
			}
			packet := make([]byte, 2+int(head[1]))
			if _, err := io.ReadFull(in, packet); err != nil {
				return
			}
			end := 4 + int(head[2])<<8 + int(head[3])
			_, rid, _ := strings.Cut(string(packet[4:end]), "$rid=")
			io.WriteString(conn, publishBytes("$iothub/methods/res/200/?$rid="+rid, string(packet[end:])))
		}
	}()
}

// poster serves a handler, and gives a function that calls it once and says how long that took.
func poster(b *testing.B, handler http.Handler, token string) func() time.Duration {
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	client := server.Client()
	return func() time.Duration {
		began := time.Now()
		r, err := http.NewRequest("POST", server.URL+"/twins/dev-1/methods?api-version=2021-04-12", strings.NewReader(`{"methodName":"reboot","payload":{"n":"42"},"responseTimeoutInSeconds":30}`))
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Authorization", token)
		answer, err := client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		defer answer.Body.Close()
		if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != 200 {
			b.Fatal(answer.StatusCode, string(body), err)
		}
		return time.Since(began)
	}
}

// bareLoop sends each body to a peer on a socket, and answers with what comes back.
func bareLoop(b *testing.B) http.Handler {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		peer, err := l.Accept()
		if err != nil {
			return
		}
		defer peer.Close()
		for in := bufio.NewReader(peer); err == nil; { // io.Copy would never leave the kernel, as no device can
			var line []byte
			if line, err = in.ReadBytes('\n'); err == nil {
				_, err = peer.Write(line)
			}
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	back := bufio.NewReader(conn)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = fmt.Fprintf(conn, "%s\n", body)
		}
		line, failed := back.ReadBytes('\n')
		if err != nil || failed != nil {
			http.Error(w, fmt.Sprint(err, failed), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Write(line)
	})
}
