package simulator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/gorilla/websocket"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/simulator/authority"
)

// doors are the addresses of a hub that is served in every way, and who vouches for it.
type doors struct {
	mqtts, https, mqtt, http string
	ca                       *authority.Authority
	roots                    *x509.CertPool
}

// openDoors serves h until the test ends, and makes sure that serving ends then.
func openDoors(t testing.TB, h *Hub) doors {
	t.Helper()
	now := time.Now()
	ca, err := authority.Open(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := ca.ServerCertificate(now)
	if err != nil {
		t.Fatal(err)
	}
	d := doors{ca: ca, roots: x509.NewCertPool()}
	d.roots.AddCert(ca.Certificate())
	d.mqtts = openDoor(t, TLSConfig(certificate), h.ServeMQTT)
	d.https = openDoor(t, TLSConfig(certificate), h.ServeREST)
	d.mqtt = openDoor(t, nil, h.ServeMQTT)
	d.http = openDoor(t, nil, h.ServeREST)
	return d
}

func openDoor(t testing.TB, secure *tls.Config, serve func(context.Context, net.Listener) error) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := within(t, "the door to close", ended); err != nil {
			t.Errorf("the door closed: %v", err)
		}
	})
	return address
}

// client is how a client trusts the hub.
func (d doors) client() *tls.Config { return &tls.Config{RootCAs: d.roots} }

// brokers are the URLs for devices.
func (d doors) brokers() map[string]string {
	return map[string]string{
		"MQTT over TLS":              "ssl://" + d.mqtts,
		"MQTT over secure WebSocket": "wss://" + d.https + webSocketPath,
		"MQTT over WebSocket":        "ws://" + d.http + webSocketPath,
	}
}

// paho.mqtt.golang as a witness: what it does over a bare socket works through every door.
func TestPahoThroughEveryDoor(t *testing.T) {
	h := newHub(t, Config{})
	d := openDoors(t, h)
	for name, broker := range d.brokers() {
		t.Run(name, func(t *testing.T) { pahoConverses(t, h, broker, d.client()) })
	}
	t.Run("TLS 1.2", func(t *testing.T) {
		old := d.client()
		old.MaxVersion = tls.VersionTLS12
		pahoConverses(t, h, "ssl://"+d.mqtts, old)
		pahoConverses(t, h, "wss://"+d.https+webSocketPath, old)
	})
}

func pahoConverses(t *testing.T, h *Hub, broker string, secure *tls.Config) {
	heard := make(chan said, 100)
	options := pahoOptions(t, h, "unused").SetTLSConfig(secure).SetCleanSession(true)
	options.Servers = nil
	c := mqtt.NewClient(options.AddBroker(broker))
	done(t, "connect", c.Connect())
	defer c.Disconnect(100)
	done(t, "subscribe", c.SubscribeMultiple(map[string]byte{"$iothub/methods/POST/#": 0, "$iothub/twin/res/#": 0, "$iothub/twin/PATCH/properties/desired/#": 0},
		func(c mqtt.Client, m mqtt.Message) {
			if rid, isMethod := strings.CutPrefix(m.Topic(), "$iothub/methods/POST/reboot/?$rid="); isMethod {
				c.Publish("$iothub/methods/res/200/?$rid="+rid, 1, false, m.Payload())
				return
			}
			heard <- said{m.Topic(), string(m.Payload())}
		}))

	done(t, "telemetry", c.Publish("devices/dev-1/messages/events/", 1, false, strings.Repeat("x", 200_000)))
	done(t, "twin", c.Publish("$iothub/twin/GET/?$rid=7", 0, false, " "))
	if got := within(t, "the twin", heard); got.topic != "$iothub/twin/res/200/?$rid=7" || !strings.Contains(got.body, `"reported"`) {
		t.Errorf("twin: %+v", got)
	}
	call := calling("reboot")
	call.Payload = map[string]any{"big": strings.Repeat("y", 100_000)}
	reply, err := h.Client().Invoke(t.Context(), call)
	if err != nil || reply.Status != 200 || len(reply.Payload.(map[string]any)["big"].(string)) != 100_000 {
		t.Errorf("method: status %d, %v", reply.Status, err)
	}
	if _, err := h.Client().UpdateTwin(t.Context(), hub.Target{Device: "dev-1"}, hub.Patch{Desired: map[string]any{"x": 1}}); err != nil {
		t.Error(err)
	}
	if got := within(t, "the notice", heard); !strings.HasPrefix(got.topic, "$iothub/twin/PATCH/properties/desired/?$version=") {
		t.Errorf("notice: %+v", got)
	}
}

