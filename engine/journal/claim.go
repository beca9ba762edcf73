package journal

import (
	"context"
	"database/sql/driver"
	"fmt"
	"iter"
	"time"
)

// claiming takes a run from nobody, or from a driver that is known to be dead.
type claiming struct {
	run  string
	dead []driverRow
}

func (*claiming) seated() bool { return true }

func (s *SQLite) Claim(ctx context.Context, run string) error {
	var owner driverRow
	err := s.read(ctx, func(c *conn) error {
		row, err := c.first("SELECT "+ownerOf+" FROM runs r WHERE id = ?", run)
		if err != nil {
			return err
		}
		if row == nil {
			return refuse(run, ErrNotFound)
		}
		key, _ := row[0].(int64)
		owner, err = c.driver(key)
		return err
	})
	if err != nil {
		return err
	}
	dead, err := s.findDead(ctx, []driverRow{owner})
	if err == nil {
		err = s.write(ctx, &claiming{run: run, dead: dead})
	}
	if err == nil {
		s.poke(true)
	}
	return err
}

func (m *claiming) do(t *transaction) error {
	t.writer.forgetOthers(m.run)
	s, err := t.state(m.run)
	if err != nil {
		return err
	}
	if s.ended {
		return refuse(m.run, ErrEnded)
	}
	if s.standing.Parked { // of very many that are claimed, most only wait
		t.over = append(t.over, m.run)
	}
	delete(t.writer.gaps, m.run) // whoever claims a run reads it anew
	if s.ours {
		return nil
	}
	row, err := t.c.first("SELECT "+ownerOf+" FROM runs r WHERE key = ?", s.key)
	if err != nil {
		return err
	}
	if owner, _ := row[0].(int64); owner != 0 {
		gone, err := t.bury(m.dead, owner)
		if err != nil {
			return err
		}
		if !gone {
			d, err := t.c.driver(owner)
			if err != nil {
				return err
			}
			return fmt.Errorf("run %s: %w: %s", m.run, ErrDriven, d)
		}
	}
	s.ours = true
	_, err = t.c.exec("UPDATE runs SET driver = ? WHERE key = ?", t.seat(), s.key)
	return err
}

// bury declares a driver dead, if it is among those that were found so and has not moved since.
func (t *transaction) bury(dead []driverRow, key int64) (bool, error) {
	for _, d := range dead {
		if d.key != key {
			continue
		}
		n, err := t.c.exec("UPDATE drivers SET gone = 1 WHERE key = ? AND beat = ?", d.key, d.beat)
		if err == nil && n > 0 {
			t.after = append(t.after, func() { t.writer.journal.removeLock(d) })
		}
		return n > 0, err
	}
	return false, nil
}

// findDead chooses those drivers that are dead. One whose process may only have been stopped, or whose machine
// slept, gets a moment to say that it lives.
func (s *SQLite) findDead(ctx context.Context, drivers []driverRow) ([]driverRow, error) {
	var dead, late []driverRow
	for _, d := range drivers {
		switch {
		case d.key == 0 || d.gone || d.key == s.seated.Load():
		case !s.holds(d):
			dead = append(dead, d)
		case !s.living(d):
			late = append(late, d)
		}
	}
	if len(late) == 0 {
		return dead, nil
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(s.options.Lease / beats):
	}
	err := s.read(ctx, func(c *conn) error {
		for _, d := range late {
			now, err := c.driver(d.key)
			if err != nil {
				return err
			}
			if now.beat == d.beat && !now.gone {
				dead = append(dead, d)
			}
		}
		return nil
	})
	return dead, err
}

// adopting takes all runs of drivers that are gone or dead.
type adopting struct {
	dead    []driverRow
	drivers []int64 // out: whose runs are this process's now
	last    int64   // out: the greatest key of a run
}

func (*adopting) seated() bool { return true }

// do changes one row a driver, however many runs it had: they follow their driver to its heir.
func (a *adopting) do(t *transaction) error {
	for _, d := range a.dead {
		if _, err := t.bury(a.dead, d.key); err != nil {
			return err
		}
	}
	me := t.seat()
	if _, err := t.c.exec(`UPDATE drivers SET heir = ?1 WHERE gone = 1 AND heir IS NOT ?1
		AND (heir IS NULL OR heir NOT IN (SELECT key FROM drivers WHERE gone = 0))`, me); err != nil {
		return err
	}
	a.drivers = []int64{me}
	if err := t.c.query(context.Background(), func(row []driver.Value) error {
		a.drivers = append(a.drivers, row[0].(int64))
		return nil
	}, "SELECT key FROM drivers WHERE heir = ? ORDER BY key", me); err != nil {
		return err
	}
	row, err := t.c.first("SELECT coalesce(max(key), 0) FROM runs")
	if err == nil {
		a.last = row[0].(int64)
		for run := range t.writer.states {
			t.writer.forgetOthers(run)
		}
	}
	return err
}

// forgetOthers forgets the state of a run that was not this process's, since it may be now. The state of an own run is
// ahead of the file within a transaction.
func (w *writer) forgetOthers(run string) {
	if s := w.states[run]; s != nil && !s.ours {
		delete(w.states, run)
	}
}

func (s *SQLite) Adopt(ctx context.Context) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		a, err := s.adopt(ctx)
		if err != nil {
			yield(Run{}, err)
			return
		}
		given := map[int64]bool{} // a run that has parked since is not given twice
		for _, parked := range []bool{false, true} {
			for _, d := range a.drivers {
				if !s.pages(ctx, a, d, parked, given, yield) {
					return
				}
			}
		}
	}
}

func (s *SQLite) adopt(ctx context.Context) (*adopting, error) {
	var others []driverRow
	err := s.read(ctx, func(c *conn) (err error) {
		others, err = c.drivers()
		return err
	})
	if err != nil {
		return nil, err
	}
	a := &adopting{}
	if a.dead, err = s.findDead(ctx, others); err != nil {
		return nil, err
	}
	if err = s.write(ctx, a); err == nil {
		s.poke(true)
	}
	return a, err
}

// pageLength is how many runs are read at once.
const pageLength = 500

// pages gives the runs of one driver. False: there is to be no more.
func (s *SQLite) pages(ctx context.Context, a *adopting, of int64, parked bool, given map[int64]bool, yield func(Run, error) bool) bool {
	for after := int64(0); ; {
		var lines []line
		var runs []Run
		err := s.read(ctx, func(c *conn) error {
			err := c.query(ctx, func(row []driver.Value) error {
				lines = append(lines, readLine(row))
				return nil
			}, "SELECT "+lineColumns+` FROM runs r INDEXED BY runs_driver JOIN programs p ON p.key = r.program
				WHERE r.ended IS NULL AND r.driver = ? AND r.parked = ? AND r.key > ? AND r.key <= ? ORDER BY r.key LIMIT ?`,
				of, number(parked), after, a.last, int64(pageLength))
			if err == nil {
				runs, err = s.finish(c, lines)
			}
			return err
		})
		if err != nil {
			yield(Run{}, err)
			return false
		}
		for i, run := range runs {
			key := lines[i].key
			if given[key] {
				continue
			}
			if !parked {
				given[key] = true
			}
			if !yield(run, nil) {
				return false
			}
		}
		if len(lines) < pageLength {
			return true
		}
		after = lines[len(lines)-1].key
	}
}
