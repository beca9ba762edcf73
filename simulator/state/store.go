package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	logName  = "records.log"
	tempName = "records.new"
	lockName = "lock"
)

// ErrClosed is what Write returns after Close.
var ErrClosed = errors.New("the state folder was closed")

// A Store is a folder of records. Its methods may be called by several at the same time.
type Store struct {
	dir   string
	lock  *os.File
	torn  int64
	pause time.Duration // how long after a write its bytes go to the disk

	mu      sync.Mutex // guards what follows; held while a write hands over its bytes
	log     logFile
	index   index
	lines   uint64
	size    int64 // of the log
	failure error // why nothing can be written any more
	room    []byte
	spared  int64 // the log is not compacted below this size

	dirty   bool // the log has bytes that may not be on the disk
	tending bool // they will be
	timer   *time.Timer
	tended  sync.WaitGroup
}

// A logFile is an *os.File.
type logFile interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Sync() error
	Stat() (os.FileInfo, error)
	Truncate(size int64) error
}

// A Change gives a record a value, which must be possible as JSON, or, where Value is nil, takes it away.
type Change struct {
	Kind, Key string // without control characters
	Value     any
}

// A Record is what was written last of its kind and key.
type Record struct {
	Kind, Key string
	Value     json.RawMessage // must not be kept or changed
}

// Open opens a folder, and makes it if it is not there, for its owner only. The error says who has it already, what
// about it is damaged, or why it cannot be written, and what to do.
func Open(dir string) (*Store, error) {
	s, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("state folder %s: %w", dir, err)
	}
	return s, nil
}

func open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, explainPath(err)
	}
	lock, err := acquire(filepath.Join(dir, lockName))
	if err != nil {
		return nil, explainPath(err)
	}
	s := &Store{dir: dir, lock: lock, pause: time.Second}
	if err := s.load(); err != nil {
		if s.log != nil {
			s.log.Close()
		}
		lock.Close()
		return nil, explainPath(err)
	}
	return s, nil
}

// explainPath adds to an error of the file system what right is missing, and what can be done.
func explainPath(err error) error {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("this user may not read and write files there (%w); choose a folder that can be written", err)
	case errors.As(err, &path):
		return fmt.Errorf("%w; choose a folder that can be written", err)
	}
	return err
}

// load reads the log, or begins one. An empty file holds nothing that could be lost: a disk that lost its power may
// leave one, or somebody who wants to begin anew.
func (s *Store) load() error {
	if err := os.Remove(s.path(tempName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	log, err := openLog(s.path(logName))
	if errors.Is(err, os.ErrNotExist) {
		return s.begin()
	}
	if err != nil {
		return err
	}
	if info, err := log.Stat(); err == nil && info.Size() == 0 {
		log.Close()
		return s.begin()
	}
	s.log = log
	p, err := play(log)
	if err != nil {
		return s.explain(err)
	}
	if p.torn > 0 {
		if err := log.Truncate(p.size); err != nil {
			return err
		}
	}
	s.index, s.lines, s.size, s.torn = p.index, p.lines, p.size, p.torn
	if s.wasteful() {
		return s.compact()
	}
	return nil
}

// begin makes a log without records.
func (s *Store) begin() error {
	c, err := s.newCompaction()
	if err == nil {
		err = c.finish()
	}
	if err != nil {
		c.drop()
	}
	return err
}

// explain adds to a damage what can be done about it.
func (s *Store) explain(err error) error {
	var d *damage
	switch {
	case errors.Is(err, errNewer):
		return fmt.Errorf("%s: %w; use that twinbook, or another folder", logName, err)
	case errors.As(err, &d) && d.offset > 0:
		return fmt.Errorf("%s is %w. Nothing was changed. Put back a copy of the file; or cut it there to go on with what was written before (truncate -s %d %s); or remove it to begin anew",
			logName, err, d.offset, s.path(logName))
	case errors.As(err, &d):
		return fmt.Errorf("%s is %w. Nothing was changed. Put back a copy of the file, or remove it to begin anew", logName, err)
	}
	return err
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// Dir is the folder's path.
func (s *Store) Dir() string { return s.dir }

// Torn is how many bytes a crash had left of writes that it cut off; Open has dropped them.
func (s *Store) Torn() int64 { return s.torn }

// Records gives all records, in the order in which they were written last. Nothing may be written meanwhile. An
// error is the last it gives.
func (s *Store) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		begin := int64(len(header))
		err := s.scan(begin, s.size, func(l line, offset int64) bool {
			if !s.index.current(l, offset) {
				return true
			}
			return yield(Record{Kind: string(l.kind), Key: string(l.key), Value: l.value}, nil)
		})
		if err != nil {
			yield(Record{}, fmt.Errorf("state folder %s: %w", s.dir, err))
		}
	}
}

// scan reads a part of the log that is known to be good.
func (s *Store) scan(from, to int64, f func(l line, offset int64) bool) error {
	r := newReader(io.NewSectionReader(s.log, from, to-from), from)
	for {
		text, whole, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		l, ok := parseLine(text)
		if !whole || !ok {
			return &damage{r.offset, "it was changed while it was open"}
		}
		if !f(l, r.offset) {
			return nil
		}
	}
}
