package journal

import (
	"context"
	"database/sql/driver"
	"sync"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// sights are what waiting steps have seen lately, on their way into the file. They are for people, so they are kept
// together now and then, and never waited for.
type sights struct {
	mu    sync.Mutex // guards what follows
	runs  map[string]map[engine.Address]Sight
	since time.Time // of the first
}

// sightsLate is how long a sight may wait to be kept.
const sightsLate = 500 * time.Millisecond

func newSights() *sights { return &sights{runs: map[string]map[engine.Address]Sight{}} }

// add says whether it is the first that waits.
func (s *sights) add(run string, sight Sight) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := len(s.runs) == 0
	if first {
		s.since = time.Now()
	}
	of := s.runs[run]
	if of == nil {
		of = map[engine.Address]Sight{}
		s.runs[run] = of
	}
	if before, ok := of[sight.At]; !ok || before.Text != sight.Text {
		of[sight.At] = sight
	}
	return first
}

// due is when they are to be kept; zero: there are none.
func (s *sights) due() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.runs) == 0 {
		return time.Time{}
	}
	return s.since.Add(sightsLate)
}

func (s *sights) ready() bool {
	due := s.due()
	return !due.IsZero() && !time.Now().Before(due)
}

// drop forgets those of a run, or of some of its steps.
func (s *sights) drop(run string, steps ...engine.Address) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(steps) == 0 {
		delete(s.runs, run)
	}
	for _, at := range steps {
		delete(s.runs[run], at)
	}
}

// write writes them, if it is time to. Those of runs that this process does not drive are left out.
func (s *sights) write(t *transaction) error {
	if !s.ready() {
		return nil
	}
	s.mu.Lock()
	runs := s.runs
	s.runs = map[string]map[engine.Address]Sight{}
	s.mu.Unlock()
	for run, of := range runs {
		state, err := t.state(run)
		if err != nil && codeOf(err) != 0 {
			return err
		}
		if err != nil || !state.ours {
			continue
		}
		state.sights = true
		for _, sight := range of {
			if _, err := t.c.exec(`INSERT INTO sights VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
				SET text = excluded.text, since = excluded.since WHERE text <> excluded.text`,
				state.key, string(sight.At), sight.Text, wakeOf(sight.Since)); err != nil {
				return err
			}
		}
		if state.standing.Parked {
			t.over = append(t.over, run)
		}
	}
	return nil
}

// forget drops what steps saw that wait no longer.
func (t *transaction) forget(s *state, run string, steps []engine.Address) error {
	if len(steps) == 0 {
		return nil
	}
	t.writer.sights.drop(run, steps...)
	if !s.sights {
		return nil
	}
	for _, at := range steps {
		if _, err := t.c.exec("DELETE FROM sights WHERE run = ? AND at = ?", s.key, string(at)); err != nil {
			return err
		}
	}
	return nil
}

func (s *SQLite) See(run string, sight Sight) {
	if s.writer != nil && s.writer.sights.add(run, sight) {
		s.writer.queue.signal()
	}
}

func (s *SQLite) Sights(ctx context.Context, run string) ([]Sight, error) {
	all := []Sight{}
	err := s.read(ctx, func(c *conn) error {
		key, err := c.key(run)
		if err != nil {
			return err
		}
		return c.query(ctx, func(row []driver.Value) error {
			all = append(all, Sight{At: engine.Address(row[0].(string)), Text: row[1].(string), Since: timeOf(row[2].(int64))})
			return nil
		}, "SELECT at, text, since FROM sights WHERE run = ? ORDER BY at", key)
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}