// Who does not know the CA, or wants another host, does not come in; what is not TLS is told so.
func TestClientsCheckTheHub(t *testing.T) {
	d := openDoors(t, newHub(t, Config{}))
	for name, secure := range map[string]*tls.Config{
		"another host": {RootCAs: d.roots, ServerName: "other.example"},
		"unknown CA":   {RootCAs: x509.NewCertPool()},
		"old TLS":      {RootCAs: d.roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
	} {
		for _, address := range []string{d.mqtts, d.https} {
			if conn, err := tls.Dial("tcp", address, secure); err == nil {
				conn.Close()
				t.Errorf("%s: connected to %s", name, address)
			}
		}
	}
	answer, err := http.Get("http://" + d.https + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != 400 || !strings.Contains(string(text), "HTTP request to an HTTPS server") {
		t.Errorf("plain HTTP: %d %s", answer.StatusCode, text)
	}
}

// REST over TLS is HTTP/1.1, also for clients that would rather have HTTP/2.
func TestRESTOverTLS(t *testing.T) {
	h := newHub(t, Config{})
	d := openDoors(t, h)
	transport := &http.Transport{TLSClientConfig: d.client(), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	_, port, _ := net.SplitHostPort(d.https)
	for _, host := range []string{"localhost", "127.0.0.1"} {
		r, err := http.NewRequest("GET", "https://"+net.JoinHostPort(host, port)+"/twins/dev-1?api-version=2021-04-12", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", policyToken(t, h, "service", host))
		answer, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 200 || answer.ProtoMajor != 1 {
			t.Errorf("%s: %s %s", host, answer.Proto, answer.Status)
		}
	}
}

// A device's certificate is known where its CONNECT is looked at.
func TestDeviceCertificateReachesTheSession(t *testing.T) {
	h := newHub(t, Config{})
	d := openDoors(t, h)
	shown, err := d.ca.DeviceCertificate(time.Now(), "dev-1")
	if err != nil {
		t.Fatal(err)
	}
	for name, broker := range d.brokers() {
		secure := d.client()
		secure.Certificates = append(secure.Certificates, shown)
		options := pahoOptions(t, h, "unused").SetTLSConfig(secure)
		options.Servers = nil
		c := mqtt.NewClient(options.AddBroker(broker))
		done(t, "connect", c.Connect())
		state := connOf(h, "dev-1").(interface{ ConnectionState() tls.ConnectionState }).ConnectionState()
		switch certificates := state.PeerCertificates; {
		case strings.HasPrefix(broker, "ws:"):
			if len(certificates) != 0 {
				t.Errorf("%s: %d certificates without TLS", name, len(certificates))
			}
		case len(certificates) != 1 || !certificates[0].Equal(shown.Leaf):
			t.Errorf("%s: %d certificates", name, len(certificates))
		}
		c.Disconnect(100)
	}
}

// connOf is the connection of a device that is connected over a socket.
func connOf(h *Hub, id string) net.Conn {
	device := h.devices.get(id)
	device.mu.Lock()
	defer device.mu.Unlock()
	return device.session.link.(*socket).conn
}

// Clients that connect and say nothing, half of something or something else are dropped in bounded time at
// every door, and the others notice nothing.
func TestStrangersAreDropped(t *testing.T) {
	h := newHub(t, Config{ConnectTimeout: 200 * time.Millisecond})
	d := openDoors(t, h)
	witness := dialTCP(t, d.mqtt)
	witness.say(connectBytes("dev-2", "localhost/dev-2/?api-version=2021-04-12", deviceToken(t, h, "dev-2", time.Hour)))
	witness.hear(ok)

	hello := clientHello(t)
	var strangers sync.WaitGroup
	for name, first := range map[string]string{
		"nothing":         "",
		"half a hello":    hello[:len(hello)/2],
		"half a record":   hello[:3],
		"a huge record":   "\x16\x03\x01\xff\xff",
		"a CONNECT":       connectBytes("dev-1", "localhost/dev-1", "x"),
		"half a request":  "GET / HTTP/1.1\r\nHost: localhost\r\n",
		"a hello, silent": hello,
		"zeros":           strings.Repeat("\x00", 100),
	} {
		for _, address := range []string{d.mqtts, d.https, d.mqtt, d.http} {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(conn, first)
			strangers.Go(func() {
				defer conn.Close()
				conn.SetReadDeadline(time.Now().Add(patience))
				if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s at %s is still there after %v", name, address, patience)
				}
			})
		}
	}
	strangers.Wait()
	secured, err := tls.Dial("tcp", d.mqtts, d.client())
	if err != nil {
		t.Fatal(err)
	}
	secured.SetReadDeadline(time.Now().Add(patience))
	if n, err := io.Copy(io.Discard, secured); n != 0 || err != nil {
		t.Errorf("silent after the handshake: %d bytes, %v", n, err)
	}

	witness.say("\xc0\x00")
	witness.hear("\xd0\x00")
}

// clientHello is what a TLS client says first.
func clientHello(t *testing.T) string {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	go tls.Client(far, &tls.Config{ServerName: "localhost"}).Handshake()
	b := make([]byte, 16<<10)
	n, err := near.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// A lobby that is full lets go of whoever has been there longest.
func TestLobby(t *testing.T) {
	var l lobby
	conns := make([]net.Conn, maxStrangers+2)
	far := make([]net.Conn, len(conns))
	for i := range conns {
		conns[i], far[i] = net.Pipe()
		defer conns[i].Close()
	}
	for _, c := range conns[:maxStrangers] {
		l.enter(c)
	}
	l.leave(conns[0]) // a guest by now
	l.leave(conns[0])
	l.enter(conns[maxStrangers])
	l.enter(conns[maxStrangers+1])
	for i, wantClosed := range map[int]bool{0: false, 1: true, 2: false, maxStrangers + 1: false} {
		far[i].SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := far[i].Read(make([]byte, 1)); (err == io.EOF) != wantClosed {
			t.Errorf("connection %d: %v; want closed: %v", i, err, wantClosed)
		}
	}
	for _, c := range conns {
		l.leave(c)
	}
	if l.waiting.Len() != 0 || len(l.places) != 0 {
		t.Errorf("%d and %d remain", l.waiting.Len(), len(l.places))
	}
}

// A device that reads nothing of what it is sent is cut off at every door, though goodbyes cannot be written either.
func TestDevicesThatDoNotRead(t *testing.T) {
	h := newHub(t, Config{WriteTimeout: 300 * time.Millisecond, MaxUnsent: 64 << 20})
	d := openDoors(t, h)
	connect := connectBytes("dev-1", "localhost/dev-1/?api-version=2021-04-12", deviceToken(t, h, "dev-1", time.Hour))
	b := &bench{t, h, h.Client(), nil}
	if _, err := h.Client().UpdateTwin(t.Context(), hub.Target{Device: "dev-1"}, hub.Patch{Desired: big(20_000)}); err != nil {
		t.Fatal(err)
	}
	for name, dial := range map[string]func() (net.Conn, error){
		"mqtt":  func() (net.Conn, error) { return net.Dial("tcp", d.mqtt) },
		"mqtts": func() (net.Conn, error) { return tls.Dial("tcp", d.mqtts, d.client()) },
		"ws":    func() (net.Conn, error) { return dialFramed("ws://"+d.http, nil) },
		"wss":   func() (net.Conn, error) { return dialFramed("wss://"+d.https, d.client()) },
	} {
		conn, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		connected := func() bool { return h.devices.get("dev-1").view().connected }
		io.WriteString(conn, connect)
		b.eventually(name+" to connect", connected)
		conn.SetWriteDeadline(time.Now().Add(patience))
		question := publishBytes("$iothub/twin/GET/?$rid=1", "")
		for range 1000 { // answers of 20 MB
			if _, err := io.WriteString(conn, question); err != nil {
				break // cut off before the last
			}
		}
		b.eventually(name+" to be cut off", func() bool { return !connected() })
	}
}

func dialFramed(url string, secure *tls.Config) (net.Conn, error) {
	dialer := websocket.Dialer{Subprotocols: []string{"mqtt"}, TLSClientConfig: secure}
	conn, _, err := dialer.Dial(url+webSocketPath, nil)
	if err != nil {
		return nil, err
	}
	return &framed{ws: conn}, nil
}
