package simulator

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	grace    = 2 * time.Second  // for requests under way when the server ends
	bodyTime = 30 * time.Second // for a client to send a body
)

// ServeREST answers services that connect to l, until ctx ends. Requests under way then have two
// seconds. It returns nil when everything it started has ended.
func (h *Hub) ServeREST(ctx context.Context, l net.Listener) error {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var underWay sync.WaitGroup
	defer underWay.Wait()
	defer cancel()
	server := &http.Server{
		Handler:           &counted{next: h.Handler(), underWay: &underWay},
		BaseContext:       func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // of clients that break off
	}
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
		r.Body = &timedBody{r.Body, control}
	}
	c.next.ServeHTTP(w, r)
}

// timedBody lifts the deadline once the body is there.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

func shutdown(server *http.Server, cancelRequests func()) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		cancelRequests()
		server.Close()
	}
}
