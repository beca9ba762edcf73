package journal

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	"github.com/twinbook/twinbook/engine"
)

// A stagedRun is a run that is being imported: rows of events under a key that no run has yet.
type stagedRun struct {
	id    string
	skip  bool // it is there already; its lines are only checked
	files []stagedFile

	line   Run            // from its first and last event
	seen   int64          // the number of the latest event
	events []engine.Event // not written yet
	size   int            // of their lines

	state
}

type stagedFile struct {
	file, hash string
	key        int64
}

// Events are written when there are so many, or as many bytes.
const (
	stagedEvents = 200
	stagedBytes  = 256 << 10
)

var eventKinds = []engine.EventKind{
	engine.RunStarted, engine.StepStarted, engine.StepDone, engine.TimerFired,
	engine.CancelRequested, engine.PauseRequested, engine.ResumeRequested, engine.RunAdmitted, engine.SignalReceived, engine.RunEnded,
}

// check holds an event against what must be true of the events of a run.
func (s *stagedRun) check(e engine.Event) error {
	switch {
	case e.Seq != s.seen+1:
		return fmt.Errorf("event %d stands where %d should be", e.Seq, s.seen+1)
	case !slices.Contains(eventKinds, e.Kind):
		return fmt.Errorf("event %d: there is no kind %q of event", e.Seq, e.Kind)
	case (e.Kind == engine.RunStarted) != (e.Seq == 1) || (e.Kind == engine.RunStarted) != (e.Start != nil):
		return fmt.Errorf("event %d: RunStarted, and no other one, is the first event of a run", e.Seq)
	case (e.Kind == engine.RunEnded) != (e.End != nil):
		return fmt.Errorf("event %d: RunEnded, and no other one, says how the run ended", e.Seq)
	case (e.Kind == engine.SignalReceived) != (e.Signal != nil):
		return fmt.Errorf("event %d: SignalReceived, and no other one, has a signal", e.Seq)
	}
	_, err := nanos(e.Time)
	if err == nil {
		err = checkWords(e)
	}
	if err != nil {
		return fmt.Errorf("event %d: %w", e.Seq, err)
	}
	if e.Kind == engine.RunStarted {
		if e.Start.ID != s.id {
			return fmt.Errorf("its first event is that of run %s", e.Start.ID)
		}
		var err error
		if s.line, err = NewRun(Beginning{Events: []engine.Event{e}}); err != nil {
			return err
		}
	}
	if err := s.line.accept([]engine.Event{e}); err != nil {
		return err
	}
	s.seen = e.Seq
	return nil
}

// staging takes a key.
type staging struct{ run *stagedRun }

func (*staging) seated() bool { return true }

func (g *staging) do(t *transaction) (err error) {
	g.run.key, err = t.stage()
	return err
}

// stage is a key that belongs to this process until it becomes that of a run, or is swept up.
func (t *transaction) stage() (int64, error) {
	key, err := t.nextRun()
	if err == nil {
		_, err = t.c.exec("INSERT INTO remains VALUES (?, ?)", key, t.seat())
	}
	return key, err
}

// staged refuses if others have declared this process dead meanwhile, and may have swept up.
func (t *transaction) staged(run int64) error {
	row, err := t.c.first("SELECT 1 FROM remains WHERE run = ? AND driver = ?", run, t.seat())
	if err == nil && row == nil {
		err = errors.New("another process has taken this one for dead; import again")
	}
	return err
}

func (s *stagedRun) flush(ctx context.Context, j *SQLite) error {
	b, err := encodeBlock(s.events)
	if err == nil {
		err = j.write(ctx, &stagingEvents{run: s, block: b, devices: devicesOf(s.events)})
	}
	s.events, s.size = nil, 0
	return err
}

type stagingEvents struct {
	run     *stagedRun
	block   block
	devices []string
}

func (*stagingEvents) seated() bool { return false }

func (g *stagingEvents) do(t *transaction) error {
	if err := t.staged(g.run.key); err != nil {
		return err
	}
	s := g.run.state
	if err := t.touch(&s, g.devices); err != nil {
		return err
	}
	t.append(&s, g.block)
	t.list(&s)
	t.after = append(t.after, func() { g.run.state = s })
	return nil
}

// finish makes it a run.
func (s *stagedRun) finish(ctx context.Context, j *SQLite) error {
	sources, err := s.sources(ctx, j)
	if err != nil {
		return err
	}
	f := &finishing{run: s, sources: sources}
	s.line.Program = programOf(sources)
	if f.started, err = nanos(s.line.Started); err != nil {
		return err
	}
	if f.ended, err = nanos(s.line.Ended); err != nil {
		return err
	}
	return j.write(ctx, f)
}

// sources are the texts of its files.
func (s *stagedRun) sources(ctx context.Context, j *SQLite) ([]Source, error) {
	var sources []Source
	err := j.read(ctx, func(c *conn) error {
		for _, f := range s.files {
			row, err := c.first("SELECT text FROM sources WHERE key = ? AND lower(hex(hash)) = ?", f.key, f.hash)
			if err != nil {
				return err
			}
			if row == nil {
				return errors.New("a source was removed meanwhile; import again")
			}
			text, _ := row[0].([]byte)
			sources = append(sources, Source{File: f.file, Text: text})
		}
		return nil
	})
	return sources, err
}

type finishing struct {
	run            *stagedRun
	sources        []Source
	started, ended int64
}

func (*finishing) seated() bool { return false }

func (f *finishing) do(t *transaction) error {
	s, line := f.run, f.run.line
	if err := t.staged(s.key); err != nil {
		return err
	}
	row, err := t.c.first("SELECT 1 FROM runs WHERE id = ?", line.ID)
	if err != nil {
		return err
	}
	if row != nil {
		return refuse(line.ID, ErrExists)
	}
	there, err := t.there(line.Parent)
	if err != nil {
		return err
	}
	if !there { // else it would be in no list
		line.Parent = ""
	}
	program, err := t.program(markOf(line), line, f.sources)
	if err != nil {
		return err
	}
	t.countRun(program, 1)
	t.countChild(line.Parent, line.Status, 1)
	for _, statement := range []struct {
		text   string
		values []driver.Value
	}{
		{`INSERT INTO runs (key, id, program, started, ended, status, head, retry_of, parent, child, parked, alert, paused)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0)`,
			[]driver.Value{s.key, line.ID, program, f.started, f.ended, string(line.Status), s.head, line.RetryOf, line.Parent, line.Key}},
		{"DELETE FROM heads WHERE run = ?", []driver.Value{s.key}},
		{"DELETE FROM remains WHERE run = ?", []driver.Value{s.key}},
	} {
		if _, err := t.c.exec(statement.text, statement.values...); err != nil {
			return err
		}
	}
	return nil
}
