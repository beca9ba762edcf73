package journal

import (
	"context"
	"database/sql/driver"
)

// Counts says how many runs have not ended. It reads an index of those.
func (s *SQLite) Counts(ctx context.Context) (n Counts, err error) {
	err = s.read(ctx, func(c *conn) error {
		row, err := c.first(`SELECT count(*), coalesce(sum(parked), 0),
			(SELECT count(*) FROM runs INDEXED BY runs_queued WHERE queued = 1), (SELECT count(*) FROM runs INDEXED BY runs_approval WHERE approval = 1)
			FROM runs INDEXED BY runs_driver WHERE ended IS NULL`)
		if err != nil {
			return err
		}
		n = Counts{Unfinished: int(row[0].(int64)), Parked: int(row[1].(int64)), Queued: int(row[2].(int64)), Approval: int(row[3].(int64))}
		n.Orphans, err = s.orphans(ctx, c)
		return err
	})
	return n, err
}

// Orphans says how many runs have no living process that drives them, without reading those of living ones: Adopt has
// something to do only if there are some.
func (s *SQLite) Orphans(ctx context.Context) (n int, err error) {
	err = s.read(ctx, func(c *conn) error {
		n, err = s.orphans(ctx, c)
		return err
	})
	return n, err
}

func (s *SQLite) orphans(ctx context.Context, c *conn) (int, error) {
	drivers, heirs := map[int64]driverRow{}, map[int64]int64{}
	err := c.query(ctx, func(row []driver.Value) error {
		d := readDriver(row)
		drivers[d.key] = d
		heirs[d.key], _ = row[6].(int64)
		return nil
	}, "SELECT "+driverColumns+", heir FROM drivers")
	n, me := 0, s.seated.Load()
	for key, d := range drivers {
		if d.gone {
			d = drivers[heirs[key]]
		}
		if err != nil || me != 0 && d.key == me || s.living(d) {
			continue
		}
		var row []driver.Value
		if row, err = c.first("SELECT count(*) FROM runs INDEXED BY runs_driver WHERE ended IS NULL AND driver = ?", key); err == nil {
			n += int(row[0].(int64))
		}
	}
	return n, err
}
