package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// Write makes changes, in their order; a crash may leave the first of them without the others, never one
// by half. When it returns nil they outlive the process. The first failure, such as a full disk, is the answer
// to all later writes, too: what was written before it is kept, and what comes after could not be trusted.
func (s *Store) Write(changes ...Change) error {
	values := make([][]byte, len(changes))
	for i, c := range changes {
		var err error
		if values[i], err = c.encode(); err != nil {
			return fmt.Errorf("state folder %s: record %s %q: %w", s.dir, c.Kind, c.Key, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure != nil {
		return s.failure
	}
	return s.append(changes, values)
}

func (c Change) encode() ([]byte, error) {
	if !fits(c.Kind) || !fits(c.Key) {
		return nil, errors.New("a kind or key is empty or has control characters")
	}
	if c.Value == nil {
		return nil, nil
	}
	return json.Marshal(c.Value)
}

// append hands lines to the operating system. The lock is held.
func (s *Store) append(changes []Change, values [][]byte) error {
	b, number := s.room[:0], s.lines
	ends := make([]int, len(changes))
	for i, c := range changes {
		number++
		b = appendLine(b, number, c.Kind, c.Key, values[i])
		ends[i] = len(b)
	}
	if len(b) > maxLine {
		return fmt.Errorf("state folder %s: %d bytes in one write; %d are possible", s.dir, len(b), maxLine)
	}
	if cap(b) <= 1<<20 {
		s.room = b
	}
	if _, err := s.log.Write(b); err != nil {
		s.log.Truncate(s.size) // if that fails as well, the next Open does it
		return s.fail(err)
	}
	start := 0
	for i, c := range changes {
		s.index.take(c.Kind, c.Key, values[i] == nil, place{s.size + int64(start), int32(ends[i] - start)})
		start = ends[i]
	}
	s.lines, s.size = number, s.size+int64(len(b))
	s.tendLater()
	return nil
}

// fail ends all writing. The lock is held.
func (s *Store) fail(err error) error {
	if s.failure == nil && errors.Is(err, errGone) {
		s.failure = fmt.Errorf("state folder %s: %w", s.dir, err)
	}
	if s.failure == nil {
		s.failure = fmt.Errorf("state folder %s cannot be written: %w; what was written before is kept", s.dir, err)
	}
	return s.failure
}

// tendLater has the log looked after in a while. The lock is held.
func (s *Store) tendLater() {
	s.dirty = true
	if !s.tending {
		s.tending = true
		s.tended.Add(1)
		s.timer = time.AfterFunc(s.pause, s.tend)
	}
}

// tend brings the log to the disk and clears it up; others may write meanwhile.
func (s *Store) tend() {
	defer s.tended.Done()
	s.mu.Lock()
	s.dirty = false
	log, wasteful := s.log, s.wasteful()
	s.mu.Unlock()
	err := s.stillThere()
	if err == nil {
		err = log.Sync()
	}
	if wasteful && err == nil {
		err = s.compact()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.fail(err)
	}
	s.tending = false
	if s.dirty && s.failure == nil {
		s.tendLater()
	}
}

// errGone means that what is written would go to a file that nobody finds any more.
var errGone = errors.New(logName + " was removed or replaced while the simulator ran, so nothing more is kept; " +
	"put back a copy if there is one and start the simulator again, which goes on with what it then finds")

// stillThere asks whether the log is the file of its name. Only who tends the log, or closes it, may ask, since a
// compaction changes files.
func (s *Store) stillThere() error {
	ours, err := s.log.Stat()
	if err != nil {
		return err
	}
	now, err := os.Stat(s.path(logName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err != nil || !os.SameFile(ours, now) {
		return errGone
	}
	return nil
}

// Close brings everything to the disk and lets others have the folder. Its error is that of the disk.
func (s *Store) Close() error {
	s.mu.Lock()
	failure := s.failure
	s.failure = ErrClosed
	if s.tending && s.timer.Stop() {
		s.tended.Done()
	}
	s.mu.Unlock()
	if failure == ErrClosed {
		return nil
	}
	s.tended.Wait()
	gone := s.stillThere()
	err := errors.Join(gone, s.log.Sync(), s.log.Close(), s.lock.Close())
	if err != nil && failure == nil {
		return fmt.Errorf("state folder %s: %w", s.dir, err)
	}
	return failure
}
