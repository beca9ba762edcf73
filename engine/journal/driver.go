package journal

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twinbook/twinbook/internal/filelock"
)

// A seat is this process's place among those that drive runs.
type seat struct {
	key  int64
	lock *os.File // nil: this disk or system has no locks; others go by the heartbeat alone
	beat time.Time
}

// A driverRow is what the file says of one.
type driverRow struct {
	key  int64
	host string
	pid  int64
	lock string // its file's name
	beat int64
	gone bool
}

const driverColumns = "key, host, pid, lock, beat, gone"

// driver is the row with this key; its key is 0 if there is none.
func (c *conn) driver(key int64) (driverRow, error) {
	row, err := c.first("SELECT "+driverColumns+" FROM drivers WHERE key = ?", key)
	if err != nil || row == nil {
		return driverRow{}, err
	}
	return readDriver(row), nil
}

// sit makes this process a driver. It ends the transaction.
func (w *writer) sit() error {
	lock, err := w.lockFile()
	if err != nil {
		return err
	}
	s, name := &seat{lock: lock, beat: time.Now()}, ""
	if lock != nil {
		name = filepath.Base(lock.Name())
	}
	host, _ := os.Hostname() // is for people only
	s.key, err = w.c.insert("INSERT INTO drivers (host, pid, lock, beat, gone) VALUES (?, ?, ?, ?, 0)", host, int64(os.Getpid()), name, s.beat.UnixNano())
	if err == nil {
		_, err = w.c.exec("COMMIT")
	}
	if err != nil {
		s.unlock()
		return err
	}
	w.seat = s
	w.journal.seated.Store(s.key)
	return nil
}

// driverMark is in the name of a driver's lock file: behind that of the journal's file, before a text by chance.
const driverMark = "-driver-"

// lockFile takes a lock that lasts as long as this process, or none where there are no such locks.
func (w *writer) lockFile() (*os.File, error) {
	var chance [4]byte
	rand.Read(chance[:])
	file := w.journal.file + driverMark + hex.EncodeToString(chance[:])
	f, err := filelock.Acquire(file)
	if err == nil {
		return f, nil
	}
	os.Remove(file) // which may have been made, but not been written; what stays is only litter
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, nil
	}
	return nil, fmt.Errorf("%w: %w", errNoLock, err)
}

// errNoLock is about the file beside the journal that a driver holds locked.
var errNoLock = errors.New("no run can be driven without a lock beside it")

func (s *seat) unlock() {
	if s.lock != nil {
		s.lock.Close()
		os.Remove(s.lock.Name()) // what stays is only litter
	}
}

// checkSeat finds out whether another process has declared this one dead.
func (w *writer) checkSeat() error {
	if w.seat == nil {
		return nil
	}
	row, err := w.c.driver(w.seat.key)
	if err == nil && (row.key == 0 || row.gone) {
		w.rise()
	}
	return err
}

// rise makes this process one that drives nothing.
func (w *writer) rise() {
	w.seat.unlock()
	w.seat = nil
	w.journal.seated.Store(0)
	clear(w.states)
}

// beats is how many heartbeats a lease has.
const beats = 5

func (w *writer) nextBeat() time.Time {
	if w.seat == nil {
		return time.Time{}
	}
	return w.seat.beat.Add(w.journal.options.Lease / beats)
}

// beat says that this process lives, if it has not said so for a while.
func (w *writer) beat() error {
	now := time.Now()
	if w.seat == nil || now.Before(w.nextBeat()) {
		return nil
	}
	w.seat.beat = now
	_, err := w.c.exec("UPDATE drivers SET beat = ? WHERE key = ?", now.UnixNano(), w.seat.key)
	return err
}

// beatLate has a transaction of its own for the heartbeat, if no other one has come in time. It is no matter if
// that fails: the next one may not.
func (w *writer) beatLate() {
	if w.seat != nil && !time.Now().Before(w.nextBeat()) {
		w.keep(nil)
	}
}

