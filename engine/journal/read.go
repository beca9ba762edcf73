package journal

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/twinbook/twinbook/engine"
)

// read calls f with a view of the file.
func (s *SQLite) read(ctx context.Context, f func(c *conn) error) error {
	return explainTask(s.file, s.readers.view(ctx, f))
}

// key is that of a run; ErrNotFound.
func (c *conn) key(run string) (int64, error) {
	row, err := c.first("SELECT key FROM runs WHERE id = ?", run)
	if err != nil {
		return 0, err
	}
	if row == nil {
		return 0, refuse(run, ErrNotFound)
	}
	return row[0].(int64), nil
}

func (s *SQLite) Events(ctx context.Context, run string, after int64) ([]engine.Event, error) {
	events := []engine.Event{}
	err := s.read(ctx, func(c *conn) error {
		key, err := c.key(run)
		if err != nil {
			return err
		}
		return c.blocks(ctx, key, after, func(seq int64, b block) error {
			more, err := b.decode(seq)
			if err != nil {
				return fmt.Errorf("run %s, events from %d on: %w", run, seq, err)
			}
			events = append(events, more[min(max(after-seq+1, 0), b.n):]...)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

// blocks gives those of a run that have events with numbers above after.
func (c *conn) blocks(ctx context.Context, key, after int64, each func(seq int64, b block) error) error {
	next := int64(0)
	return c.query(ctx, func(row []driver.Value) error {
		seq, b := row[0].(int64), block{n: row[1].(int64), sum: row[2].(int64)}
		b.body, _ = row[3].([]byte)
		if next != 0 && seq != next {
			return fmt.Errorf("%w: %d follows %d", errDamaged, seq, next-1)
		}
		next = seq + b.n
		return each(seq, b)
	}, `SELECT seq, n, sum, body FROM events WHERE run = ?1 AND seq >=
		coalesce((SELECT max(seq) FROM events WHERE run = ?1 AND seq <= ?2 + 1), 0) ORDER BY seq`, key, max(after, 0))
}

func (s *SQLite) Sources(ctx context.Context, run string) ([]Source, error) {
	sources := []Source{}
	err := s.read(ctx, func(c *conn) error {
		if _, err := c.key(run); err != nil {
			return err
		}
		return c.query(ctx, func(row []driver.Value) error {
			text, _ := row[1].([]byte)
			sources = append(sources, Source{File: row[0].(string), Text: append([]byte{}, text...)})
			return nil
		}, `SELECT f.file, s.text FROM runs r JOIN program_files f ON f.program = r.program JOIN sources s ON s.key = f.source
			WHERE r.id = ? ORDER BY f.pos`, run)
	})
	if err != nil {
		return nil, err
	}
	return sources, nil
}
