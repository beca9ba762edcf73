package journal

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/engine"
)

// A transaction is what the tasks of one commit share.
type transaction struct {
	writer *writer
	c      *conn

	rows     []driver.Value // of the events, added at once at the end
	moved    []*state       // whose end of the chain table heads is to have
	children map[childCount]int64
	programs map[int64]int64 // runs that came and went, by program
	lastRun  int64           // the greatest key of a run; 0: not known
	over     []string        // runs that need no state any more
	asked    bool            // the journal itself has asked something of a run
	after    []func()        // once it is on disk
}

type childCount struct {
	parent string
	status engine.Status
}

// seat is the key of this process as a driver; 0: it is none.
func (t *transaction) seat() int64 {
	if t.writer.seat == nil {
		return 0
	}
	return t.writer.seat.key
}

// append adds a block to a run.
func (t *transaction) append(s *state, b block) {
	if b.n == 0 {
		return
	}
	w := t.writer
	w.lastRow++
	t.rows = append(t.rows, w.lastRow, s.key, s.head, s.last+1, b.n, b.sum, b.body)
	s.head, s.last = w.lastRow, s.last+b.n
}

// countChild counts a child run of parent.
func (t *transaction) countChild(parent string, status engine.Status, by int64) {
	if parent == "" {
		return
	}
	if t.children == nil {
		t.children = map[childCount]int64{}
	}
	t.children[childCount{parent, status}] += by
}

// countRun counts a run of a program.
func (t *transaction) countRun(program, by int64) {
	if t.programs == nil {
		t.programs = map[int64]int64{}
	}
	t.programs[program] += by
}

// nextRun is a key for a new run, or for the remains of one.
func (t *transaction) nextRun() (int64, error) {
	if t.lastRun == 0 {
		row, err := t.c.first("SELECT max(coalesce((SELECT max(key) FROM runs), 0), coalesce((SELECT max(run) FROM remains), 0))")
		if err != nil {
			return 0, err
		}
		t.lastRun = row[0].(int64)
	}
	t.lastRun++
	return t.lastRun, nil
}

// finish writes what was gathered, and what comes along with any transaction.
func (t *transaction) finish() error {
	if err := t.flush(); err != nil {
		return err
	}
	if err := t.writer.sights.write(t); err != nil {
		return err
	}
	return t.writer.beat()
}

// flush writes what was gathered. A task that looks at tables as a whole, for what may be removed from them, does so
// first: else it would not see what others of the same transaction are about to add.
func (t *transaction) flush() error {
	if err := t.insert(t.rows, eventColumns, insertEvents, insertEvent); err != nil {
		return err
	}
	if err := t.insertHeads(); err != nil {
		return err
	}
	for c, by := range t.children {
		if err := t.writeCount(c, by); err != nil {
			return err
		}
	}
	for program, by := range t.programs {
		if _, err := t.c.exec("UPDATE programs SET runs = runs + ? WHERE key = ?", by, program); err != nil {
			return err
		}
	}
	t.rows, t.moved = nil, nil
	clear(t.children)
	clear(t.programs)
	return nil
}

// list notes that table heads is to have the end of a run's chain.
func (t *transaction) list(s *state) {
	if !s.moved {
		s.moved = true
		t.moved = append(t.moved, s)
	}
}

// insertHeads writes the ends of chains, but of those runs that have parked or ended since: their own rows have them.
func (t *transaction) insertHeads() error {
	rows := make([]driver.Value, 0, headColumns*len(t.moved))
	for _, s := range t.moved {
		if s.moved {
			s.moved, s.listed = false, true
			rows = append(rows, s.key, s.head)
		}
	}
	return t.insert(rows, headColumns, insertHeads, insertHead)
}

// unlist takes the end of a run's chain from table heads, since its own row has it.
func (t *transaction) unlist(s *state) error {
	s.moved = false
	if !s.listed {
		return nil
	}
	s.listed = false
	_, err := t.c.exec("DELETE FROM heads WHERE run = ?", s.key)
	return err
}

// writeCount adds to a number of child runs. What is taken from it is not if the parent has gone.
func (t *transaction) writeCount(c childCount, by int64) error {
	text := "INSERT INTO children (n, parent, status) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"
	if by < 0 {
		text = "UPDATE children SET n = n + ? WHERE parent = ? AND status = ?"
	}
	_, err := t.c.exec(text, by, c.parent, string(c.status))
	return err
}

// settle is called when all is on disk.
func (t *transaction) settle() {
	for _, run := range t.over {
		delete(t.writer.states, run)
	}
	t.writer.forgetSome()
	if t.asked {
		t.writer.journal.poke(false)
	}
	for _, f := range t.after {
		f()
	}
}

// Rows are added some at a time, which takes half the time of adding each alone.
const (
	eventColumns = 7
	eventsAtOnce = 32
	insertEvent  = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)"
	headColumns  = 2
	insertHead   = "REPLACE INTO heads VALUES (?, ?)"
)

var (
	insertEvents = insertEvent + strings.Repeat(", (?, ?, ?, ?, ?, ?, ?)", eventsAtOnce-1)
	insertHeads  = insertHead + strings.Repeat(", (?, ?)", eventsAtOnce-1)
)

// insert adds rows of so many columns, by a statement for some and one for one.
func (t *transaction) insert(rows []driver.Value, columns int, some, one string) error {
	for many := range slices.Chunk(rows, columns*eventsAtOnce) {
		if len(many) == columns*eventsAtOnce {
			if _, err := t.c.exec(some, many...); err != nil {
				return err
			}
			continue
		}
		for values := range slices.Chunk(many, columns) {
			if _, err := t.c.exec(one, values...); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuse is what a task says that cannot be done.
func refuse(run string, err error) error { return fmt.Errorf("run %s: %w", run, err) }
