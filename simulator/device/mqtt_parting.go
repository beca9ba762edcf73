package device

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// A parting is a connection that, when its user leaves it, stays open until the hub has closed its end. Paho closes it
// as soon as DISCONNECT is written: a hub that has not yet read what came before that would drop it when the same
// device connects again, and with it the answer to a call.
type parting struct {
	net.Conn
	until  atomic.Int64 // when the hub's time is up, in Unix nanoseconds; 0: nobody has said goodbye
	closed atomic.Bool
	gone   chan struct{} // closed when nothing is left of the connection
}

func newParting(c net.Conn) *parting { return &parting{Conn: c, gone: make(chan struct{})} }

// leave says that the next Close is a goodbye, and how long the hub has to answer it.
func (p *parting) leave(within time.Duration) { p.until.Store(time.Now().Add(within).UnixNano()) }

// Read gives nothing after Close, like any connection.
func (p *parting) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if p.closed.Load() {
		return 0, net.ErrClosed
	}
	return n, err
}

// Close never waits. After leave, what the hub still sends is dropped until it closes its end or its time is up.
func (p *parting) Close() error {
	if p.closed.Swap(true) {
		return nil
	}
	until := p.until.Load()
	if until == 0 {
		defer close(p.gone)
		return p.Conn.Close()
	}
	go func() {
		defer close(p.gone)
		p.Conn.SetReadDeadline(time.Unix(0, until))
		io.Copy(io.Discard, p.Conn)
		p.Conn.Close()
	}()
	return nil
}
