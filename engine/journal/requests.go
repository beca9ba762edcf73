package journal

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
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
		s.poke(false)
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
	if err := t.unanswered(s, r); err != nil {
		return err
	}
	_, err = t.c.exec("INSERT INTO requests (run, kind, reason, asker, time, at, signal) VALUES (?, ?, ?, ?, ?, ?, ?)",
		s.key, string(r.Kind), r.Reason, r.By, a.time, string(r.At), a.signal)
	return err
}

// unanswered refuses an answer to an approve where another one waits to be heard already.
func (t *transaction) unanswered(s *state, r Request) error {
	if !r.answers() {
		return nil
	}
	row, err := t.c.first("SELECT asker, signal FROM requests WHERE run = ? AND kind = ? AND at = ?", s.key, string(r.Kind), string(r.At))
	if err != nil || row == nil {
		return err
	}
	before := &AnsweredError{Run: r.Run, At: r.At, By: row[0].(string)}
	if err := json.Unmarshal([]byte(row[1].(string)), &before.Signal); err != nil {
		return fmt.Errorf("a signal for run %s: %w: %w", r.Run, errDamaged, err)
	}
	return before
}

// An ear is somebody who listens.
type ear struct {
	f    func(Request)
	poke chan struct{}
	wide atomic.Bool // this process may drive other runs than before: look at old requests, too

	mu   sync.Mutex // held while f is called
	over bool
	told map[int64]time.Time // when f was called with a request

	last   int64     // the greatest number of a request that was seen
	looked time.Time // when all were looked at
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

// poke has those who listen look at once: for what is new, or widely, since other runs are this process's than before.
func (s *SQLite) poke(wide bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.ears {
		if wide {
			e.wide.Store(true)
		}
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

// listen tells what is new, and now and then what is not answered yet: where very many runs are asked something at once, most of
// what is there has been told already.
func (s *SQLite) listen(ctx context.Context, e *ear) {
	now, above := time.Now(), e.last
	wide := e.wide.Swap(false) || now.Sub(e.looked) >= again/2
	if wide {
		above = 0
	}
	var waiting []Request
	if err := s.read(ctx, func(c *conn) (err error) {
		waiting, err = c.requestsWhere(ctx, "q.key > ? AND "+ownerOf+" = ?", above, s.seated.Load())
		return err
	}); err != nil {
		if wide {
			e.wide.Store(true)
		}
		return
	}
	if wide {
		e.looked = now
	}
	e.tell(waiting, now, wide)
}

// tell calls f with those requests that it was not called with a moment ago.
func (e *ear) tell(waiting []Request, now time.Time, all bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	told := e.told
	if all { // else those that are answered would be remembered for ever
		told = map[int64]time.Time{}
	}
	for _, r := range waiting {
		e.last = max(e.last, r.ID)
		if before, ok := e.told[r.ID]; ok && now.Sub(before) < again {
			told[r.ID] = before
		} else if !e.over {
			told[r.ID] = now
			e.f(r)
		}
	}
	e.told = told
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
