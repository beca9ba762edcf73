package azure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	// idleTimeout is shorter than that of the servers we meet, so that a call seldom goes out on a
	// connection which the hub is just closing: nobody could say whether it arrived.
	idleTimeout    = 30 * time.Second
	maxHeaderBytes = 64 << 10
)

// newTransport speaks HTTP/1.1 only: one request at a time on a connection is what lets a gate know
// whose bytes it carries, and HTTP/2 may repeat requests on its own.
func newTransport(conn connection, o Options) (*http.Transport, error) {
	t := &http.Transport{
		DialContext:            dialer(conn),
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		TLSHandshakeTimeout:    handshakeTimeout,
		MaxConnsPerHost:        o.Connections,
		MaxIdleConns:           o.Connections,
		MaxIdleConnsPerHost:    o.Connections,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
	}
	if !conn.plain {
		t.Proxy = o.Proxy
	}
	if len(o.CA) > 0 {
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(o.CA) {
			return nil, errors.New("the hub's CA file holds no certificate; it must be PEM, with BEGIN CERTIFICATE lines")
		}
	}
	return t, nil
}

// dialer opens connections behind gates. "localhost" is only a name: plain HTTP is refused where it
// leads off this machine.
func dialer(c connection) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := &net.Dialer{Timeout: dialTimeout}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); c.plain && !(ok && tcp.IP.IsLoopback()) {
			conn.Close()
			return nil, fmt.Errorf("%s is %s, which is not this machine; plain HTTP stays on it", addr, conn.RemoteAddr())
		}
		return &gate{Conn: conn}, nil
	}
}

// A gate is a connection that knows whether the request it carries may have left this machine.
//
// httptrace.WroteRequest alone cannot tell: it is called after the bytes have gone, and a request
// that is cancelled in between ends without the call.
type gate struct {
	net.Conn
	sending atomic.Pointer[sending]
}

func (g *gate) Write(p []byte) (int, error) {
	if s := g.sending.Load(); s != nil && !s.leave() {
		return 0, net.ErrClosed
	}
	return g.Conn.Write(p)
}

// A sending is one request on its way out.
type sending struct {
	mu      sync.Mutex // guards what is below
	left    bool       // bytes of it may have left
	settled bool       // its fate has been told: nothing may leave any more
}

// on ties the request to the connection that it was given.
func (s *sending) on(conn net.Conn) {
	for {
		switch c := conn.(type) {
		case *gate:
			c.sending.Store(s)
			return
		case interface{ NetConn() net.Conn }: // TLS, over a proxy even twice
			conn = c.NetConn()
		default:
			s.leave() // unknown to us, so anything may have happened
			return
		}
	}
}

func (s *sending) leave() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settled {
		return false
	}
	s.left = true
	return true
}

// settle says whether bytes may have left, and sees to it that the answer stays true.
func (s *sending) settle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = true
	return s.left
}
