package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// pragma has the writer's connection do something.
type pragma string

func (pragma) seated() bool { return false }

func (p pragma) do(t *transaction) error { return t.c.script("PRAGMA " + string(p)) }

func testRun(id string) Beginning {
	return Beginning{Events: []engine.Event{{Time: time.Now(), Kind: engine.RunStarted, Start: &engine.RunStart{ID: id}}}}
}

func big(at string) []engine.Event {
	return []engine.Event{{Time: time.Now(), Kind: engine.StepDone, At: engine.Address(at), Value: strings.Repeat("x", 3000)}}
}

// TestFullDisk fills a file that may not grow: nothing that was acknowledged is lost, and it goes on when there is room.
func TestFullDisk(t *testing.T) {
	var told atomic.Pointer[Commit] // the last one
	j, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "journal.db"), Options{Committed: func(c Commit) { told.Store(&c) }})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, id := range []string{"r1", "r2"} {
		if _, err := j.Begin(t.Context(), testRun(id)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.write(t.Context(), pragma("max_page_count = 60")); err != nil {
		t.Fatal(err)
	}
	kept := fill(t, j, "r1")
	if err := j.AppendLater("r2", big("later"), Standing{}); err != nil {
		t.Fatal(err)
	}
	full := j.Append(t.Context(), "r2", nil, Standing{Paused: true})
	if full == nil {
		t.Error("an append after a lost one was kept")
	}
	for name, err := range map[string]error{"the answer": j.Append(t.Context(), "r1", big("more"), Standing{}), "what is told": told.Load().Err} {
		if why, yes := Unusable(err); !yes || !strings.HasPrefix(why, "the disk is full") {
			t.Errorf("%s: %v is unusable %v for %q", name, err, yes, why)
		}
	}
	checkKept(t, j, "r1", kept)
	if err := j.write(t.Context(), pragma("max_page_count = 100000")); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), "r1", big(fmt.Sprint("e", kept)), Standing{}); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := told.Load().Err; err != nil {
		t.Errorf("with room again it is told: %v", err)
	}
	checkKept(t, j, "r1", kept+1)
	for range 2 {
		if err := j.Append(t.Context(), "r2", big("b"), Standing{}); err == nil || !strings.Contains(err.Error(), "lacks events") || !strings.Contains(err.Error(), "disk is full") {
			t.Errorf("a run that lacks events: %v", err)
		}
	}
	if err := j.Claim(t.Context(), "r2"); err != nil { // whoever goes on with it reads it anew
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), "r2", big("c"), Standing{}); err != nil {
		t.Errorf("after it was claimed anew: %v", err)
	}
}

// fill appends to a run until it cannot be, and says how often it could.
func fill(t *testing.T, j *SQLite, run string) (kept int) {
	t.Helper()
	for kept < 1000 {
		err := j.Append(t.Context(), run, big(fmt.Sprint("e", kept)), Standing{})
		if err == nil {
			kept++
			continue
		}
		for _, words := range []string{"journal " + j.File(), "the disk is full, so nothing more can be kept; make room"} {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("error %q does not say %q", err, words)
			}
		}
		return kept
	}
	t.Fatal("it is never full")
	return 0
}

// checkKept holds the events of a run against those that were acknowledged.
func checkKept(t *testing.T, j *SQLite, run string, kept int) {
	t.Helper()
	events, err := j.Events(t.Context(), run, 1)
	if err != nil || len(events) != kept {
		t.Fatalf("run %s: %d events, %v, want the %d that were acknowledged", run, len(events), err, kept)
	}
	for i, e := range events {
		if e.At != engine.Address(fmt.Sprint("e", i)) {
			t.Errorf("event %d is %s", e.Seq, e.At)
		}
	}
}

// TestOneBadTaskSpoilsNoOther: one of many that are kept together breaks a rule of the file.
func TestOneBadTaskSpoilsNoOther(t *testing.T) {
	j, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "journal.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Begin(t.Context(), testRun("r1")); err != nil {
		t.Fatal(err)
	}
	tasks := []task{breaking{}}
	for i := range 20 {
		tasks = append(tasks, appendingOf(t, "r1", big(fmt.Sprint("e", i))))
	}
	tasks = append(tasks, breaking{})
	for i, err := range together(j, tasks...) {
		if _, broken := tasks[i].(breaking); broken != (err != nil) {
			t.Errorf("task %d: %v", i, err)
		}
	}
	checkKept(t, j, "r1", 20)
}

