package journal

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// aged begins a run some hours ago, which has ended since unless open is set.
func aged(t *testing.T, j *SQLite, id, parent string, hours int, open bool) {
	t.Helper()
	at := time.Now().Add(-time.Duration(hours) * time.Hour)
	start := engine.Event{Time: at, Kind: engine.RunStarted, Start: &engine.RunStart{ID: id, Parent: parent, Workflow: id}}
	_, err := j.Begin(t.Context(), Beginning{Events: []engine.Event{start}, Sources: []Source{{File: "f", Text: []byte(id)}, {File: "g", Text: []byte("shared")}}})
	for k := range 5 {
		if err == nil {
			err = j.Append(t.Context(), id, []engine.Event{{Time: at, Kind: engine.StepStarted, At: "a#1", Device: fmt.Sprint("dev-", k)}}, Standing{})
		}
	}
	if err == nil && !open {
		err = j.Append(t.Context(), id, []engine.Event{{Time: at, Kind: engine.RunEnded, End: &engine.Outcome{Status: engine.Failed}}}, Standing{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// rows are how many a table has.
func rows(t *testing.T, j *SQLite, table string) int64 {
	t.Helper()
	var n int64
	if err := j.read(t.Context(), func(c *conn) error {
		row, err := c.first("SELECT count(*) FROM " + table)
		if err == nil {
			n = row[0].(int64)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRetention(t *testing.T) {
	for name, c := range map[string]struct {
		keep Retention
		want string
	}{
		"for ever":   {Retention{}, "r1 r2 r3 r4 old-open parent old r0"},
		"by age":     {Retention{Age: 90 * time.Minute}, "r1 old-open parent r0"},
		"by count":   {Retention{Runs: 3}, "r1 r2 old-open parent r0"},
		"by both":    {Retention{Age: 150 * time.Minute, Runs: 1}, "old-open parent r0"},
		"a long age": {Retention{Age: 1000 * time.Hour, Runs: 100}, "r1 r2 r3 r4 old-open parent old r0"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "journal.db")
			j, err := OpenSQLite(t.Context(), file, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 5 {
				aged(t, j, fmt.Sprint("r", i), "", i, false)
			}
			aged(t, j, "old-open", "", 9, true)
			aged(t, j, "parent", "", 9, false)
			aged(t, j, "child", "parent", 9, true) // so its parent stays
			aged(t, j, "old", "", 9, false)
			aged(t, j, "lane", "old", 9, false)
			j.Close()
			if j, err = OpenSQLite(t.Context(), file, Options{Keep: c.keep}); err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			if err := j.retain(t.Context()); err != nil {
				t.Fatal(err)
			}
			j.sweep(t.Context())
			want := map[string]bool{}
			for _, id := range strings.Fields(c.want) {
				want[id] = true
			}
			want["child"], want["lane"] = true, want["old"]
			for _, id := range []string{"r0", "r1", "r2", "r3", "r4", "old-open", "parent", "old", "child", "lane"} {
				_, err := j.Run(t.Context(), id)
				if want[id] && err != nil || !want[id] && !errors.Is(err, ErrNotFound) {
					t.Errorf("run %s: %v; to be kept: %v", id, err, want[id])
				}
				if !want[id] {
					delete(want, id)
				}
			}
			n := int64(len(want))
			for table, each := range map[string]int64{"runs": 1, "programs": 1, "program_files": 2, "devices": 5} {
				if got := rows(t, j, table); got != n*each {
					t.Errorf("%d rows in %s, want %d", got, table, n*each)
				}
			}
			if got := rows(t, j, "sources"); got != n+1 { // one is shared
				t.Errorf("%d sources, want %d", got, n+1)
			}
			if got := rows(t, j, "remains"); got != 0 {
				t.Errorf("%d rows remain of removed runs", got)
			}
		})
	}
}

// TestRemovingLongRuns: a long run goes at once for those who look, and its events a slice at a time.
func TestRemovingLongRuns(t *testing.T) {
	j, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "journal.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Begin(t.Context(), testRun("long")); err != nil {
		t.Fatal(err)
	}
	for range 3 * slice {
		if err := j.AppendLater("long", []engine.Event{{Time: time.Now(), Kind: engine.StepDone, At: "a", Device: "d"}}, Standing{}); err != nil {
			t.Fatal(err)
		}
	}
	aged(t, j, "other", "", 0, false)
	if err := j.Append(t.Context(), "long", []engine.Event{{Time: time.Now(), Kind: engine.RunEnded, End: &engine.Outcome{}}}, Standing{}); err != nil {
		t.Fatal(err)
	}
	if err := j.Remove(t.Context(), "long"); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Events(t.Context(), "long", 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
	if _, err := j.Begin(t.Context(), testRun("long")); err != nil { // and its key is not used for another one meanwhile
		t.Fatal(err)
	}
	j.sweep(t.Context())
	for run, want := range map[string]int{"long": 1, "other": 7} {
		if events, err := j.Events(t.Context(), run, 0); err != nil || len(events) != want {
			t.Errorf("run %s: %d events, %v, want %d", run, len(events), err, want)
		}
	}
	for table, want := range map[string]int64{"events": 8, "remains": 0, "devices": 5} {
		if got := rows(t, j, table); got != want {
			t.Errorf("%d rows in %s, want %d", got, table, want)
		}
	}
}

// TestShortProcesses: where all processes end before the first look in the background, the journal does not grow for ever.
func TestShortProcesses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	const processes = 8
	for i := range processes {
		j, err := OpenSQLite(t.Context(), file, Options{Keep: Retention{Runs: 2}})
		if err != nil {
			t.Fatal(err)
		}
		aged(t, j, fmt.Sprint("r", i), "", processes-i, false)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	j, err := OpenSQLite(t.Context(), file, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if n := rows(t, j, "runs"); n < 2 || n > processes/2 { // since the time is bounded, some may stay on a slow disk
		t.Errorf("%d runs, want about the latest 2", n)
	}
}

// TestLeftovers: what processes leave that die early is swept up.
func TestLeftovers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	j, err := OpenSQLite(t.Context(), file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		aged(t, j, NewID(time.Now()), "", 0, false)
		j.Close()
		if j, err = OpenSQLite(t.Context(), file, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	defer j.Close()
	s := &stagedRun{id: "r"}
	if err := j.write(t.Context(), &staging{run: s}); err != nil {
		t.Fatal(err)
	}
	s.events = big("a")
	if err := s.flush(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	silence(t, j)
	j.sweep(t.Context())
	if n := rows(t, j, "remains"); n != 1 {
		t.Errorf("%d rows remain, want that of the import under way", n)
	}
	if n := rows(t, j, "drivers"); n != 1 {
		t.Errorf("%d drivers, want this one alone", n)
	}
	if err := j.write(t.Context(), sqlText("UPDATE drivers SET gone = 1")); err != nil {
		t.Fatal(err)
	}
	j.sweep(t.Context())
	if n := rows(t, j, "remains") + rows(t, j, "heads"); n != 0 {
		t.Errorf("%d rows remain of an import whose process is gone", n)
	}
}

// TestAfterADeath: a process that was killed in an import leaves nothing behind, though no run was under way.
func TestAfterADeath(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	j, err := OpenSQLite(t.Context(), file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	im := &importer{journal: j, line: 1, ctx: t.Context(), sources: map[string]int64{}}
	if err := im.take([]byte(`{"twinbookRuns":1}`)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "another"} {
		sum := sha256.Sum256([]byte(text))
		if err := im.source(sourceRecord{Hash: hex.EncodeToString(sum[:]), Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	other, err := OpenSQLite(t.Context(), file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.sweep(t.Context())
	if n := rows(t, other, "sources"); n != 2 {
		t.Errorf("%d sources during the import, want 2", n)
	}
	if err := j.writer.seat.lock.Close(); err != nil { // as a death does
		t.Fatal(err)
	}
	other.sweep(t.Context())
	locks, err := filepath.Glob(file + "-driver-*")
	if err != nil || len(locks) != 1 || rows(t, other, "drivers") != 1 {
		t.Errorf("locks %v, %v, and %d drivers: somebody may still look at the file as it was before", locks, err, rows(t, other, "drivers"))
	}
	silence(t, other)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(locks[0], old, old); err != nil {
		t.Fatal(err)
	}
	other.sweep(t.Context())
	for _, table := range []string{"sources", "drivers", "remains"} {
		if n := rows(t, other, table); n != 0 {
			t.Errorf("%d rows of %s remain", n, table)
		}
	}
	if locks, err := filepath.Glob(file + "-driver-*"); err != nil || len(locks) != 0 {
		t.Errorf("locks %v, %v", locks, err)
	}
}

// silence has drivers that are gone be so for long.
func silence(t *testing.T, j *SQLite) {
	t.Helper()
	if err := j.write(t.Context(), sqlText("UPDATE drivers SET beat = 0 WHERE gone = 1")); err != nil {
		t.Fatal(err)
	}
}

// sqlText is a statement for the writer.
type sqlText string

func (sqlText) seated() bool { return false }

func (s sqlText) do(t *transaction) error {
	_, err := t.c.exec(string(s), []driver.Value{}...)
	return err
}
