package journal

import (
	"context"
	"database/sql/driver"
	"sync"
	"time"
)

// changing is what people want of a schedule.
type changing struct {
	schedule string
	text     string // a statement that changes something only if the schedule is there
	values   []driver.Value
	added    int64 // out: the key of the row that it added, if it did
}

func (*changing) seated() bool { return false }

func (c *changing) do(t *transaction) error {
	row, err := t.c.first("SELECT 1 FROM schedules WHERE id = ?", c.schedule)
	if err != nil {
		return err
	}
	if row == nil {
		return noSchedule(c.schedule)
	}
	if c.added, err = t.c.insert(c.text, c.values...); err == nil {
		_, err = t.c.exec("UPDATE schedule_changes SET n = n + 1")
	}
	return err
}

func (s *SQLite) change(ctx context.Context, c *changing) error {
	err := s.write(ctx, c)
	if err == nil {
		s.pokeSchedules()
	}
	return err
}

// PauseSchedule pauses a schedule, or resumes it. One that is so already stays as it is, also by whom and when. ErrNotFound.
func (s *SQLite) PauseSchedule(ctx context.Context, id string, paused bool, by string, now time.Time) error {
	at, err := nanos(now)
	if err != nil {
		return err
	}
	return s.change(ctx, &changing{
		schedule: id, text: "UPDATE schedules SET paused = ?1, changer = ?2, changed = ?3 WHERE id = ?4 AND paused <> ?1",
		values: []driver.Value{number(paused), by, at, id},
	})
}

// AskBackfill keeps the wish for a backfill, and gives it with its number. ErrNotFound: there is no such schedule.
func (s *SQLite) AskBackfill(ctx context.Context, id string, b Backfill) (Backfill, error) {
	if err := checkBackfill(b); err != nil {
		return Backfill{}, err
	}
	values := []driver.Value{id, b.By}
	for _, t := range []time.Time{b.From, b.To, b.Asked} {
		at, err := nanos(t)
		if err != nil {
			return Backfill{}, err
		}
		values = append(values, at)
	}
	c := &changing{schedule: id, text: "INSERT INTO backfills (schedule, asker, first, last, asked) VALUES (?, ?, ?, ?, ?)", values: values}
	if err := s.change(ctx, c); err != nil {
		return Backfill{}, err
	}
	return Backfill{ID: c.added, From: utc(b.From), To: utc(b.To), By: b.By, Asked: utc(b.Asked)}, nil
}

type endingBackfill struct{ id int64 }

func (*endingBackfill) seated() bool { return false }

// EndBackfill forgets a wish that has come true, or is not wanted any longer.
func (s *SQLite) EndBackfill(ctx context.Context, id int64) error {
	err := s.write(ctx, &endingBackfill{id})
	if err == nil {
		s.pokeSchedules()
	}
	return err
}

func (e *endingBackfill) do(t *transaction) error {
	n, err := t.c.exec("DELETE FROM backfills WHERE key = ?", e.id)
	if err == nil && n > 0 {
		_, err = t.c.exec("UPDATE schedule_changes SET n = n + 1")
	}
	return err
}

// ListenSchedules has f called when somebody has paused or resumed a schedule, or asked for or ended a backfill, in this
// process or another one; sometimes for nothing. f must not wait.
func (s *SQLite) ListenSchedules(f func()) (stop func()) {
	e := &scheduleEar{f: f, poke: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(s.background)
	before, err := s.scheduleChanges(ctx)
	if err != nil {
		before = -1 // so that the first look tells of a change
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scheduleEars[e] = true
	s.all.Go(func() { s.hearSchedules(ctx, e, before) })
	return func() {
		cancel()
		s.mu.Lock()
		delete(s.scheduleEars, e)
		s.mu.Unlock()
		e.mu.Lock()
		defer e.mu.Unlock()
		e.over = true
	}
}

// A scheduleEar is somebody who listens for changes of schedules.
type scheduleEar struct {
	f    func()
	poke chan struct{}

	mu   sync.Mutex // held while f is called
	over bool
}

func (e *scheduleEar) tell() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.over {
		e.f()
	}
}

func (s *SQLite) pokeSchedules() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.scheduleEars {
		select {
		case e.poke <- struct{}{}:
		default:
		}
	}
}

// hearSchedules looks for changes until ctx ends. An error is no matter: the next look may go well.
func (s *SQLite) hearSchedules(ctx context.Context, e *scheduleEar, before int64) {
	ticker := time.NewTicker(s.options.Poll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-e.poke:
		}
		if now, err := s.scheduleChanges(ctx); err == nil && now != before {
			before = now
			e.tell()
		}
	}
}

// scheduleChanges is how often people have changed something about schedules.
func (s *SQLite) scheduleChanges(ctx context.Context) (n int64, err error) {
	err = s.read(ctx, func(c *conn) error {
		row, err := c.first("SELECT n FROM schedule_changes")
		if err == nil && row != nil {
			n = row[0].(int64)
		}
		return err
	})
	return n, err
}