// together has tasks carried out in one transaction.
func together(j *SQLite, tasks ...task) []error {
	var entries []*entry
	for _, each := range tasks {
		entries = append(entries, &entry{task: each, done: make(chan error, 1)})
	}
	q := j.writer.queue
	q.mu.Lock()
	q.entries = append(q.entries, entries...)
	q.signal()
	q.mu.Unlock()
	errs := make([]error, len(tasks))
	for i, e := range entries {
		errs[i] = <-e.done
	}
	return errs
}

func appendingOf(t *testing.T, run string, events []engine.Event) *appending {
	t.Helper()
	a, err := newAppending(run, events, Standing{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestTogether has tasks in one transaction that look at what the others change.
func TestTogether(t *testing.T) {
	j, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "journal.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	begin := func(id string) *beginning {
		b := testRun(id)
		b.Sources = []Source{{File: "f", Text: []byte(id)}}
		begun, err := newBeginning(b)
		if err != nil {
			t.Fatal(err)
		}
		return begun
	}
	end := []engine.Event{{Time: time.Now(), Kind: engine.RunEnded, End: &engine.Outcome{Status: engine.Failed}}}
	errs := together(j,
		begin("r1"), &sweeping{}, begin("gone"), begin("r2"),
		appendingOf(t, "r1", big("e0")), &claiming{run: "r1"}, appendingOf(t, "r1", big("e1")), &adopting{}, appendingOf(t, "r1", big("e2")),
		appendingOf(t, "gone", big("x")), appendingOf(t, "gone", end), &removing{run: "gone"}, &sweeping{},
		appendingOf(t, "r2", big("e0")), appendingOf(t, "r2", end), begin("gone"), begin("r1"))
	for i, err := range errs {
		if last := i == len(errs)-1; last != errors.Is(err, ErrExists) || !last && err != nil {
			t.Errorf("task %d: %v", i, err)
		}
	}
	checkKept(t, j, "r1", 3)
	for run, want := range map[string]int{"r1": 4, "r2": 3, "gone": 1} {
		events, err := j.Events(t.Context(), run, 0)
		sources, err2 := j.Sources(t.Context(), run)
		if err != nil || err2 != nil || len(events) != want || len(sources) != 1 {
			t.Errorf("run %s: %d events, %v, %d sources, %v, want %d and 1", run, len(events), err, len(sources), err2, want)
		}
	}
	for table, want := range map[string]int64{"runs": 3, "programs": 3, "sources": 3, "events": 4 + 3 + 1, "heads": 1, "remains": 0} {
		if got := rows(t, j, table); got != want {
			t.Errorf("%d rows in %s, want %d", got, table, want)
		}
	}
}

// breaking does something, and then something that the file refuses.
type breaking struct{}

func (breaking) seated() bool { return false }

func (breaking) do(t *transaction) error {
	_, err := t.c.exec("INSERT INTO devices VALUES (1, 'left behind')")
	if err == nil {
		_, err = t.c.exec("INSERT INTO runs (key) VALUES (1)")
	}
	return err
}

func TestClosedInTheMiddle(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	j, err := OpenSQLite(t.Context(), file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Begin(t.Context(), testRun("r1")); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if err := j.AppendLater("r1", big(fmt.Sprint("e", i)), Standing{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(filepath.Dir(file)); err != nil || len(files) != 1 {
		t.Errorf("files %v, %v, want the journal alone", files, err)
	}
	if j, err = OpenSQLite(t.Context(), file, Options{}); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	checkKept(t, j, "r1", 50)
	if err := j.Append(t.Context(), "r1", big("x"), Standing{}); !errors.Is(err, ErrLost) {
		t.Errorf("append to a run that nobody drives: %v, want ErrLost", err)
	}
}
