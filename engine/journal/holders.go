package journal

import (
	"context"
	"database/sql/driver"
)

// Holders says why a queued run waits: the slot that it cannot have yet. Empty: it waits for none, since it has begun, is
// about to, or was replaced. ErrNotFound.
func (s *SQLite) Holders(ctx context.Context, run string) ([]Holding, error) {
	all := []Holding{}
	err := s.read(ctx, func(c *conn) error {
		key, err := c.key(run)
		if err != nil {
			return err
		}
		if err := c.query(ctx, func(row []driver.Value) error {
			all = append(all, Holding{Key: row[0].(string), Limit: int(row[1].(int64)), Ahead: int(row[2].(int64))})
			return nil
		}, `SELECT name, most, (SELECT count(*) FROM
				(SELECT 1 FROM slots b INDEXED BY slots_name WHERE b.name = a.name AND b.state = 0 AND b.turn < a.turn LIMIT ?))
			FROM slots a INDEXED BY slots_run WHERE run = ? AND state = 0`, int64(manyAhead), key); err != nil {
			return err
		}
		for i := range all {
			if all[i].Runs, err = c.holders(all[i].Key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}
