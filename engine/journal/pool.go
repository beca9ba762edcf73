package journal

import (
	"context"
	"errors"
	"sync"
)

// readers is how many may read at the same time.
const readers = 4

// A pool is the connections of those who read.
type pool struct {
	file, mode string
	seats      chan struct{}

	mu     sync.Mutex // guards what follows
	idle   []*conn
	closed bool
}

func newPool(file, mode string) *pool {
	return &pool{file: file, mode: mode, seats: make(chan struct{}, readers)}
}

// view calls f with a connection that sees the journal as it is now, however it changes meanwhile.
func (p *pool) view(ctx context.Context, f func(c *conn) error) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case p.seats <- struct{}{}:
	}
	defer func() { <-p.seats }()
	c, err := p.take()
	if err != nil {
		return err
	}
	_, err = c.exec("BEGIN")
	if err == nil {
		err = f(c)
	}
	if _, end := c.exec("ROLLBACK"); end != nil {
		return errors.Join(err, c.close())
	}
	p.give(c)
	return err
}

func (p *pool) take() (*conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return c, nil
	}
	return connect(p.file, p.mode, "busy_timeout = 5000", "query_only = 1", "temp_store = MEMORY", "wal_autocheckpoint = 0")
}

func (p *pool) give(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.close()
		return
	}
	p.idle = append(p.idle, c)
}

func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var all error
	for _, c := range p.idle {
		all = errors.Join(all, c.close())
	}
	p.idle = nil
	return all
}
