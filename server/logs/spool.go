package logs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A spool holds lines until they are written, so many bytes and no more.
type spool struct {
	out     io.Writer
	most    int
	wake    chan struct{} // there are lines, or the spool is closed
	ended   chan struct{}
	dropped atomic.Int64

	mu      sync.Mutex // guards what follows
	lines   []byte
	writing int // bytes that are just being written
	closed  bool
}

func newSpool(out io.Writer, most int) *spool {
	return &spool{out: out, most: most, wake: make(chan struct{}, 1), ended: make(chan struct{})}
}

// room says whether a line of this level may be made, and else counts it. The last quarter of the room is for warnings and
// errors.
func (s *spool) room(level slog.Level) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.most
	if level < slog.LevelWarn {
		most -= most / 4
	}
	if s.closed || len(s.lines)+s.writing >= most {
		s.dropped.Add(1)
		return false
	}
	return true
}

// Write takes a line. Others may have filled the room since it was asked for.
func (s *spool) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.lines)+s.writing+len(line) > s.most {
		s.dropped.Add(1)
		return len(line), nil
	}
	if len(s.lines) == 0 {
		s.nudge()
	}
	s.lines = append(s.lines, line...)
	return len(line), nil
}

func (s *spool) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run writes lines until the spool is closed and empty. told makes the line about lines that were left out.
func (s *spool) run(told slog.Handler) {
	defer close(s.ended)
	var spare []byte
	said := int64(0)
	for {
		lines, closed := s.take(spare[:0])
		if len(lines) == 0 {
			if closed {
				return
			}
			<-s.wake
			continue
		}
		if _, err := s.out.Write(lines); err != nil {
			s.dropped.Add(int64(bytes.Count(lines, []byte{'\n'}))) // and whom should it be said to
		}
		s.written()
		spare = lines
		if now := s.dropped.Load(); now > said {
			r := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines were left out, since they came faster than they can be written", 0)
			r.AddAttrs(slog.Int64("lines", now-said))
			told.Handle(context.Background(), r)
			said = now
		}
	}
}

// take gives all lines there are, and leaves an empty buffer, which the caller does not need any more, in their place.
func (s *spool) take(empty []byte) (lines []byte, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == 0 {
		return nil, s.closed
	}
	lines = s.lines
	s.lines, s.writing = empty, len(lines)
	return lines, s.closed
}

func (s *spool) written() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = 0
}

func (s *spool) close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.nudge()
	s.mu.Unlock()
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the end of the log could not be written: %w", context.Cause(ctx))
	}
}
