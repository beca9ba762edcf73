package runner

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// rounds is a workflow whose every round is a repeatable step of two expressions: two records, one of the step before
// that is done and one of the next that begins.
const rounds = `
version: 1
workflow: rounds
inputs:
  rounds: { type: integer }
steps:
- id: all
  repeat:
    until: index + 1 >= inputs.rounds
    max: 1000000
    steps:
    - id: call
      write: "${{ 'round ' + string(index) + ' of ' + string(inputs.rounds) }}"
`

func roundsProgram(b *testing.B) *engine.Program {
	b.Helper()
	types := engine.NewTypes(repeatable)
	p, problems := engine.Compile("rounds.yaml", []byte(rounds), engine.Options{Types: types})
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	return p
}

// BenchmarkDurableSteps is how many records of steps (that it began, that it is done) many runs at once bring to the
// disk, through planner and expressions, beside a bare loop of inserts with rows as long as a record, and as many of them
// in a commit as there are runs. At least half as many with 50 runs, 70 % with 500.
func BenchmarkDurableSteps(b *testing.B) {
	p := roundsProgram(b)
	for _, runs := range []int{50, 500} {
		b.Run(fmt.Sprintf("runs=%d", runs), func(b *testing.B) {
			file := filepath.Join(b.TempDir(), "journal.db")
			each := max(b.N/runs, 1)
			b.ResetTimer()
			took := durableSteps(b, file, p, runs, each)
			b.StopTimer()
			records := 2 * runs * each
			size := totalSize(b, file) / records
			bare := floor(b, filepath.Join(b.TempDir(), "floor.db"), size, runs, records)
			b.ReportMetric(float64(records)/took.Seconds(), "records/s")
			b.ReportMetric(float64(records)/bare.Seconds(), "floor-records/s")
			b.ReportMetric(100*bare.Seconds()/took.Seconds(), "%-of-floor")
			b.ReportMetric(float64(size), "bytes/record")
		})
	}
}

// durableSteps has so many runs each do so many rounds.
func durableSteps(b *testing.B, file string, p *engine.Program, runs, each int) time.Duration {
	b.Helper()
	j := openSQLite(b, file)
	defer closeSQLite(b, j)
	r := New(Config{Clock: clock.Real(), Journal: j, Do: world{}.do, Program: always(p), Park: true})
	began := time.Now()
	var all sync.WaitGroup
	for range runs {
		all.Go(func() {
			h, err := r.Start(b.Context(), p, engine.RunStart{Inputs: map[string]any{"rounds": each}})
			if err != nil {
				b.Error(err)
				return
			}
			if outcome, err := h.Wait(b.Context()); err != nil || outcome.Status != engine.Succeeded {
				b.Error(outcome, outcome.Error, err)
			}
		})
	}
	all.Wait()
	return time.Since(began)
}

