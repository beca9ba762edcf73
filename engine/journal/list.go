package journal

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/engine"
)

// lineColumns are what a line of the list is made of; see readLine.
const lineColumns = `r.key, r.id, p.workflow, p.file, p.hash, p.hub, p.program, r.started, r.ended, r.status,
	` + standingColumns + `, ` + ownerOf + `, r.retry_of, r.parent, r.child,
	(SELECT min(device) FROM devices WHERE run = r.key), (SELECT max(device) FROM devices WHERE run = r.key),
	(SELECT x.id FROM runs x INDEXED BY runs_retry WHERE x.retry_of != '' AND x.retry_of = r.id ORDER BY x.key DESC LIMIT 1),
	(SELECT q.kind FROM requests q WHERE q.run = r.key AND q.kind NOT IN ('` + string(engine.RunAdmitted) + `', '` + string(engine.SignalReceived) + `') ORDER BY q.kind = '` + string(engine.CancelRequested) + `' DESC, q.key DESC LIMIT 1)`

// A line is a run with its keys in the file.
type line struct {
	Run
	key, started, owner int64
}

func readLine(row []driver.Value) line {
	l := line{key: row[0].(int64), started: row[7].(int64)}
	l.ID, l.Workflow, l.File, l.Hash = row[1].(string), row[2].(string), row[3].(string), row[4].(string)
	l.Hub, l.Program = row[5].(string), row[6].(string)
	l.Started = timeOf(l.started)
	if ended, ok := row[8].(int64); ok {
		l.Ended = timeOf(ended)
		status, _ := row[9].(string)
		l.Status = statusOf(status)
	}
	l.Standing = standingOf(row[10:16])
	l.owner, _ = row[16].(int64)
	l.RetryOf, l.Parent, l.Key = row[17].(string), row[18].(string), row[19].(string)
	if first, ok := row[20].(string); ok && row[20] == row[21] {
		l.Device = first
	}
	l.Retry, _ = row[22].(string)
	wish, _ := row[23].(string)
	l.Wish = engine.EventKind(wish)
	return l
}

// finish is the runs of lines, with the words for those who drive them.
func (s *SQLite) finish(c *conn, lines []line) ([]Run, error) {
	words := map[int64]string{0: ""}
	runs := make([]Run, len(lines))
	for i, l := range lines {
		word, known := words[l.owner]
		if !known {
			d, err := c.driver(l.owner)
			if err != nil {
				return nil, err
			}
			word = s.describe(d)
			words[l.owner] = word
		}
		runs[i] = l.Run
		runs[i].Driver = word
	}
	return runs, nil
}

func (s *SQLite) Run(ctx context.Context, id string) (Run, error) {
	var runs []Run
	err := s.read(ctx, func(c *conn) error {
		row, err := c.first("SELECT "+lineColumns+" FROM runs r JOIN programs p ON p.key = r.program WHERE r.id = ?", id)
		if err != nil {
			return err
		}
		if row == nil {
			return refuse(id, ErrNotFound)
		}
		runs, err = s.finish(c, []line{readLine(row)})
		return err
	})
	if err != nil {
		return Run{}, err
	}
	return runs[0], nil
}

func (s *SQLite) Runs(ctx context.Context, f Filter) ([]Run, error) {
	runs := []Run{}
	err := s.read(ctx, func(c *conn) error {
		lines, err := f.find(ctx, c)
		if err != nil {
			return err
		}
		runs, err = s.finish(c, lines)
		return err
	})
	if err != nil {
		return nil, err
	}
	return runs, nil
}

// find looks through the runs that have ended and those that have not, each by an index of its own.
func (f Filter) find(ctx context.Context, c *conn) ([]line, error) {
	where, values, err := f.conditions(c)
	if err != nil {
		return nil, err
	}
	lines := []line{}
	for _, half := range f.halves() {
		query := fmt.Sprintf("SELECT %s FROM %s JOIN programs p ON p.key = r.program WHERE %s AND %s ORDER BY r.started DESC, r.key DESC LIMIT ?",
			lineColumns, half.from, half.where, where)
		limit := int64(-1)
		if f.Limit > 0 {
			limit = int64(f.Limit)
		}
		err := c.query(ctx, func(row []driver.Value) error {
			lines = append(lines, readLine(row))
			return nil
		}, query, append(slices.Clone(values), limit)...)
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(b.started, a.started), cmp.Compare(b.key, a.key))
	})
	if f.Limit > 0 && len(lines) > f.Limit {
		lines = lines[:f.Limit]
	}
	return lines, nil
}

