package journal

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"time"
)

// auditing keeps who did what; without an entry, it only comes after those before.
type auditing struct{ entry *AuditEntry }

func (*auditing) seated() bool { return false }

// Audit notes who did what. It does not wait: the entry is kept with the next commit, at the latest after a moment, and
// before whatever this caller asks of the journal afterwards. Its Seq is not looked at.
func (s *SQLite) Audit(e AuditEntry) {
	if s.writer == nil {
		return // a journal that is open for reading only sees nothing done
	}
	e.Roles = append([]string{}, e.Roles...)
	a := &auditing{&e}
	if s.writer.queue.full() {
		s.write(context.Background(), a) // whoever cannot keep it hears so of what is done next
		return
	}
	s.writer.queue.put(&entry{task: a, later: true})
}

func (a *auditing) do(t *transaction) error {
	e := a.entry
	if e == nil {
		return nil
	}
	roles, err := json.Marshal(e.Roles)
	if err != nil {
		return err
	}
	_, err = t.c.exec("INSERT INTO audit (time, who, roles, origin, action, target, detail, result) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		wakeOf(e.Time), e.Who, string(roles), e.From, e.Action, e.Target, e.Detail, e.Result)
	return err
}

// AuditTrail gives the entries that a filter lets through, the latest first.
func (s *SQLite) AuditTrail(ctx context.Context, f AuditFilter) ([]AuditEntry, error) {
	if s.writer != nil {
		if err := s.write(ctx, &auditing{}); err != nil { // so that what this caller has done is in it
			return nil, err
		}
	}
	all := []AuditEntry{}
	err := s.read(ctx, func(c *conn) error {
		where, values := f.conditions()
		return c.query(ctx, func(row []driver.Value) error {
			e := AuditEntry{
				Seq: row[0].(int64), Time: timeOf(row[1].(int64)), Who: row[2].(string), From: row[4].(string), Action: row[5].(string),
				Target: row[6].(string), Detail: row[7].(string), Result: row[8].(string),
			}
			all = append(all, e)
			return json.Unmarshal([]byte(row[3].(string)), &all[len(all)-1].Roles)
		}, "SELECT key, time, who, roles, origin, action, target, detail, result FROM audit WHERE "+where+" ORDER BY key DESC LIMIT ?", values...)
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// conditions are what a filter asks for, and at last how many it wants.
func (f AuditFilter) conditions() (where string, values []driver.Value) {
	where = "1"
	add := func(condition string, value driver.Value) {
		where, values = where+" AND "+condition, append(values, value)
	}
	if f.Before > 0 {
		add("key < ?", f.Before)
	}
	if f.Who != "" {
		add("who = ?", f.Who)
	}
	if f.Target != "" {
		add("target = ?", f.Target)
	}
	if !f.Since.IsZero() {
		add("time >= ?", wakeOf(f.Since))
	}
	limit := int64(-1)
	if f.Limit > 0 {
		limit = int64(f.Limit)
	}
	return where, append(values, limit)
}

// sweepingAudit removes the oldest entries, those that are too old.
type sweepingAudit struct {
	before int64
	over   bool // out: no more are
}

func (*sweepingAudit) seated() bool { return false }

func (w *sweepingAudit) do(t *transaction) error {
	n, err := t.c.exec("DELETE FROM audit WHERE key IN (SELECT key FROM audit ORDER BY key LIMIT ?) AND time < ?", int64(slice), w.before)
	w.over = n < slice
	return err
}

// retainAudit removes entries that are too old.
func (s *SQLite) retainAudit(ctx context.Context) error {
	age := s.options.Keep.Audit
	if age <= 0 {
		return nil
	}
	before := wakeOf(time.Now().Add(-age))
	var old []driver.Value
	err := s.read(ctx, func(c *conn) (err error) {
		old, err = c.first("SELECT 1 FROM (SELECT time FROM audit ORDER BY key LIMIT 1) WHERE time < ?", before)
		return err
	})
	for err == nil && old != nil {
		w := &sweepingAudit{before: before}
		if err = s.write(ctx, w); w.over || !sleep(ctx, breath) {
			break
		}
	}
	return err
}
