package journal

import (
	"context"
	"database/sql/driver"
)

// Remove forgets runs and, before them, their child runs: a slice at a time, between what others keep. If it ends
// early, some are gone, and each of those whole.
func (s *SQLite) Remove(ctx context.Context, runs ...string) error {
	err := s.read(ctx, func(c *conn) error {
		for _, run := range runs {
			if err := c.removable(ctx, run, 0); err != nil {
				return err
			}
		}
		return nil
	})
	for _, run := range runs {
		if err == nil {
			err = s.remove(ctx, run)
		}
	}
	return err
}

// remove removes one run with its children.
func (s *SQLite) remove(ctx context.Context, run string) error {
	for {
		r := &removing{run: run}
		if err := s.write(ctx, r); err != nil || r.over {
			return err
		}
	}
}

// removable says ErrNotFound, or ErrUnfinished of a run or of one below it.
func (c *conn) removable(ctx context.Context, run string, depth int) error {
	row, err := c.first("SELECT ended IS NOT NULL FROM runs WHERE id = ?", run)
	if err != nil {
		return err
	}
	if row == nil {
		return refuse(run, ErrNotFound)
	}
	if !isTrue(row[0]) {
		return refuse(run, ErrUnfinished)
	}
	row, err = c.first("SELECT id FROM runs WHERE parent = ? AND ended IS NULL LIMIT 1", run)
	if err != nil {
		return err
	}
	if row != nil {
		return refuse(row[0].(string), ErrUnfinished)
	}
	var parents []string // those of its children that have some themselves
	err = c.query(ctx, func(row []driver.Value) error {
		parents = append(parents, row[0].(string))
		return nil
	}, "SELECT DISTINCT n.parent FROM children n JOIN runs r ON r.id = n.parent WHERE r.parent = ? AND r.id <> ?", run, run)
	for _, id := range parents {
		if err == nil && depth < deepest {
			err = c.removable(ctx, id, depth+1)
		}
	}
	return err
}

// removing removes a slice of what a run is made of: of its children first, at last of itself.
type removing struct {
	run  string
	over bool // out: nothing is left
}

func (*removing) seated() bool { return false }

// slice is how many rows of events one transaction may remove, so that nobody waits long for it.
const slice = 200

func (r *removing) do(t *transaction) error {
	if err := t.flush(); err != nil {
		return err
	}
	for left := slice; left > 0; {
		leaf, err := t.leaf(r.run)
		if err != nil {
			return err
		}
		if leaf == nil {
			r.over = true
			return nil
		}
		n, err := t.removeRun(leaf)
		if err != nil {
			return err
		}
		left -= n + 1
	}
	return nil
}

// deepest is how many generations of child runs are looked for. There are fewer; but a journal can be made by others, too.
const deepest = 100

// leaf is a row of a run below this one that has no children, or of itself; nil: it is gone.
func (t *transaction) leaf(run string) ([]driver.Value, error) {
	columns := "SELECT key, id, program, parent, status, " + headOf + " FROM runs r "
	row, err := t.c.first(columns+"WHERE id = ?", run)
	for range deepest {
		if err != nil || row == nil {
			return row, err
		}
		id := row[1].(string)
		child, err := t.c.first(columns+"WHERE parent = ? AND id <> ? AND ended IS NOT NULL LIMIT 1", id, id)
		if err != nil || child == nil {
			return row, err
		}
		row = child
	}
	return row, nil
}

// removeRun removes a run, and as many of its events as fit into a slice; what is left of them is swept up later.
func (t *transaction) removeRun(row []driver.Value) (int, error) {
	key, id, head := row[0].(int64), row[1].(string), row[5].(int64)
	status, _ := row[4].(string)
	delete(t.writer.states, id)
	t.countRun(row[2].(int64), -1)
	t.countChild(row[3].(string), statusOf(status), -1)
	for _, text := range []string{
		"DELETE FROM runs WHERE key = ?", "DELETE FROM sights WHERE run = ?", "DELETE FROM requests WHERE run = ?",
	} {
		if _, err := t.c.exec(text, key); err != nil {
			return 0, err
		}
	}
	if _, err := t.c.exec("DELETE FROM children WHERE parent = ?", id); err != nil {
		return 0, err
	}
	return t.removeEvents(key, head)
}

// removeEvents removes a slice of a chain of events, from its end, and notes where the next one begins.
func (t *transaction) removeEvents(run, head int64) (n int, err error) {
	for ; head != 0 && n < slice; n++ {
		row, err := t.c.first("SELECT prev FROM events WHERE key = ? AND run = ?", head, run)
		if err != nil {
			return n, err
		}
		if row == nil { // the file is damaged, and what remains cannot be found
			head = 0
			break
		}
		if _, err := t.c.exec("DELETE FROM events WHERE key = ?", head); err != nil {
			return n, err
		}
		head = row[0].(int64)
	}
	if head == 0 {
		for _, table := range []string{"heads", "devices", "remains"} {
			if err == nil {
				_, err = t.c.exec("DELETE FROM "+table+" WHERE run = ?", run)
			}
		}
		return n, err
	}
	_, err = t.c.exec("REPLACE INTO heads VALUES (?, ?)", run, head)
	if err == nil {
		_, err = t.c.exec("REPLACE INTO remains VALUES (?, NULL)", run)
	}
	return n, err
}
