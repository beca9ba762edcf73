package journal

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// asking keeps a request.
type asking struct {
	request Request
	time    int64
	signal  driver.Value
}

func (*asking) seated() bool { return false }

func (s *SQLite) Ask(ctx context.Context, r Request) error {
	a := &asking{request: r}
	var err error
	if a.time, err = nanos(r.Time); err != nil {
		return err
	}
	if r.Signal != nil {
		text, err := json.Marshal(r.Signal)
		if err != nil {
			return err
		}
		a.signal = string(text)
	}
	err = s.write(ctx, a)
	if err == nil {
		s.poke()
	}
	return err
}

func (a *asking) do(t *transaction) error {
	s, err := t.state(a.request.Run)
	if err != nil {
		return err
	}
	if s.standing.Parked || !s.ours {
		t.over = append(t.over, a.request.Run)
	}
	if s.ended {
		return refuse(a.request.Run, ErrEnded)
	}
	r := a.request
	_, err = t.c.exec("INSERT INTO requests (run, kind, reason, asker, time, at, signal) VALUES (?, ?, ?, ?, ?, ?, ?)",
		s.key, string(r.Kind), r.Reason, r.By, a.time, string(r.At), a.signal)
	return err
}

// An ear is somebody who listens.
type ear struct {
	f    func(Request)
	poke chan struct{}

	mu   sync.Mutex // held while f is called
	over bool
	told map[int64]time.Time // when f was called with a request
}

// again is after what time an unanswered request is told again: whoever heard it may not have been ready for it.
const again = time.Second

func (s *SQLite) Listen(f func(Request)) (stop func()) {
	e := &ear{f: f, poke: make(chan struct{}, 1), told: map[int64]time.Time{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ears[e] = true
	ctx, cancel := context.WithCancel(s.background)
	s.all.Go(func() { s.hear(ctx, e) })
	return func() {
		cancel()
		s.mu.Lock()
		delete(s.ears, e)
		s.mu.Unlock()
		e.mu.Lock()
		defer e.mu.Unlock()
		e.over = true
	}
}

// poke has those who listen look at once.
func (s *SQLite) poke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.ears {
		select {
		case e.poke <- struct{}{}:
		default:
		}
	}
}

// hear looks for requests until ctx ends. An error is no matter: the next look may go well, and who drives the run
// meets the same trouble sooner.
func (s *SQLite) hear(ctx context.Context, e *ear) {
	ticker := time.NewTicker(s.options.Poll)
	defer ticker.Stop()
	for ctx.Err() == nil {
		s.listen(ctx, e)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-e.poke:
		}
	}
}

func (s *SQLite) listen(ctx context.Context, e *ear) {
	var waiting []Request
	if err := s.read(ctx, func(c *conn) (err error) {
		waiting, err = c.requests(ctx, s.seated.Load())
		return err
	}); err != nil {
		return
	}
	now, told := time.Now(), map[int64]time.Time{}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range waiting {
		if before, ok := e.told[r.ID]; ok && now.Sub(before) < again {
			told[r.ID] = before
		} else if !e.over {
			told[r.ID] = now
			e.f(r)
		}
	}
	e.told = told
}

// requests are the unanswered ones about runs of a driver, in the order in which they were made.
func (c *conn) requests(ctx context.Context, of int64) ([]Request, error) {
	return c.requestsWhere(ctx, ownerOf+" = ?", of)
}

func (s *SQLite) Wishes(ctx context.Context, run string) (all []Request, err error) {
	err = s.read(ctx, func(c *conn) error {
		if run == "" {
			all, err = c.requestsWhere(ctx, "1")
			return err
		}
		key, err := c.key(run)
		if err == nil {
			all, err = c.requestsWhere(ctx, "q.run = ?", key)
		}
		return err
	})
	return all, err
}

func (c *conn) requestsWhere(ctx context.Context, where string, values ...driver.Value) ([]Request, error) {
	all := []Request{}
	err := c.query(ctx, func(row []driver.Value) error {
		r := Request{
			ID: row[0].(int64), Run: row[1].(string), Kind: engine.EventKind(row[2].(string)),
			Reason: row[3].(string), By: row[4].(string), Time: timeOf(row[5].(int64)), At: engine.Address(row[6].(string)),
		}
		if text, ok := row[7].(string); ok {
			if err := json.Unmarshal([]byte(text), &r.Signal); err != nil {
				return fmt.Errorf("a signal for run %s: %w: %w", r.Run, errDamaged, err)
			}
		}
		all = append(all, r)
		return nil
	}, `SELECT q.key, r.id, q.kind, q.reason, q.asker, q.time, q.at, q.signal FROM requests q JOIN runs r ON r.key = q.run
		WHERE `+where+` ORDER BY q.key`, values...)
	return all, err
}
