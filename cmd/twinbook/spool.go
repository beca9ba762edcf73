package main

import (
	"context"
	"io"
	"sync"
	"time"
)

const (
	mostSpooled = 4 << 20         // bytes that wait to be written; then writers wait, too
	lastWrites  = 2 * time.Second // for readers that do not read, once a signal has ended the program
)

// A spool writes for others, in the order in which they wrote, and without letting them wait: a reader that
// pauses, or a terminal that is held by Ctrl-S, must not hold up a run, nor the cleaning up after a signal.
type spool struct {
	ended context.Context // once it has, what finds no room is dropped

	mu      sync.Mutex // guards what follows
	change  *sync.Cond
	queue   []spooled
	size    int
	written int64 // bytes that no longer wait
	closed  bool
	errs    map[io.Writer]error // the first one of each

	done chan struct{}
}

type spooled struct {
	w    io.Writer
	text []byte
}

// newSpool makes a spool and starts what writes for it; close ends it.
func newSpool(ctx context.Context) *spool {
	s := &spool{ended: ctx, errs: map[io.Writer]error{}, done: make(chan struct{})}
	s.change = sync.NewCond(&s.mu)
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.change.Broadcast()
	})
	go s.run()
	return s
}

// to is a writer whose writes never fail: close tells what became of them.
func (s *spool) to(w io.Writer) io.Writer { return spoolEnd{s, w} }

type spoolEnd struct {
	spool *spool
	w     io.Writer
}

func (e spoolEnd) Write(p []byte) (int, error) {
	s := e.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.size > mostSpooled && s.ended.Err() == nil {
		s.change.Wait()
	}
	if s.size <= mostSpooled {
		s.queue = append(s.queue, spooled{w: e.w, text: append([]byte(nil), p...)})
		s.size += len(p)
		s.change.Broadcast()
	}
	return len(p), nil
}

func (s *spool) run() {
	defer close(s.done)
	for {
		s.mu.Lock()
		for len(s.queue) == 0 && !s.closed {
			s.change.Wait()
		}
		if len(s.queue) == 0 {
			s.mu.Unlock()
			return
		}
		next := s.queue[0]
		s.queue = s.queue[1:]
		failed := s.errs[next.w] != nil
		s.mu.Unlock()
		var err error
		if !failed {
			_, err = next.w.Write(next.text)
		}
		s.wrote(next, err)
	}
}

func (s *spool) wrote(w spooled, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size -= len(w.text)
	s.written += int64(len(w.text))
	if err != nil {
		s.errs[w.w] = err
	}
	s.change.Broadcast()
}

// flush waits until what was written so far no longer waits, or ctx ends, and says why w did not get all of it.
func (s *spool) flush(ctx context.Context, w io.Writer) error {
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.change.Broadcast()
	})
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for all := s.written + int64(s.size); s.written < all && ctx.Err() == nil; {
		s.change.Wait()
	}
	return s.errs[w]
}

// close waits until all has been written, after a signal not for ever, and says why w did not get
// all of it.
func (s *spool) close(w io.Writer) error {
	s.mu.Lock()
	s.closed = true
	s.change.Broadcast()
	s.mu.Unlock()
	select {
	case <-s.done:
	case <-s.late():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.errs[w]
}

// late is closed a moment after the program was told to end.
func (s *spool) late() <-chan struct{} {
	late := make(chan struct{})
	context.AfterFunc(s.ended, func() { time.AfterFunc(lastWrites, func() { close(late) }) })
	return late
}
