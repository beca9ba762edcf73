package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	j, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "journal.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, id := range []string{"r1", "r2"} {
		if err := j.Begin(t.Context(), testRun(id)); err != nil {
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
	checkKept(t, j, "r1", kept)
	if err := j.write(t.Context(), pragma("max_page_count = 100000")); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), "r1", big(fmt.Sprint("e", kept)), Standing{}); err != nil {
		t.Errorf("with room again: %v", err)
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
	if err := j.Begin(t.Context(), testRun("r1")); err != nil {
		t.Fatal(err)
	}
	bad := &entry{task: breaking{}, done: make(chan error, 1)}
	entries := []*entry{bad}
	for i := range 20 {
		a, err := newAppending("r1", big(fmt.Sprint("e", i)), Standing{})
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, &entry{task: a, done: make(chan error, 1)})
	}
	entries = append(entries, &entry{task: breaking{}, done: make(chan error, 1)})
	q := j.writer.queue
	q.mu.Lock()
	q.entries = append(q.entries, entries...) // all at once
	q.signal()
	q.mu.Unlock()
	for i, e := range entries {
		err := <-e.done
		if _, broken := e.task.(breaking); broken != (err != nil) {
			t.Errorf("task %d: %v", i, err)
		}
	}
	checkKept(t, j, "r1", 20)
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
	if err := j.Begin(t.Context(), testRun("r1")); err != nil {
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