type half struct{ from, where string }

// halves are where to look. Statuses are written into the text: they come from a short list, and each list is a
// statement to be prepared.
func (f Filter) halves() []half {
	open := half{"runs r INDEXED BY runs_open", "r.ended IS NULL"}
	ended := half{"runs r INDEXED BY runs_ended", "r.ended IS NOT NULL"}
	switch {
	case f.RetryOf != "":
		open.from = "runs r INDEXED BY runs_retry"
		ended.from = open.from
	case f.Device != "":
		open.from = "devices d CROSS JOIN runs r ON r.key = d.run"
		ended.from = open.from
	case f.Queued:
		open.from = "runs r INDEXED BY runs_queued"
	case f.Approval:
		open.from = "runs r INDEXED BY runs_approval"
	}
	if len(f.Statuses) > 0 {
		var list []string
		for _, s := range f.Statuses {
			list = append(list, "'"+strings.ReplaceAll(string(s), "'", "''")+"'")
		}
		ended.where += " AND r.status IN (" + strings.Join(list, ", ") + ")"
	}
	switch {
	case !f.Unfinished && len(f.Statuses) == 0:
		return []half{open, ended}
	case !f.Unfinished:
		return []half{ended}
	case len(f.Statuses) == 0:
		return []half{open}
	}
	return []half{open, ended}
}

// conditions are what both halves ask for.
func (f Filter) conditions(c *conn) (string, []driver.Value, error) {
	where, values := "r.parent = ?", []driver.Value{f.Parent}
	if f.Queued {
		where += " AND r.queued = 1"
	}
	if f.Approval {
		where += " AND r.approval = 1"
	}
	if !f.Since.IsZero() {
		where, values = where+" AND r.started >= ?", append(values, wakeOf(f.Since))
	}
	if f.After != "" {
		row, err := c.first("SELECT started, key FROM runs WHERE id = ?", f.After)
		if err != nil {
			return "", nil, err
		}
		if row == nil {
			return "", nil, refuse(f.After, ErrNotFound)
		}
		where, values = where+" AND (r.started, r.key) < (?, ?)", append(values, row[0], row[1])
	}
	if f.Workflow != "" {
		where, values = where+" AND r.program IN (SELECT key FROM programs WHERE workflow = ?)", append(values, f.Workflow)
	}
	switch {
	case f.RetryOf != "" && f.Device != "":
		where, values = where+" AND r.key IN (SELECT run FROM devices WHERE device = ?)", append(values, f.Device)
	case f.Device != "":
		where, values = where+" AND d.device = ?", append(values, f.Device)
	}
	if f.RetryOf != "" {
		where, values = where+" AND r.retry_of != '' AND r.retry_of = ?", append(values, f.RetryOf)
	}
	return where, values, nil
}

// atMost is how many ids Find gives.
const atMost = 10

// endLength is how much of an id's end the index runs_end has.
const endLength = 5

func (s *SQLite) Find(ctx context.Context, short string) ([]string, error) {
	end := "substr(id, -length(?1)) = ?1"
	if len(short) >= endLength { // else all have to be looked at
		end = fmt.Sprintf("substr(id, -%d) = substr(?1, -%[1]d) AND %s", endLength, end)
	}
	ids := []string{}
	err := s.read(ctx, func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			ids = append(ids, row[0].(string))
			return nil
		}, fmt.Sprintf(`SELECT id FROM runs WHERE key IN (SELECT key FROM runs WHERE id >= ?1 AND substr(id, 1, length(?1)) = ?1 AND id < ?1 || char(0x10ffff)
			UNION SELECT key FROM runs WHERE %s) ORDER BY started DESC, key DESC LIMIT ?2`, end), short, int64(atMost))
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

func (s *SQLite) Children(ctx context.Context, run string) (map[engine.Status]int, error) {
	counts := map[engine.Status]int{}
	err := s.read(ctx, func(c *conn) error {
		if _, err := c.key(run); err != nil {
			return err
		}
		return c.query(ctx, func(row []driver.Value) error {
			counts[engine.Status(row[0].(string))] = int(row[1].(int64))
			return nil
		}, "SELECT status, n FROM children WHERE parent = ? AND n > 0", run)
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}
