package journal

import (
	"context"
	"database/sql/driver"
	"encoding/json"

	"github.com/twinbook/twinbook/engine"
)

// The states of a row of slots.
const (
	slotWaits int64 = iota
	slotHeld
	slotHeldToEnd // and its run was asked to end, to make room
)

// outlook says, before anything is done, whether a run that takes these slots would have to wait; a *FullError if it
// does not want to.
func (t *transaction) outlook(slots []engine.Slot) (queued bool, err error) {
	for _, s := range slots {
		held, waits, err := t.places(s)
		if err != nil {
			return false, err
		}
		switch {
		case held < s.Limit && (!waits || s.WhenFull == engine.Replace):
		case s.WhenFull == engine.Reject:
			return false, t.full(s)
		default:
			return true, nil
		}
	}
	return false, nil
}

// places says how many places of a slot are held, and whether somebody waits for one.
func (t *transaction) places(s engine.Slot) (held int, waits bool, err error) {
	if held, err = t.held(s.Key); err != nil {
		return 0, false, err
	}
	row, err := t.c.first("SELECT 1 FROM slots INDEXED BY slots_name WHERE name = ? AND state = 0 LIMIT 1", s.Key)
	return held, row != nil, err
}

// held is how many places of a slot are held. They are counted once, and then kept in mind until another process has
// written: there may be thousands.
func (t *transaction) held(name string) (int, error) {
	if n, ok := t.writer.held[name]; ok {
		return n, nil
	}
	row, err := t.c.first("SELECT count(*) FROM slots INDEXED BY slots_name WHERE name = ? AND state > 0", name)
	if err != nil {
		return 0, err
	}
	n := int(row[0].(int64))
	t.writer.held[name] = n
	return n, nil
}

func (t *transaction) full(s engine.Slot) error {
	holders, err := t.c.holders(s.Key)
	if err != nil {
		return err
	}
	return &FullError{Key: s.Key, Holders: holders}
}

// holders are runs that hold a place of a slot, the longest first.
func (c *conn) holders(name string) ([]string, error) {
	runs := []string{}
	err := c.query(context.Background(), func(row []driver.Value) error {
		runs = append(runs, row[0].(string))
		return nil
	}, `SELECT r.id FROM (SELECT run, turn FROM slots INDEXED BY slots_name WHERE name = ? AND state > 0 ORDER BY turn LIMIT ?) s
		JOIN runs r ON r.key = s.run ORDER BY s.turn`, name, int64(manyHolders))
	return runs, err
}

// take has a run take slots one after the other. True: it has all of them. A run that is begun has an outlook; for one
// whose turn has come, what it does not want to wait for may be full by now.
func (t *transaction) take(run int64, slots []engine.Slot, at int64) (bool, error) {
	for i, s := range slots {
		held, waits, err := t.places(s)
		if err == nil && s.WhenFull == engine.Replace && (waits || held >= s.Limit) {
			waits, err = false, t.replace(run, s.Key, at)
		}
		switch {
		case err != nil:
			return false, err
		case held < s.Limit && !waits:
			if err := t.place(run, s, slotHeld, nil); err != nil {
				return false, err
			}
		case s.WhenFull == engine.Reject:
			return false, t.reject(run, s, at)
		default:
			return false, t.place(run, s, slotWaits, slots[i+1:])
		}
	}
	return true, nil
}

// place adds a row for a slot that a run holds or waits for.
func (t *transaction) place(run int64, s engine.Slot, state int64, rest []engine.Slot) error {
	var later driver.Value
	if len(rest) > 0 {
		text, err := json.Marshal(rest)
		if err != nil {
			return err
		}
		later = string(text)
	}
	if state != slotWaits {
		t.writer.held[s.Key]++
	}
	_, err := t.c.exec("INSERT INTO slots (run, name, state, most, rest) VALUES (?, ?, ?, ?, ?)", run, s.Key, state, int64(s.Limit), later)
	return err
}

// replace asks those who hold a place or wait for one to end, each once. Those who wait do so no longer.
func (t *transaction) replace(run int64, name string, at int64) error {
	for _, statement := range []struct {
		text   string
		values []driver.Value
	}{
		{`INSERT INTO requests (run, kind, reason, asker, time) SELECT run, ?, ? || (SELECT id FROM runs WHERE key = ?), '', ?
			FROM slots INDEXED BY slots_name WHERE name = ? AND state IN (0, 1) ORDER BY turn`,
			[]driver.Value{string(engine.CancelRequested), replacedBy, run, at, name}},
		{"DELETE FROM slots WHERE name = ? AND state = 0", []driver.Value{name}},
		{"UPDATE slots SET state = 2 WHERE name = ? AND state = 1", []driver.Value{name}},
	} {
		if _, err := t.c.exec(statement.text, statement.values...); err != nil {
			return err
		}
	}
	t.asked = true
	return nil
}

// reject asks a run to end whose turn has come in vain.
func (t *transaction) reject(run int64, s engine.Slot, at int64) error {
	full := t.full(s)
	if codeOf(full) != 0 {
		return full
	}
	return t.ask(run, engine.CancelRequested, full.Error(), at)
}

// ask keeps a request of the journal's own.
func (t *transaction) ask(run int64, kind engine.EventKind, reason string, at int64) error {
	t.asked = true
	_, err := t.c.exec("INSERT INTO requests (run, kind, reason, asker, time) VALUES (?, ?, ?, '', ?)", run, string(kind), reason, at)
	return err
}

// release gives back what a run holds, and its place in a line, to those who wait.
func (t *transaction) release(s *state, at int64) error {
	if !s.slots {
		return nil
	}
	s.slots = false
	var names []string
	err := t.c.query(context.Background(), func(row []driver.Value) error {
		name := row[0].(string)
		names = append(names, name)
		if n, ok := t.writer.held[name]; ok && row[1].(int64) != slotWaits {
			t.writer.held[name] = n - 1
		}
		return nil
	}, "SELECT name, state FROM slots INDEXED BY slots_run WHERE run = ? ORDER BY turn", s.key)
	if err == nil {
		_, err = t.c.exec("DELETE FROM slots WHERE run = ?", s.key)
	}
	for _, name := range names {
		if err == nil {
			err = t.grant(name, at)
		}
		if t.writer.held[name] == 0 {
			delete(t.writer.held, name) // so that names are not kept in mind that nobody uses
		}
	}
	return err
}

// grant gives free places to those who wait, in their order, as far as there are some for the first of them.
func (t *transaction) grant(name string, at int64) error {
	for {
		row, err := t.c.first("SELECT turn, run, most, rest FROM slots INDEXED BY slots_name WHERE name = ? AND state = 0 ORDER BY turn LIMIT 1", name)
		if err != nil || row == nil {
			return err
		}
		held, err := t.held(name)
		if err != nil || int64(held) >= row[2].(int64) {
			return err
		}
		t.writer.held[name]++
		if _, err := t.c.exec("UPDATE slots SET state = 1, rest = NULL WHERE turn = ?", row[0]); err != nil {
			return err
		}
		if err := t.goOn(row[1].(int64), row[3], at); err != nil {
			return err
		}
	}
}

// goOn has a run that waited take its further slots; it begins when it has all.
func (t *transaction) goOn(run int64, rest driver.Value, at int64) error {
	var slots []engine.Slot
	if text, ok := rest.(string); ok {
		if err := json.Unmarshal([]byte(text), &slots); err != nil {
			return err
		}
	}
	all, err := t.take(run, slots, at)
	if err == nil && all {
		err = t.ask(run, engine.RunAdmitted, "", at)
	}
	return err
}
