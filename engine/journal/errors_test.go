package journal_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

func done(at string) []engine.Event {
	return []engine.Event{{Time: time.Unix(1e9, 0), Kind: engine.StepDone, At: engine.Address(at), Value: strings.Repeat(at, 20)}}
}

func ended() []engine.Event {
	return []engine.Event{{Time: time.Now(), Kind: engine.RunEnded, End: &engine.Outcome{Status: engine.Succeeded}}}
}

// wantWords holds an error against parts of its text.
func wantWords(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one that says %q", parts)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

// raw opens a file as SQLite alone has it.
func raw(t testing.TB, file string, statements ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func TestFilesThatAreNoJournals(t *testing.T) {
	for name, c := range map[string]struct {
		make  func(t *testing.T, file string)
		words []string
	}{
		"text": {func(t *testing.T, file string) { write(t, file, []byte(strings.Repeat("some text ", 1000))) }, []string{"it is no journal", "choose another file"}},
		"of another program": {func(t *testing.T, file string) { raw(t, file, "CREATE TABLE t (a)").Close() },
			[]string{"it is a database of another program", "choose another file"}},
		"marked by another": {func(t *testing.T, file string) { raw(t, file, "PRAGMA application_id = 7").Close() }, []string{"another program"}},
		"newer": {func(t *testing.T, file string) {
			open(t, file, journal.Options{}).Close()
			raw(t, file, "PRAGMA user_version = 99").Close()
		}, []string{"a newer twinbook", "version 99", "update twinbook"}},
		"without its version": {func(t *testing.T, file string) {
			open(t, file, journal.Options{}).Close()
			raw(t, file, "PRAGMA user_version = 0").Close()
		}, []string{"version was removed", "restore it from a backup"}},
		"a folder": {func(t *testing.T, file string) {
			if err := os.Mkdir(file, 0o700); err != nil {
				t.Fatal(err)
			}
		}, []string{"it is no file", "choose another file"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "journal.db")
			c.make(t, file)
			before, _ := os.ReadFile(file)
			for _, readOnly := range []bool{false, true} {
				_, err := journal.OpenSQLite(t.Context(), file, journal.Options{ReadOnly: readOnly})
				wantWords(t, err, append(c.words, "journal "+file)...)
			}
			if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func write(t testing.TB, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPlacesWhereNoFileCanBe(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), nil)
	_, err := journal.OpenSQLite(t.Context(), filepath.Join(dir, "file", "below", "journal.db"), journal.Options{})
	wantWords(t, err, "journal "+dir, "not a directory", "choose another file")
	_, err = journal.OpenSQLite(t.Context(), filepath.Join(dir, strings.Repeat("long", 70)), journal.Options{})
	wantWords(t, err, "journal "+dir, "choose another file")
	loop := filepath.Join(dir, "loop")
	if os.Symlink(loop, loop) == nil {
		_, err = journal.OpenSQLite(t.Context(), loop, journal.Options{})
		wantWords(t, err, "journal "+loop, "choose another file")
	}
	_, err = journal.OpenSQLite(t.Context(), filepath.Join(dir, "nothing"), journal.Options{ReadOnly: true})
	wantWords(t, err, "no such file", "choose another file")
}

// TestNoLock: a driver that cannot have its lock is told why and what to do, and leaves nothing.
func TestNoLock(t *testing.T) {
	name := "journal" + strings.Repeat("l", 240) // to which nothing fits but -wal and -shm
	file := filepath.Join(t.TempDir(), name)
	j := open(t, file, journal.Options{})
	start := engine.Event{Time: time.Now(), Kind: engine.RunStarted, Start: &engine.RunStart{ID: "r1"}}
	_, err := j.Begin(t.Context(), journal.Beginning{Events: []engine.Event{start}})
	wantWords(t, err, "journal "+file, "lock beside it", "choose another file")
}

func TestAnEmptyFileIsAnEmptyJournal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	write(t, file, nil)
	_, err := journal.OpenSQLite(t.Context(), file, journal.Options{ReadOnly: true})
	wantWords(t, err, "journal "+file, "it is empty", "twinbook run")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	begin(t, open(t, file, journal.Options{}), "r1", journal.Standing{})
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode %v, %v, want it for this user only", info.Mode(), err)
	}
}

func TestTheFileIsForItsUserOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "some?odd#name %41", "journal.db")
	j := open(t, file, journal.Options{})
	begin(t, j, "r1", journal.Standing{})
	for _, name := range []string{filepath.Dir(file), file, file + "-wal", file + "-shm"} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
	if j.File() != file {
		t.Errorf("file %s, want %s", j.File(), file)
	}
}

