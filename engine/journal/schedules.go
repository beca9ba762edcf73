package journal

import (
	"context"
	"database/sql/driver"
	"time"
)

// KnowSchedules takes ID and Spec of all schedules that the server has. For one that is new, or has another Spec than before,
// time begins now.
func (s *SQLite) KnowSchedules(ctx context.Context, now time.Time, list []ScheduleState) error {
	at, err := nanos(now)
	if err != nil {
		return err
	}
	specs := map[string]string{}
	err = s.read(ctx, func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			specs[row[0].(string)] = row[1].(string)
			return nil
		}, "SELECT id, spec FROM schedules")
	})
	if err != nil {
		return err
	}
	k := &knowing{now: at} // those that are known need no commit
	for _, schedule := range list {
		if spec, known := specs[schedule.ID]; !known || spec != schedule.Spec {
			k.schedules = append(k.schedules, schedule)
		}
	}
	if len(k.schedules) == 0 {
		return nil
	}
	return s.write(ctx, k)
}

type knowing struct {
	schedules []ScheduleState
	now       int64
}

func (*knowing) seated() bool { return false }

// do leaves alone what another server has learned meanwhile.
func (k *knowing) do(t *transaction) error {
	for _, s := range k.schedules {
		if _, err := t.c.exec(`INSERT INTO schedules (id, spec, since, done) VALUES (?1, ?2, ?3, ?3) ON CONFLICT (id) DO UPDATE
			SET spec = excluded.spec, since = excluded.since, done = excluded.done WHERE spec <> excluded.spec`, s.ID, s.Spec, k.now); err != nil {
			return err
		}
	}
	return nil
}

// Schedules are all that were ever known, in the order of their ids.
func (s *SQLite) Schedules(ctx context.Context) ([]ScheduleState, error) {
	all := []ScheduleState{}
	err := s.read(ctx, func(c *conn) error {
		at := map[string]int{}
		err := c.query(ctx, func(row []driver.Value) error {
			at[row[0].(string)] = len(all)
			all = append(all, readSchedule(row))
			return nil
		}, "SELECT id, spec, since, done, paused, changer, changed FROM schedules ORDER BY id")
		if err != nil {
			return err
		}
		return c.query(ctx, func(row []driver.Value) error {
			if i, ok := at[row[1].(string)]; ok {
				all[i].Backfills = append(all[i].Backfills, readBackfill(row))
			}
			return nil
		}, "SELECT key, schedule, first, last, asker, asked FROM backfills ORDER BY key")
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func readSchedule(row []driver.Value) ScheduleState {
	s := ScheduleState{
		ID: row[0].(string), Spec: row[1].(string), Since: timeOf(row[2].(int64)), Done: timeOf(row[3].(int64)),
		Paused: isTrue(row[4]), By: row[5].(string), Backfills: []Backfill{},
	}
	if changed, ok := row[6].(int64); ok {
		s.Changed = timeOf(changed)
	}
	return s
}

func readBackfill(row []driver.Value) Backfill {
	return Backfill{ID: row[0].(int64), From: timeOf(row[2].(int64)), To: timeOf(row[3].(int64)), By: row[4].(string), Asked: timeOf(row[5].(int64))}
}

// dealing moves a schedule on.
type dealing struct {
	schedule string
	until    int64
}

func (*dealing) seated() bool { return false }

// Dealt notes that a schedule's times up to one are dealt with, without a run. ErrNotFound.
func (s *SQLite) Dealt(ctx context.Context, id string, until time.Time) error {
	at, err := nanos(until)
	if err != nil {
		return err
	}
	return s.write(ctx, &dealing{id, at})
}

func (d *dealing) do(t *transaction) error {
	n, err := t.deal(d.schedule, d.until)
	if err == nil && n == 0 {
		err = noSchedule(d.schedule)
	}
	return err
}

// deal notes that a schedule's times up to one are dealt with, and says how many schedules there are of that id.
func (t *transaction) deal(schedule string, until int64) (int64, error) {
	return t.c.exec("UPDATE schedules SET done = max(done, ?) WHERE id = ?", until, schedule)
}