func openBare(b *testing.B, file string) *sql.DB {
	b.Helper()
	db, err := sql.Open("sqlite", file+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

// totalSize is how long all events in a journal are.
func totalSize(b *testing.B, file string) int {
	b.Helper()
	db := openBare(b, file)
	defer db.Close()
	var size int
	if err := db.QueryRow("SELECT sum(length(body)) FROM events").Scan(&size); err != nil {
		b.Fatal(err)
	}
	return size
}

// floor inserts rows of a size, so many in a commit.
func floor(b *testing.B, file string, size, group, rows int) time.Duration {
	b.Helper()
	db := openBare(b, file)
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE rows (key INTEGER PRIMARY KEY, run INTEGER, seq INTEGER, body BLOB)"); err != nil {
		b.Fatal(err)
	}
	insert, err := db.Prepare("INSERT INTO rows (run, seq, body) VALUES (?, ?, ?)")
	if err != nil {
		b.Fatal(err)
	}
	body := make([]byte, size)
	began := time.Now()
	for done := 0; done < rows; {
		tx, err := db.Begin()
		if err != nil {
			b.Fatal(err)
		}
		in := tx.Stmt(insert)
		for range min(group, rows-done) {
			if _, err := in.Exec(done%group, done/group, body); err != nil {
				b.Fatal(err)
			}
			done++
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began)
}

// BenchmarkTenSteps is a run of ten repeatable steps one after another, beside twelve times bringing a page to the same
// disk, one at a time; its median is to be at most 1.5 times as long.
func BenchmarkTenSteps(b *testing.B) {
	var steps []*engine.Step
	for i := range 10 {
		steps = append(steps, do(fmt.Sprint("s", i), repeatable))
	}
	p, dir := program(steps...), b.TempDir()
	j := openSQLite(b, filepath.Join(dir, "journal.db"))
	defer closeSQLite(b, j)
	r := New(Config{Clock: clock.Real(), Journal: j, Do: world{}.do, Program: always(p), Park: true})
	bare, err := os.Create(filepath.Join(dir, "bare"))
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	var runs, syncs []time.Duration
	for b.Loop() {
		began := time.Now()
		h, err := r.Start(b.Context(), p, engine.RunStart{})
		if err != nil {
			b.Fatal(err)
		}
		if outcome, err := h.Wait(b.Context()); err != nil || outcome.Status != engine.Succeeded {
			b.Fatal(outcome, err)
		}
		runs = append(runs, time.Since(began))
		began = time.Now()
		for range 12 {
			toDisk(b, bare)
		}
		syncs = append(syncs, time.Since(began))
	}
	run, sync := median(runs), median(syncs)
	b.ReportMetric(float64(run.Microseconds()), "run-µs")
	b.ReportMetric(float64(sync.Microseconds()), "12-syncs-µs")
	b.ReportMetric(float64(run)/float64(sync), "times-the-syncs")
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// counted is a journal that counts what is waited for, each of which is a commit where nobody else does anything.
type counted struct {
	journal.Journal
	commits int
}

func (j *counted) Begin(ctx context.Context, b journal.Beginning) (bool, error) {
	j.commits++
	return j.Journal.Begin(ctx, b)
}

func (j *counted) Append(ctx context.Context, run string, events []engine.Event, s journal.Standing) error {
	j.commits++
	return j.Journal.Append(ctx, run, events, s)
}

// TestWhatARunCosts says how many commits a run of ten steps waits for.
func TestWhatARunCosts(t *testing.T) {
	for _, c := range []struct {
		name string
		step func(id string) *engine.Step
		want int
	}{
		{"Once", func(id string) *engine.Step { return do(id, once) }, 11},
		{"Repeatable", func(id string) *engine.Step { return do(id, repeatable) }, 11},
		{"Reads", func(id string) *engine.Step { return do(id, read) }, 2},
		{"Pure", func(id string) *engine.Step { return do(id, engine.Set, text(literal(map[string]any{}))) }, 1},
		{"Sleeps", func(id string) *engine.Step { return sleep(id, "1h") }, 11},
		{"Waits", func(id string) *engine.Step { return do(id, await) }, 11},
	} {
		t.Run(c.name, func(t *testing.T) {
			var steps []*engine.Step
			for i := range 10 {
				steps = append(steps, c.step(fmt.Sprint("s", i)))
			}
			p, j := program(steps...), &counted{Journal: journal.NewMemory()}
			virtual(t, start, func(ctx context.Context, c *clock.Loop) {
				b := newBells()
				r := New(Config{Clock: c, Journal: j, Do: world{}.do, Watch: b.watch, Program: always(p), Park: true})
				h, err := r.Start(ctx, p, engine.RunStart{ID: "r1"})
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range steps {
					if s.Do.Type == await {
						clock.Sleep(ctx, c, time.Minute)
						b.ring(engine.Address(s.ID + "#1"))
					}
				}
				if outcome, err := h.Wait(ctx); err != nil || outcome.Status != engine.Succeeded {
					t.Fatal(outcome, outcome.Error, err)
				}
			})
			if j.commits != c.want {
				t.Errorf("%d commits, want %d", j.commits, c.want)
			}
		})
	}
}