// mayNot says whether rights count: they do not for root.
func mayNot(t *testing.T, file string) {
	t.Helper()
	if f, err := os.OpenFile(file, os.O_RDWR, 0); err == nil {
		f.Close()
		t.Skip("this user may write everywhere")
	}
}

func TestFilesThatMayNotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	open(t, file, journal.Options{}).Close()
	if err := os.Chmod(file, 0o400); err != nil {
		t.Fatal(err)
	}
	mayNot(t, file)
	_, err := journal.OpenSQLite(t.Context(), file, journal.Options{})
	wantWords(t, err, "journal "+file, "cannot be written")
	if err := os.Chmod(file, 0); err != nil {
		t.Fatal(err)
	}
	_, err = journal.OpenSQLite(t.Context(), file, journal.Options{})
	wantWords(t, err, "journal "+file)
}

func TestReadingOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, file, journal.Options{})
	begin(t, j, "r1", journal.Standing{})
	look := func(readers ...*journal.SQLite) {
		t.Helper()
		for _, r := range readers {
			if events, err := r.Events(t.Context(), "r1", 0); err != nil || len(events) != 2 {
				t.Errorf("%d events, %v, want 2", len(events), err)
			}
			err := r.Append(t.Context(), "r1", done("a"), journal.Standing{})
			wantWords(t, err, "for reading only", file)
			wantWords(t, r.AppendLater("r1", done("a"), journal.Standing{}), "for reading only")
			wantWords(t, r.Claim(t.Context(), "r1"), "for reading only")
			r.See("r1", journal.Sight{})
			r.Listen(func(journal.Request) {})()
		}
	}
	look(open(t, file, journal.Options{ReadOnly: true})) // beside one who writes
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	look(open(t, file, journal.Options{ReadOnly: true}))
}

func TestLockedByAnother(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	o := journal.Options{Patience: 50 * time.Millisecond}
	j := open(t, file, o)
	begin(t, j, "r1", journal.Standing{})
	db := raw(t, file, "BEGIN IMMEDIATE")
	err := j.Append(t.Context(), "r1", done("a"), journal.Standing{})
	wantWords(t, err, "journal "+file, "locked", "end that process, or try again later")
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), "r1", done("b"), journal.Standing{}); err != nil {
		t.Errorf("after it was let go: %v", err)
	}
	other := open(t, file, o)
	begin(t, other, "r2", journal.Standing{})
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	err = j.Append(t.Context(), "r1", done("c"), journal.Standing{})
	wantWords(t, err, fmt.Sprintf("process %d", os.Getpid())) // the only one that could be it
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if events, err := j.Events(t.Context(), "r1", 2); err != nil || len(events) != 1 || events[0].At != "b" {
		t.Errorf("events %+v, %v, want b alone", events, err)
	}
}