// leave gives up what this process drives.
func (w *writer) leave() error {
	if w.seat == nil {
		return nil
	}
	err := w.lock()
	if err == nil {
		_, err = w.c.exec("UPDATE drivers SET gone = 1 WHERE key = ?", w.seat.key)
	}
	if err == nil {
		_, err = w.c.exec("COMMIT")
	}
	if err != nil && w.seat.lock != nil { // the row stands: without the file it would count as alive
		w.seat.lock.Close()
		w.seat.lock = nil
	}
	w.rise()
	return err
}

// removeLock removes the file of a driver that is gone and has been silent for a lease. Who looks at the file as it was
// before takes a driver whose lock is not there for one that lives, unless it has been silent.
func (s *SQLite) removeLock(d driverRow) {
	if d.lock != "" && s.isHere(d) && s.silent(d) {
		os.Remove(filepath.Join(filepath.Dir(s.file), d.lock)) // as above
	}
}

// silent says whether a driver's heartbeat is too old.
func (s *SQLite) silent(d driverRow) bool { return d.beat < s.silence() }

// silence is the time of the latest heartbeat that is too old.
func (s *SQLite) silence() int64 { return time.Now().Add(-s.options.Lease).UnixNano() }

// living says whether a driver lives, as far as can be said at once.
func (s *SQLite) living(d driverRow) bool {
	return d.key != 0 && !d.gone && s.holds(d) && !s.silent(d)
}

// holds says whether a driver has the lock that it would lose by dying. Who cannot have one may live, and so may one
// whose file is not there: a process that dies leaves it.
func (s *SQLite) holds(d driverRow) bool {
	switch {
	case d.lock == "":
		return true
	case !s.isHere(d):
		return false
	}
	file := filepath.Join(filepath.Dir(s.file), d.lock)
	held, err := filelock.Held(file)
	if held || err != nil {
		return true
	}
	_, err = os.Lstat(file)
	return errors.Is(err, os.ErrNotExist)
}

// isHere says whether a driver that has a lock drives runs of this file. A copy has the drivers of the file that it was
// made of, whose locks are named for that one. Some systems know a file by several spellings of its name.
func (s *SQLite) isHere(d driverRow) bool {
	name := d.lock[:max(0, strings.LastIndex(d.lock, driverMark))]
	if name == filepath.Base(s.file) {
		return true
	}
	info, err := os.Stat(filepath.Join(filepath.Dir(s.file), name))
	return err == nil && os.SameFile(info, s.made)
}

// describe is a driver in words; empty if it does not live.
func (s *SQLite) describe(d driverRow) string {
	switch {
	case d.key == 0 || d.gone:
		return ""
	case d.key == s.seated.Load():
		return "this process"
	case !s.living(d):
		return ""
	}
	return d.String()
}

func (d driverRow) String() string {
	if d.host == "" {
		return fmt.Sprintf("process %d", d.pid)
	}
	return fmt.Sprintf("process %d on %s", d.pid, d.host)
}

// others says which processes drive runs in the file besides this one.
func (s *SQLite) others() string {
	var words []string
	err := s.readers.view(context.Background(), func(c *conn) error {
		all, err := c.drivers()
		for _, d := range all {
			if d.key != s.seated.Load() && s.living(d) {
				words = append(words, d.String())
			}
		}
		return err
	})
	if err != nil || len(words) == 0 {
		return "by a program that drives no runs"
	}
	return strings.Join(words, ", ")
}

// drivers are those that have not said that they are gone.
func (c *conn) drivers() ([]driverRow, error) {
	var all []driverRow
	err := c.query(context.Background(), func(row []driver.Value) error {
		all = append(all, readDriver(row))
		return nil
	}, "SELECT "+driverColumns+" FROM drivers WHERE gone = 0 ORDER BY key")
	return all, err
}

func readDriver(row []driver.Value) driverRow {
	return driverRow{
		key: row[0].(int64), host: row[1].(string), pid: row[2].(int64), lock: row[3].(string), beat: row[4].(int64), gone: isTrue(row[5]),
	}
}
