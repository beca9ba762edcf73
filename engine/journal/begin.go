package journal

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"fmt"
)

// beginning is a Begin on its way.
type beginning struct {
	appending
	line    Run
	started int64
	mark    [32]byte
	sources []Source
	*admission

	queued bool // out: it waits for a slot
}

func (b *beginning) seated() bool { return true }

func newBeginning(b Beginning) (*beginning, error) {
	line, err := NewRun(b)
	if err != nil {
		return nil, err
	}
	a, err := newAppending(line.ID, b.Events, b.Standing)
	if err != nil {
		return nil, err
	}
	begun := &beginning{appending: *a, line: line, mark: markOf(line), sources: b.Sources}
	if begun.started, err = nanos(line.Started); err != nil {
		return nil, refuse(line.ID, err)
	}
	begun.admission, err = newAdmission(b, line)
	return begun, err
}

// markOf is the same for runs whose row in programs is the same.
func markOf(r Run) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q", []string{r.Program, r.Workflow, r.File, r.Hash, r.Hub}))
}

func (s *SQLite) Begin(ctx context.Context, b Beginning) (queued bool, err error) {
	task, err := newBeginning(b)
	if err == nil {
		err = s.write(ctx, task)
	}
	if err != nil {
		return false, err
	}
	kept := b.Events
	if task.queued {
		kept = kept[:copy(kept, b.queued().Events)]
	}
	for i := range kept {
		kept[i].Seq = int64(i) + 1
	}
	return task.queued, nil
}

// there says whether a run is there that others are to be a part of.
func (t *transaction) there(parent string) (bool, error) {
	if parent == "" {
		return true, nil
	}
	row, err := t.c.first("SELECT 1 FROM runs WHERE id = ?", parent)
	return row != nil, err
}

func (b *beginning) do(t *transaction) error {
	there, err := t.there(b.line.Parent)
	if err != nil {
		return err
	}
	if !there {
		return refuse(b.line.ID, noParent(b.line.Parent))
	}
	if err := t.untried(b.line.RetryOf); err != nil {
		return err
	}
	a, err := b.admitted(t)
	if err != nil {
		return err
	}
	program, err := t.program(b.mark, b.line, b.sources)
	if err != nil {
		return err
	}
	key, err := t.nextRun()
	if err != nil {
		return err
	}
	line := b.line
	values := append([]driver.Value{key, line.ID, program, b.started, t.seat(), t.writer.lastRow + 1, line.RetryOf, line.Parent, line.Key}, a.standing.values()...)
	n, err := t.c.exec(`INSERT INTO runs (key, id, program, started, driver, head, retry_of, parent, child, parked, alert, paused, wake, queued, approval)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`, values...)
	if err != nil {
		return err
	}
	if n == 0 {
		t.lastRun--
		return refuse(line.ID, ErrExists)
	}
	t.countRun(program, 1)
	t.countChild(line.Parent, "", 1)
	s := &state{key: key, ours: true, standing: a.standing, parent: line.Parent}
	t.writer.states[line.ID] = s
	t.append(s, a.block)
	if a.standing.Parked {
		t.over = append(t.over, line.ID)
	}
	if err := t.touch(s, a.devices); err != nil {
		return err
	}
	if err := b.enter(t, s); err != nil {
		return err
	}
	if a.ended != 0 {
		return t.end(a, s)
	}
	return nil
}

// untried says whether a run has no retry yet.
func (t *transaction) untried(run string) error {
	if run == "" {
		return nil
	}
	row, err := t.c.first("SELECT id FROM runs INDEXED BY runs_retry WHERE retry_of != '' AND retry_of = ?", run)
	if err == nil && row != nil {
		err = &RetriedError{Run: run, Retry: row[0].(string)}
	}
	return err
}

// program is the key of what runs of the same program share, which is kept if this is the first of them.
func (t *transaction) program(mark [32]byte, line Run, sources []Source) (int64, error) {
	if key, ok := t.writer.programs[mark]; ok {
		return key, nil
	}
	key, err := t.c.findProgram(mark)
	if err == nil && key == 0 {
		key, err = t.c.insertProgram(mark, line, sources)
	}
	if err != nil {
		return 0, err
	}
	if len(t.writer.programs) >= manyPrograms {
		clear(t.writer.programs)
	}
	t.writer.programs[mark] = key
	return key, nil
}

// manyPrograms is of how many the keys are remembered.
const manyPrograms = 1000

func (c *conn) findProgram(mark [32]byte) (int64, error) {
	row, err := c.first("SELECT key FROM programs WHERE mark = ?", mark[:])
	if err != nil || row == nil {
		return 0, err
	}
	return row[0].(int64), nil
}

func (c *conn) insertProgram(mark [32]byte, line Run, sources []Source) (int64, error) {
	key, err := c.insert("INSERT INTO programs (mark, program, workflow, file, hash, hub, runs) VALUES (?, ?, ?, ?, ?, ?, 0)",
		mark[:], line.Program, line.Workflow, line.File, line.Hash, line.Hub)
	if err != nil {
		return 0, err
	}
	for i, s := range sources {
		source, err := c.keepSource(s.Text)
		if err != nil {
			return 0, err
		}
		if _, err := c.exec("INSERT INTO program_files VALUES (?, ?, ?, ?)", key, int64(i), s.File, source); err != nil {
			return 0, err
		}
	}
	return key, nil
}

// keepSource is the key of a text, which is kept once.
func (c *conn) keepSource(text []byte) (int64, error) {
	hash := sha256.Sum256(text)
	row, err := c.first("SELECT key FROM sources WHERE hash = ?", hash[:])
	if err != nil {
		return 0, err
	}
	if row != nil {
		return row[0].(int64), nil
	}
	if text == nil {
		text = []byte{} // which is not NULL
	}
	return c.insert("INSERT INTO sources (hash, text) VALUES (?, ?)", hash[:], text)
}