// TestOpeningWaitsForNobody: who writes for long keeps nobody from looking, and from opening a file that is up to date.
func TestOpeningWaitsForNobody(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	begin(t, open(t, file, journal.Options{}), "r1", journal.Standing{})
	defer raw(t, file, "BEGIN IMMEDIATE").Exec("ROLLBACK")
	for _, readOnly := range []bool{false, true} {
		j, err := journal.OpenSQLite(t.Context(), file, journal.Options{ReadOnly: readOnly, Patience: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Run(t.Context(), "r1"); err != nil {
			t.Error(err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
	fresh := filepath.Join(t.TempDir(), "fresh.db")
	defer raw(t, fresh, "PRAGMA journal_mode = WAL", "BEGIN IMMEDIATE").Exec("ROLLBACK")
	_, err := journal.OpenSQLite(t.Context(), fresh, journal.Options{Patience: time.Millisecond})
	wantWords(t, err, "journal "+fresh, "kept it locked", "try again later")
	if err != nil && strings.Contains(err.Error(), ".sql") {
		t.Errorf("%v names what only we know", err)
	}
}

// TestDamage changes bytes in every page of a journal: whatever is read then is right, or there is an error. Lines of
// the list have no sums, so only events are held against what they were.
func TestDamage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, file, journal.Options{})
	want := map[string][]engine.Event{}
	for i := range 20 {
		id := fmt.Sprint("r", i)
		begin(t, j, id, journal.Standing{})
		for k := range 6 {
			if err := j.Append(t.Context(), id, done(fmt.Sprint(id, "-", k)), journal.Standing{Parked: k%2 == 0}); err != nil {
				t.Fatal(err)
			}
		}
		events, err := j.Events(t.Context(), id, 0)
		if err != nil {
			t.Fatal(err)
		}
		want[id] = events
	}
	j.Close()
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	chance, silent := rand.New(rand.NewPCG(1, 2)), 0
	for p := range len(whole) / page {
		for range 2 {
			damaged := bytes.Clone(whole)
			for range 8 {
				damaged[p*page+chance.IntN(page)] ^= byte(1 + chance.IntN(255))
			}
			copied := filepath.Join(t.TempDir(), "journal.db")
			write(t, copied, damaged)
			if !t.Run(fmt.Sprint("page ", p), func(t *testing.T) { readDamaged(t, copied, want, &silent) }) {
				return
			}
		}
	}
	t.Logf("of %d pages, damage was not seen %d times", len(whole)/page, silent)
}

func readDamaged(t *testing.T, file string, want map[string][]engine.Event, silent *int) {
	j, err := journal.OpenSQLite(t.Context(), file, journal.Options{})
	if err != nil {
		wantWords(t, err, file)
		return
	}
	defer j.Close()
	seen := false
	for id, events := range want {
		got, err := j.Events(t.Context(), id, 0)
		if err == nil && !reflect.DeepEqual(got, events) {
			t.Fatalf("run %s: wrong events without an error: %+v", id, got)
		}
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			wantWords(t, err, file)
		}
		seen = seen || err != nil
		_, runErr := j.Run(t.Context(), id)
		_, sourceErr := j.Sources(t.Context(), id)
		appendErr := j.Append(t.Context(), id, done("more"), journal.Standing{})
		seen = seen || runErr != nil || sourceErr != nil || appendErr != nil
	}
	if _, err := j.Runs(t.Context(), journal.Filter{}); err != nil {
		seen = true
	}
	if !seen {
		*silent++
	}
}

func TestCallersMistakes(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"), journal.Options{})
	begin(t, j, "r1", journal.Standing{})
	early := engine.Event{Time: time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC), Kind: engine.RunStarted, Start: &engine.RunStart{ID: "r2"}}
	_, err := j.Begin(t.Context(), journal.Beginning{Events: []engine.Event{early}})
	wantWords(t, err, "run r2", "the clock of this machine may be wrong")
	bad := []engine.Event{{Kind: engine.StepDone, At: "a#1", Value: func() {}}}
	wantWords(t, j.Append(t.Context(), "r1", bad, journal.Standing{}), "run r1", "stepDone", "a#1")
	j.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	wantWords(t, j.Append(ctx, "r1", done("a"), journal.Standing{}), "closed")
	wantWords(t, j.AppendLater("r1", done("a"), journal.Standing{}), "closed")
	_, err = j.Events(ctx, "r1", 0)
	wantWords(t, err, "closed")
}

func TestARemovedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, file, journal.Options{})
	begin(t, j, "r1", journal.Standing{})
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	wantWords(t, j.Append(t.Context(), "r1", done("a"), journal.Standing{}), file, "removed or replaced")
	write(t, file, nil)
	wantWords(t, j.Append(t.Context(), "r1", done("a"), journal.Standing{}), file, "removed or replaced")
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), "r1", done("a"), journal.Standing{}); err != nil {
		t.Errorf("put back: %v", err)
	}
}
