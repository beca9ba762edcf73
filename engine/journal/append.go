package journal

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/twinbook/twinbook/engine"
)

// appending is an append on its way. Its events are JSON already: that is the callers' work, not the writer's.
type appending struct {
	run      string
	later    bool // nobody waits for it
	block    block
	standing Standing
	ended    int64 // nanoseconds; with status, if its last event is RunEnded
	status   engine.Status
	devices  []string
	done     []engine.Address // steps that ended
	answered []int64          // requests

	first int64 // out: the number of its first event
}

func (a *appending) seated() bool { return false }

func newAppending(run string, events []engine.Event, s Standing) (*appending, error) {
	a := &appending{run: run, standing: s, devices: devicesOf(events)}
	var err error
	if a.ended, a.status, err = endOf(events); err != nil {
		return nil, refuse(run, err)
	}
	if a.block, err = encodeBlock(events); err != nil {
		return nil, refuse(run, err)
	}
	for _, e := range events {
		if e.Kind == engine.StepDone {
			a.done = append(a.done, e.At)
		}
		if e.Request != 0 {
			a.answered = append(a.answered, e.Request)
		}
	}
	return a, nil
}

// endOf is when a run ends with these events, and how; 0 if it does not. It has a frame of its own for a whole Run, since what is
// deep below newAppending would need another stack for it.
func endOf(events []engine.Event) (ended int64, status engine.Status, err error) {
	var line Run
	if err = line.accept(events); err == nil && !line.Ended.IsZero() {
		ended, err = nanos(line.Ended)
	}
	return ended, line.Status, err
}

func (s *SQLite) Append(ctx context.Context, run string, events []engine.Event, standing Standing) error {
	a, err := newAppending(run, events, standing)
	if err == nil {
		err = s.write(ctx, a)
	}
	if err != nil {
		return err
	}
	for i := range events {
		events[i].Seq = a.first + int64(i)
	}
	return nil
}

func (s *SQLite) AppendLater(run string, events []engine.Event, standing Standing) error {
	if s.writer == nil {
		return s.write(context.Background(), nil)
	}
	a, err := newAppending(run, events, standing)
	if err != nil {
		return err
	}
	a.later = true
	if s.writer.queue.full() {
		return s.write(context.Background(), a)
	}
	if !s.writer.queue.put(&entry{task: a, later: true}) {
		return explain(s.file, errClosed)
	}
	return nil
}

// write has the writer carry out a task, and waits.
func (s *SQLite) write(ctx context.Context, t task) error {
	if s.writer == nil {
		return explain(s.file, errReading)
	}
	return s.writer.queue.wait(ctx, t)
}

var errReading = errors.New("it was opened for reading only")

func (a *appending) do(t *transaction) error {
	s, err := t.state(a.run)
	if err != nil {
		return err
	}
	if s.ended && a.block.n > 0 {
		return refuse(a.run, ErrEnded)
	}
	if !s.ours && !s.ended {
		return refuse(a.run, ErrLost)
	}
	if gap := t.writer.gaps[a.run]; gap != nil {
		return fmt.Errorf("run %s lacks events that could not be kept before: %w", a.run, gap)
	}
	if s.ended {
		return nil
	}
	a.first = s.last + 1
	t.append(s, a.block)
	if err := t.touch(s, a.devices); err != nil {
		return err
	}
	if err := t.answer(a.answered); err != nil {
		return err
	}
	if a.ended != 0 {
		return t.end(a, s)
	}
	if err := t.forget(s, a.run, a.done); err != nil {
		return err
	}
	if err := t.stand(a, s); err != nil {
		return err
	}
	if a.block.n > 0 && !s.standing.Parked {
		t.list(s)
	}
	return nil
}

// stand keeps what the run is about, if that is something new.
func (t *transaction) stand(a *appending, s *state) error {
	parkedAgain := a.standing.Parked && a.block.n > 0 // its own row has the end of its chain
	if s.standing.equal(a.standing) && !parkedAgain {
		return nil
	}
	s.standing = a.standing
	if a.standing.Parked {
		t.over = append(t.over, a.run) // until something happens
	}
	if _, err := t.c.exec("UPDATE runs SET parked = ?, alert = ?, paused = ?, wake = ?, queued = ?, approval = ?, head = ? WHERE key = ?", append(a.standing.values(), s.head, s.key)...); err != nil {
		return err
	}
	if a.standing.Parked {
		return t.unlist(s)
	}
	return nil
}

// end keeps that a run has ended, and drops what is needed only until then.
func (t *transaction) end(a *appending, s *state) error {
	s.ended, s.ours = true, false
	t.over = append(t.over, a.run)
	t.countChild(s.parent, "", -1)
	t.countChild(s.parent, a.status, 1)
	t.writer.sights.drop(a.run)
	_, err := t.c.exec("UPDATE runs SET ended = ?, status = ?, driver = NULL, parked = 0, alert = 0, paused = 0, wake = NULL, queued = 0, approval = 0, head = ? WHERE key = ?",
		a.ended, string(a.status), s.head, s.key)
	if err == nil {
		err = t.unlist(s)
	}
	for _, table := range []string{"sights", "requests"} {
		if err == nil {
			_, err = t.c.exec("DELETE FROM "+table+" WHERE run = ?", s.key)
		}
	}
	if err == nil {
		err = t.release(s, a.ended)
	}
	return err
}

// answer deletes requests that an event answers.
func (t *transaction) answer(requests []int64) error {
	for _, id := range requests {
		if _, err := t.c.exec("DELETE FROM requests WHERE key = ?", driver.Value(id)); err != nil {
			return err
		}
	}
	return nil
}
