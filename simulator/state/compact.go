package state

import (
	"bufio"
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// leastWaste is a size below which a log is not worth clearing up.
const leastWaste = 1 << 20

// wasteful says whether more than half of the log is lines that do not count any more. The lock is held.
func (s *Store) wasteful() bool {
	return s.size > max(leastWaste, s.spared) && s.size > 2*s.index.live
}

// A compaction is a new log in the making.
type compaction struct {
	store *Store
	file  *os.File
	out   *bufio.Writer
	line  []byte

	index index
	lines uint64
	size  int64
}

// compact makes a log of the lines that count, and puts it in the old one's place. Others may write meanwhile, but for
// the last moment. An error leaves a store that cannot go on; that the new log cannot be made is none.
func (s *Store) compact() error {
	s.mu.Lock()
	size := s.size
	s.mu.Unlock()
	c, err := s.newCompaction()
	if err == nil {
		err = c.copy(int64(len(header)), size, c.counts)
	}
	if err == nil {
		err = c.sync()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil { // what was written meanwhile
		err = c.copy(size, s.size, func(line, int64) bool { return true })
	}
	if err == nil {
		err = c.finish()
	}
	if err != nil {
		c.drop()
		s.spared = 2 * s.size
	}
	return s.failure
}

// newCompaction gives a log that has a header and nothing else.
func (s *Store) newCompaction() (*compaction, error) {
	c := &compaction{store: s, index: newIndex(), size: int64(len(header))}
	var err error
	if c.file, err = os.OpenFile(s.path(tempName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return c, err
	}
	c.out = bufio.NewWriterSize(c.file, 256<<10)
	_, err = c.out.WriteString(header)
	return c, err
}

// counts says whether a line of the old log is the last of its record.
func (c *compaction) counts(l line, offset int64) bool {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	return c.store.index.current(l, offset)
}

// copy takes lines over from a part of the old log.
func (c *compaction) copy(from, to int64, wanted func(l line, offset int64) bool) error {
	var failed error
	err := c.store.scan(from, to, func(l line, offset int64) bool {
		if wanted(l, offset) {
			failed = c.add(l)
		}
		return failed == nil
	})
	return cmp.Or(failed, err)
}

func (c *compaction) add(l line) error {
	kind, key := string(l.kind), string(l.key)
	c.lines++
	c.line = appendLine(c.line[:0], c.lines, kind, key, l.value)
	c.index.take(kind, key, len(l.value) == 0, place{c.size, int32(len(c.line))})
	c.size += int64(len(c.line))
	_, err := c.out.Write(c.line)
	return err
}

func (c *compaction) sync() error {
	return cmp.Or(c.out.Flush(), c.file.Sync())
}

// finish puts the new log in the old one's place. Both are closed for that moment, since Windows renames
// no open files.
func (c *compaction) finish() error {
	if err := cmp.Or(c.sync(), c.file.Close()); err != nil {
		return err
	}
	s := c.store
	if s.log != nil {
		s.log.Close()
	}
	renamed := os.Rename(s.path(tempName), s.path(logName))
	log, err := openLog(s.path(logName))
	if err != nil {
		return s.fail(err)
	}
	s.log = log
	if renamed != nil {
		return renamed // and the old log goes on
	}
	s.index, s.lines, s.size = c.index, c.lines, c.size
	if err := syncFolder(s.dir); err != nil {
		return s.fail(err)
	}
	return nil
}

// drop takes away what was made of the new log.
func (c *compaction) drop() {
	if c.file != nil {
		c.file.Close()
		os.Remove(c.store.path(tempName))
	}
}

func openLog(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0) }

// syncFolder makes a rename last, where the system has a way to.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
