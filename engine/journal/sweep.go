package journal

import (
	"context"
	"database/sql/driver"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sweep removes rows that nothing refers to.
func (s *SQLite) sweep(ctx context.Context) {
	if s.buryDead(ctx) != nil {
		return
	}
	for {
		w := &sweeping{}
		if s.write(ctx, w) != nil || w.over || !sleep(ctx, breath) {
			break
		}
	}
	s.sweepSources(ctx)
	s.sweepLocks(ctx)
}

// buryDead declares those drivers dead that have lost their lock. Those whose heartbeat alone is late keep what they
// drive until somebody wants it.
func (s *SQLite) buryDead(ctx context.Context) error {
	b := &burying{}
	err := s.read(ctx, func(c *conn) error {
		all, err := c.drivers()
		for _, d := range all {
			if d.key != s.seated.Load() && !s.holds(d) {
				b.dead = append(b.dead, d)
			}
		}
		return err
	})
	if err == nil && len(b.dead) > 0 {
		err = s.write(ctx, b)
	}
	return err
}

type burying struct{ dead []driverRow }

func (*burying) seated() bool { return false }

func (b *burying) do(t *transaction) error {
	for _, d := range b.dead {
		if _, err := t.bury(b.dead, d.key); err != nil {
			return err
		}
	}
	return nil
}

// sweeping removes a slice of them.
type sweeping struct {
	over bool // out: nothing was left
}

func (*sweeping) seated() bool { return false }

func (w *sweeping) do(t *transaction) error {
	if err := t.flush(); err != nil {
		return err
	}
	busy := false
	for _, part := range []func() (bool, error){t.sweepRemains, t.sweepPrograms, t.sweepDrivers} {
		more, err := part()
		if err != nil {
			return err
		}
		busy = busy || more
	}
	w.over = !busy
	return nil
}

// sweepRemains removes events of runs that are gone, and of those that were being imported when their process died.
func (t *transaction) sweepRemains() (bool, error) {
	row, err := t.c.first(`SELECT r.run, coalesce((SELECT head FROM heads WHERE run = r.run), 0) FROM remains r
		WHERE coalesce((SELECT gone FROM drivers WHERE key = r.driver), 1) = 1 LIMIT 1`)
	if err != nil || row == nil {
		return false, err
	}
	_, err = t.removeEvents(row[0].(int64), row[1].(int64))
	return true, err
}

// sweepPrograms removes programs without runs, and sources without programs.
func (t *transaction) sweepPrograms() (bool, error) {
	row, err := t.c.first("SELECT key FROM programs INDEXED BY programs_unused WHERE runs = 0 LIMIT 1")
	if err != nil || row == nil {
		return false, err
	}
	clear(t.writer.programs)
	program := row[0].(int64)
	var sources []driver.Value
	err = t.c.query(context.Background(), func(row []driver.Value) error {
		sources = append(sources, row[0])
		return nil
	}, "SELECT source FROM program_files WHERE program = ?", program)
	for _, text := range []string{"DELETE FROM program_files WHERE program = ?", "DELETE FROM programs WHERE key = ?"} {
		if err == nil {
			_, err = t.c.exec(text, program)
		}
	}
	for _, source := range sources {
		if err == nil {
			err = t.dropSource(source.(int64))
		}
	}
	return true, err
}

// dropSource removes a source that no program has.
func (t *transaction) dropSource(key int64) error {
	_, err := t.c.exec("DELETE FROM sources WHERE key = ?1 AND NOT EXISTS (SELECT 1 FROM program_files WHERE source = ?1)", key)
	return err
}

// ofNoProgram chooses sources that an import has left: no program has them, and no import is under way that may want them.
const ofNoProgram = ` NOT EXISTS (SELECT 1 FROM program_files WHERE source = sources.key)
	AND NOT EXISTS (SELECT 1 FROM remains r JOIN drivers d ON d.key = r.driver WHERE d.gone = 0)`

// sweepSources removes what imports have left whose process died. They are looked for by a reader, since there may be
// many sources, and seldom one to be removed.
func (s *SQLite) sweepSources(ctx context.Context) {
	for {
		w := &sweepingSources{}
		err := s.read(ctx, func(c *conn) error {
			return c.query(ctx, func(row []driver.Value) error {
				w.keys = append(w.keys, row[0].(int64))
				return nil
			}, "SELECT key FROM sources WHERE"+ofNoProgram+" LIMIT ?", int64(slice))
		})
		if err != nil || len(w.keys) == 0 || s.write(ctx, w) != nil || len(w.keys) < slice || !sleep(ctx, breath) {
			return
		}
	}
}

type sweepingSources struct{ keys []int64 }

func (*sweepingSources) seated() bool { return false }

func (w *sweepingSources) do(t *transaction) error {
	if err := t.flush(); err != nil {
		return err
	}
	for _, key := range w.keys {
		if _, err := t.c.exec("DELETE FROM sources WHERE key = ? AND"+ofNoProgram, key); err != nil {
			return err
		}
	}
	return nil
}

// sweepDrivers removes drivers that are gone and have left nothing, when they have been silent for as long as their
// lock files stay.
func (t *transaction) sweepDrivers() (bool, error) {
	n, err := t.c.exec(`DELETE FROM drivers WHERE gone = 1 AND beat < ?
		AND NOT EXISTS (SELECT 1 FROM runs INDEXED BY runs_driver WHERE ended IS NULL AND driver = drivers.key)
		AND NOT EXISTS (SELECT 1 FROM drivers d WHERE d.heir = drivers.key)`, t.writer.journal.silence())
	return n > 0, err
}

// sweepLocks removes lock files of drivers that are gone, and of those that the journal does not know: their processes
// died early. One that is younger than a minute may belong to a process that is about to make itself known.
func (s *SQLite) sweepLocks(ctx context.Context) {
	dir := filepath.Dir(s.file)
	files, _ := os.ReadDir(dir) // what cannot be read is not swept
	for _, f := range files {
		info, err := f.Info()
		if !strings.HasPrefix(f.Name(), filepath.Base(s.file)+driverMark) || err != nil || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		known := true
		err = s.read(ctx, func(c *conn) error {
			row, err := c.first("SELECT 1 FROM drivers WHERE lock = ? AND (gone = 0 OR beat >= ?)", f.Name(), s.silence())
			known = row != nil
			return err
		})
		if err == nil && !known && !s.holds(driverRow{lock: f.Name()}) {
			os.Remove(filepath.Join(dir, f.Name()))
		}
	}
}
