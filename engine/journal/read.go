package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"fmt"
	"slices"

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
	var blocks []block
	err := s.read(ctx, func(c *conn) (err error) {
		blocks, err = c.blocks(ctx, run, after)
		return err
	})
	if err != nil {
		return nil, err
	}
	events := []engine.Event{}
	for _, b := range slices.Backward(blocks) {
		more, err := b.decode()
		if err != nil {
			return nil, explain(s.file, fmt.Errorf("run %s, events from %d on: %w", run, b.seq, err))
		}
		events = append(events, more[min(max(after-b.seq+1, 0), b.n):]...)
	}
	return events, nil
}

// blocks are those of a run that have events with numbers above after, the latest first.
func (c *conn) blocks(ctx context.Context, run string, after int64) ([]block, error) {
	var blocks []block
	err := c.chain(ctx, run, after, ", sum, body", func(l link) error {
		b := l.block
		b.sum = l.more[0].(int64)
		b.body, _ = l.more[1].([]byte)
		blocks = append(blocks, b)
		return nil
	})
	return blocks, err
}

// A link is a row of events, without its body.
type link struct {
	block
	key  int64
	more []driver.Value // of further columns
}

// chain calls each with the rows of a run that have events with numbers above after, from its end.
func (c *conn) chain(ctx context.Context, run string, after int64, columns string, each func(link) error) error {
	row, err := c.first("SELECT key, "+headOf+" FROM runs r WHERE id = ?", run)
	if err != nil {
		return err
	}
	if row == nil {
		return refuse(run, ErrNotFound)
	}
	of, next, expect := row[0].(int64), row[1].(int64), int64(0)
	for next != 0 && ctx.Err() == nil {
		row, err := c.first("SELECT prev, seq, n"+columns+" FROM events WHERE key = ? AND run = ?", next, of)
		if err != nil {
			return err
		}
		if row == nil {
			return refuse(run, fmt.Errorf("%w: events before %d are missing", errDamaged, expect))
		}
		l := link{key: next, block: block{seq: row[1].(int64), n: row[2].(int64)}, more: row[3:]}
		last := l.seq + l.n - 1
		if l.n < 1 || expect != 0 && last != expect-1 {
			return refuse(run, fmt.Errorf("%w: %d follows %d", errDamaged, expect, last))
		}
		if last <= after {
			break
		}
		if err := each(l); err != nil {
			return err
		}
		next, expect = row[0].(int64), l.seq
	}
	if ctx.Err() == nil && next == 0 && expect > 1 {
		return refuse(run, fmt.Errorf("%w: events before %d are missing", errDamaged, expect))
	}
	return context.Cause(ctx)
}

func (s *SQLite) Sources(ctx context.Context, run string) ([]Source, error) {
	sources := []Source{}
	err := s.read(ctx, func(c *conn) error {
		if _, err := c.key(run); err != nil {
			return err
		}
		return c.query(ctx, func(row []driver.Value) error {
			s, err := readSource(row)
			if err != nil {
				return refuse(run, err)
			}
			sources = append(sources, s)
			return nil
		}, `SELECT f.file, s.text, s.hash FROM runs r JOIN program_files f ON f.program = r.program JOIN sources s ON s.key = f.source
			WHERE r.id = ? ORDER BY f.pos`, run)
	})
	if err != nil {
		return nil, err
	}
	return sources, nil
}

// readSource reads a file's name, its text and the hash of that.
func readSource(row []driver.Value) (Source, error) {
	text, _ := row[1].([]byte)
	hash, _ := row[2].([]byte)
	s := Source{File: row[0].(string), Text: append([]byte{}, text...)}
	if sum := sha256.Sum256(s.Text); !bytes.Equal(sum[:], hash) {
		return s, fmt.Errorf("the text of %s: %w", s.File, errDamaged)
	}
	return s, nil
}
