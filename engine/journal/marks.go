package journal

import (
	"context"
	"database/sql/driver"
	"iter"
)

// marking sets a mark of no run.
type marking struct{ mark Mark }

func (*marking) seated() bool { return false }

// Mark sets a mark without a run, so that nothing is begun for it: its Note says why. *TakenError: it is set already.
func (s *SQLite) Mark(ctx context.Context, m Mark) error {
	if err := m.complete(); err != nil {
		return err
	}
	return s.write(ctx, &marking{m})
}

func (m *marking) do(t *transaction) error {
	if err := t.unmarked(m.mark); err != nil {
		return err
	}
	return t.mark(m.mark)
}

// unmarked gives a *TakenError if a mark is set.
func (t *transaction) unmarked(m Mark) error {
	row, err := t.c.first("SELECT "+markColumns+" FROM marks WHERE scope = ? AND name = ?", m.Scope, m.Name)
	if err != nil || row == nil {
		return err
	}
	return readMark(row).taken(m.Time)
}

// mark sets a mark, in place of one whose time is over. It removes up to two others of those, so that they do not become
// more and more.
func (t *transaction) mark(m Mark) error {
	var until driver.Value
	if !m.Until.IsZero() {
		until = wakeOf(m.Until)
		if _, err := t.c.exec(`DELETE FROM marks WHERE (scope, name) IN
			(SELECT scope, name FROM marks INDEXED BY marks_until WHERE until IS NOT NULL AND until <= ? ORDER BY until LIMIT 2)`, wakeOf(m.Time)); err != nil {
			return err
		}
	}
	_, err := t.c.exec("REPLACE INTO marks ("+markColumns+") VALUES (?, ?, ?, ?, ?, ?)", m.Scope, m.Name, until, m.Run, m.Note, wakeOf(m.Time))
	return err
}

const markColumns = "scope, name, until, run, note, time"

func readMark(row []driver.Value) Mark {
	m := Mark{Scope: row[0].(string), Name: row[1].(string), Run: row[3].(string), Note: row[4].(string), Time: timeOf(row[5].(int64))}
	if until, ok := row[2].(int64); ok {
		m.Until = timeOf(until)
	}
	return m
}

type unmarking struct {
	scope string
	names []string
}

func (*unmarking) seated() bool { return false }

// Unmark forgets marks, those that are there.
func (s *SQLite) Unmark(ctx context.Context, scope string, names ...string) error {
	return s.write(ctx, &unmarking{scope, names})
}

func (u *unmarking) do(t *transaction) error {
	for _, name := range u.names {
		if _, err := t.c.exec("DELETE FROM marks WHERE scope = ? AND name = ?", u.scope, name); err != nil {
			return err
		}
	}
	return nil
}

// Marks are those of a scope in the order of their names. Some may be among them whose time is over.
func (s *SQLite) Marks(ctx context.Context, scope string) iter.Seq2[Mark, error] {
	return func(yield func(Mark, error) bool) {
		for after, more := "", true; more; {
			var page []Mark
			err := s.read(ctx, func(c *conn) error {
				return c.query(ctx, func(row []driver.Value) error {
					page = append(page, readMark(row))
					return nil
				}, "SELECT "+markColumns+" FROM marks WHERE scope = ? AND name > ? ORDER BY name LIMIT ?", scope, after, int64(pageLength))
			})
			if err != nil {
				yield(Mark{}, err)
				return
			}
			for _, m := range page {
				if !yield(m, nil) {
					return
				}
				after = m.Name
			}
			more = len(page) == pageLength
		}
	}
}

// LatestMark is the mark of a scope whose name comes last. Its Name is empty: there is none.
func (s *SQLite) LatestMark(ctx context.Context, scope string) (m Mark, err error) {
	err = s.read(ctx, func(c *conn) error {
		row, err := c.first("SELECT "+markColumns+" FROM marks WHERE scope = ? ORDER BY name DESC LIMIT 1", scope)
		if err == nil && row != nil {
			m = readMark(row)
		}
		return err
	})
	return m, err
}
