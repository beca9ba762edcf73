package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// SQLite is a Journal in one file, for one machine: many processes may use it at once.
//
// All that a process keeps goes through one goroutine with a connection of its own, which commits for everybody
// who waits; readers have other connections and neither wait nor are waited for. The file must lie on a disk of
// this machine, since its processes share memory about it.
//
// A process that drives runs says so by a row with a heartbeat and by a lock on a file beside the journal, which
// the system gives back when the process dies. Each commit looks, in its transaction, whether the row still holds.
//
// A process must not open the file in other ways while it has the journal: closing any descriptor of a file gives up
// all locks that the process has on it, as POSIX wants it.
type SQLite struct {
	file    string
	options Options
	readers *pool
	writer  *writer      // nil: for reading only
	made    os.FileInfo  // the file as it was opened
	seated  atomic.Int64 // the key of this process as a driver; 0: it drives nothing

	mu   sync.Mutex // guards what follows
	ears map[*ear]bool

	scheduleEars map[*scheduleEar]bool

	background context.Context // ends with Close, and with it what runs in the background
	stop       context.CancelCauseFunc
	all        sync.WaitGroup
}

// Options say how a journal is kept; the zero value is for daily use.
type Options struct {
	Keep     Retention
	ReadOnly bool // look only, at a file that may not be written or is on a disk that cannot be

	Lease time.Duration // how long after its last heartbeat a process counts as alive; zero: 15 s
	Poll  time.Duration // how often requests of other processes are looked for; zero: 200 ms

	Patience time.Duration // how long another process may keep the file from being written; zero: 30 s

	Committed func(Commit) // called after each commit, and each that failed, in turn; it must not wait. nil: nobody wants to know
}

// defaults fills in what is left out.
func (o Options) defaults() Options {
	if o.Lease <= 0 {
		o.Lease = 15 * time.Second
	}
	if o.Poll <= 0 {
		o.Poll = 200 * time.Millisecond
	}
	if o.Patience <= 0 {
		o.Patience = 30 * time.Second
	}
	return o
}

// OpenSQLite opens the journal in file, which it makes, with the folders above, if it is not there: for this user only.
// The error says what is wrong with the file and what to do.
func OpenSQLite(ctx context.Context, file string, o Options) (*SQLite, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	s := &SQLite{file: file, options: o.defaults(), ears: map[*ear]bool{}, scheduleEars: map[*scheduleEar]bool{}}
	s.background, s.stop = context.WithCancelCause(context.Background())
	if err := s.open(ctx); err != nil {
		s.Close()
		return nil, explain(s.file, err)
	}
	return s, nil
}

func (s *SQLite) open(ctx context.Context) error {
	if s.options.ReadOnly {
		return s.openForReading(ctx)
	}
	if err := makeFile(s.file); err != nil {
		return err
	}
	if err := s.resolve(); err != nil {
		return err
	}
	c, err := openForWriting(ctx, s.file, s.options.Patience)
	if err != nil {
		return err
	}
	s.readers = newPool(s.file, "mode=rw")
	log, err := connect(s.file, "mode=rw", "busy_timeout = 5000", "synchronous = FULL", "checkpoint_fullfsync = 1")
	if err != nil {
		return errors.Join(err, c.close())
	}
	s.writer = newWriter(s, c, log)
	s.all.Go(s.writer.loop)
	s.all.Go(s.writer.log.loop)
	s.all.Go(func() { s.tidy(s.background) })
	return nil
}

// File is where the journal is, as an absolute path without symbolic links.
func (s *SQLite) File() string { return s.file }

// Close keeps what is waiting to be kept, and gives up the runs that this process drives: others may claim them
// at once. Nothing may be asked of the journal afterwards.
func (s *SQLite) Close() error {
	s.tidyAtLast()
	s.stop(errClosed)
	var err error
	if s.writer != nil {
		err = s.writer.close()
	}
	s.all.Wait()
	if s.readers != nil {
		err = errors.Join(err, s.readers.close())
	}
	return explain(s.file, err)
}

// errClosed is what late callers get.
var errClosed = errors.New("the journal is closed")
