// Package logs writes what happens in a server, a line an event, as text or JSON.
//
// Whoever logs does not wait for the disk or the terminal: lines are left in a bounded room, from which one goroutine
// writes them. When they come faster than they can be written, further ones are left out and counted, those below a
// warning first; a line says how many. So a storm of runs costs runs nothing, and what is wrong is still said.
//
// What is said at which level: error, what twinbook itself could not do; warn, what failed in a run, and the run; info,
// how runs begin, wait for people and end; debug, each step. Lines have the run's id and the step's address.
//
// It has no secrets to hide: what comes out of runs is masked where it enters them. It is no record, which is the
// journal: lines may be left out.
package logs

import (
	"context"
	"io"
	"log/slog"
)

// Config is what a Log needs; Out must be set.
type Config struct {
	Out   io.Writer
	JSON  bool         // else text
	Level slog.Leveler // nil: info
	Room  int          // bytes of lines that may wait to be written; 0: a mebibyte
}

// A Log is written until Close.
type Log struct {
	handler slog.Handler
	spool   *spool
}

// Open begins a log.
func Open(c Config) *Log {
	if c.Room == 0 {
		c.Room = 1 << 20
	}
	s := newSpool(c.Out, c.Room)
	options := &slog.HandlerOptions{Level: c.Level}
	var lines slog.Handler = slog.NewTextHandler(s, options)
	if c.JSON {
		lines = slog.NewJSONHandler(s, options)
	}
	go s.run(lines)
	return &Log{handler: handler{lines, s}, spool: s}
}

// Logger is for whoever else has something to say.
func (l *Log) Logger() *slog.Logger { return slog.New(l.handler) }

// Dropped is how many lines were left out.
func (l *Log) Dropped() int64 { return l.spool.dropped.Load() }

// Close writes what waits, until ctx ends. What is logged afterwards is left out.
func (l *Log) Close(ctx context.Context) error { return l.spool.close(ctx) }
