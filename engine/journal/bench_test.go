package journal_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// step is what a step of delivery once appends: how the one before ended, and that the next one begins.
func step(i int) []engine.Event {
	at := engine.Address(fmt.Sprint("rollout[", i, "]/reboot#1"))
	return []engine.Event{
		{Time: time.Now(), Kind: engine.StepDone, At: at, Value: map[string]any{"status": 200.0, "payload": map[string]any{"ok": true}}},
		{Time: time.Now(), Kind: engine.StepStarted, At: at, Device: "dev-7", Params: map[string]any{"device": "dev-7", "method": "reboot"}},
	}
}

// rowSize is how long a row of step is in the file.
const rowSize = 300

// BenchmarkFloor is a bare loop of prepared inserts, with so many rows a commit: what the disk and SQLite can do.
func BenchmarkFloor(b *testing.B) {
	for _, group := range []int{1, 50, 100, 500} {
		b.Run(fmt.Sprintf("group=%d", group), func(b *testing.B) {
			db, err := sql.Open("sqlite", filepath.Join(b.TempDir(), "floor.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			db.SetMaxOpenConns(1)
			if _, err := db.Exec("CREATE TABLE rows (key INTEGER PRIMARY KEY, run INTEGER, seq INTEGER, body BLOB)"); err != nil {
				b.Fatal(err)
			}
			insert, err := db.Prepare("INSERT INTO rows (run, seq, body) VALUES (?, ?, ?)")
			if err != nil {
				b.Fatal(err)
			}
			body := make([]byte, rowSize)
			b.ResetTimer()
			for done := 0; done < b.N; {
				tx, err := db.Begin()
				if err != nil {
					b.Fatal(err)
				}
				in := tx.Stmt(insert)
				for range min(group, b.N-done) {
					if _, err := in.Exec(done%group, done/group, body); err != nil {
						b.Fatal(err)
					}
					done++
				}
				if err := tx.Commit(); err != nil {
					b.Fatal(err)
				}
			}
			perSecond(b)
		})
	}
}

func perSecond(b *testing.B) { b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s") }

// BenchmarkAppend is a step's append by so many runs at once; hold it against BenchmarkFloor of the same group.
func BenchmarkAppend(b *testing.B) {
	for _, runs := range []int{1, 50, 500} {
		b.Run(fmt.Sprintf("runs=%d", runs), func(b *testing.B) {
			file := filepath.Join(b.TempDir(), "journal.db")
			j := open(b, file, journal.Options{})
			var all sync.WaitGroup
			for i := range runs {
				begin(b, j, fmt.Sprint("run-", i), journal.Standing{})
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range runs {
				all.Go(func() {
					id := fmt.Sprint("run-", i)
					for k := i; k < b.N; k += runs {
						if err := j.Append(b.Context(), id, step(k), journal.Standing{}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			perSecond(b)
			if log, err := os.Stat(file + "-wal"); err == nil {
				b.ReportMetric(float64(log.Size())/(1<<20), "MiB-of-log")
			}
		})
	}
}

func begin(t testing.TB, j journal.Journal, id string, s journal.Standing) {
	t.Helper()
	start := &engine.RunStart{ID: id, Workflow: "reboot", File: "reboot.yaml", Hash: "abc", Inputs: map[string]any{"device": "dev-7"}}
	events := []engine.Event{
		{Time: time.Now(), Kind: engine.RunStarted, Start: start},
		{Time: time.Now(), Kind: engine.StepStarted, At: "wait#1", Params: map[string]any{"until": "twin.reported.version == '2'"}, Device: "dev-7"},
	}
	source := journal.Source{File: "reboot.yaml", Text: []byte("version: 1\nworkflow: reboot\n")}
	if _, err := j.Begin(context.Background(), journal.Beginning{Events: events, Sources: []journal.Source{source}, Standing: s}); err != nil {
		t.Error(err)
	}
}

// BenchmarkSync is one fdatasync of this disk: the floor of one append alone.
func BenchmarkSync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	for b.Loop() {
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBeginParked is the start of a run that parks at once, and what it takes on disk; its source is kept once.
// With -benchtime 100000x it is 100,000 of them.
func BenchmarkBeginParked(b *testing.B) {
	file := filepath.Join(b.TempDir(), "journal.db")
	j := open(b, file, journal.Options{})
	b.ReportAllocs()
	b.ResetTimer()
	beginMany(b, j, "", b.N, journal.Standing{Parked: true, Wake: time.Now().Add(24 * time.Hour)})
	perSecond(b)
	b.StopTimer()
	j.Close()
	info, err := os.Stat(file)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/float64(b.N), "bytes/run")
}

// beginMany begins n runs, a hundred at a time.
func beginMany(b *testing.B, j *journal.SQLite, name string, n int, s journal.Standing) {
	const callers = 100
	var all sync.WaitGroup
	now := time.Now()
	for i := range callers {
		all.Go(func() {
			for k := i; k < n; k += callers {
				begin(b, j, name+journal.NewID(now.Add(time.Duration(k)*time.Millisecond)), s)
			}
		})
	}
	all.Wait()
}

// BenchmarkAdopt is what a process does first after another one died with 10,000 runs under way and 100,000 parked: until
// it has the first of them, and until it has all.
func BenchmarkAdopt(b *testing.B) {
	file := filepath.Join(b.TempDir(), "journal.db")
	j := open(b, file, journal.Options{})
	beginMany(b, j, "p", 100_000, journal.Standing{Parked: true, Wake: time.Now()})
	beginMany(b, j, "a", 10_000, journal.Standing{})
	j.Close()
	var first time.Duration
	for b.Loop() {
		began, n := time.Now(), 0
		j, err := journal.OpenSQLite(b.Context(), file, journal.Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range j.Adopt(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
			if n++; n == 1 {
				first += time.Since(began)
			}
		}
		if n != 110_000 {
			b.Fatalf("%d runs, want 110,000", n)
		}
		j.Close()
	}
	b.ReportMetric(float64(first.Milliseconds())/float64(b.N), "ms/first")
}
