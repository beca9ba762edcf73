package journal

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// A writer is the one goroutine through which this process changes the file. It takes all that waits, keeps it in one
// transaction, and tells everybody.
type writer struct {
	journal *SQLite
	queue   *queue
	sights  *sights
	ended   chan struct{}

	// What follows belongs to the goroutine.
	c        *conn
	log      *checkpointer
	seat     *seat             // as a driver; nil: this process drives nothing
	states   map[string]*state // of runs that are under way
	gaps     map[string]error  // runs that lack events which nobody waited for
	programs map[[32]byte]int64
	held     map[string]int // how many places of a slot are, of some
	lastRow  int64          // the greatest key of a row of events
	company  int            // how many tasks the transaction before had
	took     time.Duration  // and how long
	version  int64          // SQLite's number for the file's contents when the transaction before ended
	failure  error          // of closing
}

func newWriter(s *SQLite, c, log *conn) *writer {
	return &writer{
		journal: s, c: c, log: newCheckpointer(log, s.file), queue: newQueue(), sights: newSights(), ended: make(chan struct{}),
		states: map[string]*state{}, gaps: map[string]error{}, programs: map[[32]byte]int64{}, held: map[string]int{},
	}
}

func (w *writer) loop() {
	defer close(w.ended)
	timer := time.NewTimer(0)
	for {
		w.gather()
		entries, due := w.queue.take()
		w.beatLate()
		if len(entries) == 0 && !w.sights.ready() {
			if w.queue.over() {
				break
			}
			timer.Reset(time.Until(w.next(due)))
			select {
			case <-w.queue.wake:
			case <-timer.C:
			}
			continue
		}
		w.keep(entries)
		w.log.after(w.c)
	}
	close(w.log.want)
	w.failure = errors.Join(w.leave(), w.c.close())
}

// gather lets those who have just been told come back with what follows, as long as they keep coming: one
// commit for many is cheaper than two, and who waits for the first would wait for the second.
func (w *writer) gather() {
	if w.company < 2 {
		return
	}
	until := time.Now().Add(w.took)
	for n := w.queue.length(); n > 0 && n < w.company; {
		runtime.Gosched()
		now := w.queue.length()
		if now == n || time.Now().After(until) {
			return
		}
		n = now
	}
}

// gatherAtMost bounds what a slow disk makes others wait.
const gatherAtMost = 2 * time.Millisecond

// next is when there is something to do even if nobody comes.
func (w *writer) next(due time.Time) time.Time {
	next := time.Now().Add(time.Hour)
	for _, t := range []time.Time{due, w.nextBeat(), w.sights.due()} {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	return next
}

func (w *writer) close() error {
	w.queue.close()
	<-w.ended
	return w.failure
}

// keep carries out tasks and tells who waits for them.
func (w *writer) keep(entries []*entry) {
	began := time.Now()
	results, err := w.transact(entries)
	w.company, w.took = max(len(entries), w.company*3/4), min(time.Since(began), gatherAtMost)
	if err != nil && len(entries) > 1 && isAbout(err) {
		for _, e := range entries { // one of them is at fault; the others shall not suffer
			w.keep([]*entry{e})
		}
		return
	}
	if tell := w.journal.options.Committed; tell != nil {
		tell(Commit{Took: time.Since(began), Tasks: len(entries), Err: explainTask(w.journal.file, err)})
	}
	for i, e := range entries {
		failure := err
		if err == nil {
			failure = results[i]
		}
		w.answer(e, explainTask(w.journal.file, failure))
	}
}

func (w *writer) answer(e *entry, err error) {
	if a, ok := e.task.(*appending); ok && a.later && err != nil {
		w.gaps[a.run] = err
	}
	if e.done != nil {
		e.done <- err
	}
}

// transact carries out tasks in one transaction. It gives what each of them was refused for, or the error
// for which nothing was kept.
func (w *writer) transact(entries []*entry) ([]error, error) {
	t, err := w.begin(entries)
	if err != nil {
		return nil, err
	}
	results := make([]error, len(entries))
	for i, e := range entries {
		err := e.do(t)
		if codeOf(err) != 0 {
			return nil, w.undo(err)
		}
		results[i] = err
	}
	if err := t.finish(); err != nil {
		return nil, w.undo(err)
	}
	if _, err := w.c.exec("COMMIT"); err != nil {
		return nil, w.undo(err)
	}
	t.settle()
	return results, nil
}

// undo ends a transaction that cannot be finished, and forgets what was known of the file.
func (w *writer) undo(err error) error {
	w.c.exec("ROLLBACK") // says only that there is none any more
	clear(w.states)
	clear(w.programs)
	w.version = 0
	return err
}

// begin begins a transaction in which this process is known to be a driver, if one of the tasks needs that.
func (w *writer) begin(entries []*entry) (*transaction, error) {
	for {
		if err := w.journal.same(); err != nil {
			return nil, err
		}
		if err := w.lock(); err != nil {
			return nil, err
		}
		changed, err := w.changed()
		if err != nil {
			return nil, w.undo(err)
		}
		t := &transaction{writer: w, c: w.c}
		if changed {
			if err := w.lookAround(); err != nil {
				return nil, w.undo(err)
			}
		}
		if w.seat != nil || !anySeated(entries) {
			return t, nil
		}
		if err := w.sit(); err != nil {
			return nil, w.undo(err)
		}
	}
}

func anySeated(entries []*entry) bool {
	for _, e := range entries {
		if e.seated() {
			return true
		}
	}
	return false
}

// lock begins a transaction as soon as no other process is in one.
func (w *writer) lock() error {
	err := patiently(context.Background(), w.journal.options.Patience, func() error {
		_, err := w.c.exec("BEGIN IMMEDIATE")
		return err
	})
	if isBusy(err) {
		return fmt.Errorf("%s: %w", w.journal.others(), err)
	}
	return err
}

// changed says whether another process has written since this one did last.
func (w *writer) changed() (bool, error) {
	row, err := w.c.first("PRAGMA data_version")
	if err != nil {
		return false, err
	}
	before := w.version
	w.version = row[0].(int64)
	return w.version != before, nil
}

// lookAround finds out what another process may have changed.
func (w *writer) lookAround() error {
	clear(w.programs)
	clear(w.held)
	row, err := w.c.first("SELECT coalesce(max(key), 0) FROM events")
	if err != nil {
		return err
	}
	w.lastRow = row[0].(int64)
	return w.checkSeat()
}
