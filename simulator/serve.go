package simulator

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	grace    = 2 * time.Second  // for requests under way when the server ends
	bodyTime = 30 * time.Second // for a client to send a body

	// How much of a body that nobody wants is taken, and for how long, so that the connection can go on.
	restTime = 250 * time.Millisecond
	restSize = 16 << 20
)

// ServeREST answers services that connect to l, and lets in devices that speak MQTT over WebSocket, until ctx ends.
// Devices are cut off then; requests under way have two seconds. It returns nil when everything it
// started has ended. HTTPS comes from a listener that is made with tls.NewListener and TLSConfig.
func (h *Hub) ServeREST(ctx context.Context, l net.Listener) error {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	devices, leave := context.WithCancel(ctx)
	var underWay sync.WaitGroup
	defer underWay.Wait()
	defer cancel()
	defer leave()
	server := h.newServer(requests, devices, &underWay)
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		shutdown(server, cancel)
	})
	err := server.Serve(l)
	if !stop() {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// newServer serves requests until the one context ends, and devices until the other does.
func (h *Hub) newServer(requests, devices context.Context, underWay *sync.WaitGroup) *http.Server {
	web := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != webSocketPath && websocket.IsWebSocketUpgrade(r) { // a 401 would send people looking at their keys
			h.writeFault(w, notFound.fault("There is no WebSocket at %s, MQTT is at %s", printable(r.URL.Path), webSocketPath), false)
		} else if r.URL.Path != webSocketPath {
			h.serveREST(w, r)
		} else if conn, ok := h.upgrade(w, r); ok {
			// In a goroutine of its own, since that of the request holds much that is no longer needed.
			underWay.Go(func() { h.Attach(devices, conn) })
		}
	}
	return &http.Server{
		Handler:           &counted{next: http.HandlerFunc(web), underWay: underWay},
		BaseContext:       func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: h.config.ConnectTimeout, // bounds a TLS handshake as well
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ConnState:         new(lobby).follow,
		ErrorLog:          log.New(io.Discard, "", 0), // of clients that break off
	}
}

// follow keeps a connection in the lobby until its first request has come.
func (l *lobby) follow(conn net.Conn, now http.ConnState) {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn() // whose Close sends nothing, so never waits
	}
	if now == http.StateNew {
		l.enter(conn)
	} else {
		l.leave(conn)
	}
}

// counted knows which requests are under way, and gives their bodies time to come. The server's own
// ReadTimeout would also end a request that waits long for its device.
type counted struct {
	next     http.Handler
	underWay *sync.WaitGroup
}

func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.underWay.Add(1)
	defer c.underWay.Done()
	if r.Body != http.NoBody {
		control := http.NewResponseController(w)
		control.SetReadDeadline(time.Now().Add(bodyTime))
		r.Body = &timedBody{ReadCloser: r.Body, control: control}
	}
	c.next.ServeHTTP(w, r)
}

// timedBody lifts the deadline once the body is there.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
	ended   error // io.EOF, or why there is no more; nil: there may be
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = err
	if err == io.EOF {
		b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// leaveBody is called before an error is answered. The server would wait for a body that was not read; what is there
// already is taken, and without the rest the connection ends after the answer.
func leaveBody(w http.ResponseWriter, r *http.Request) {
	b, timed := r.Body.(*timedBody)
	if !timed {
		return
	}
	sending := b.ended == nil && r.ContentLength <= restSize && r.Header.Get("Expect") == "" // else it has not begun
	if b.control.SetReadDeadline(time.Now().Add(restTime)); sending {
		io.CopyN(io.Discard, b, restSize)
	}
	if b.ended != io.EOF {
		w.Header().Set("Connection", "close")
	}
}

func shutdown(server *http.Server, cancelRequests func()) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		cancelRequests()
		server.Close()
	}
}
