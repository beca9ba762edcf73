package server

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/server/access"
)

type textParams struct {
	Text any `yaml:"text" short:"true" doc:"Anything."`
}

type valueResult struct {
	Value any `json:"value" doc:"Anything."`
}

// write is a durable step that needs no world: its intent and its answer are each in a commit that is waited for.
var write = engine.Define[struct{}, textParams, valueResult](engine.Spec{Name: "write", Delivery: engine.Repeatable, NoDevice: true}, nil).Type

const threeSteps = `
version: 1
workflow: three
inputs: { n: { type: integer, default: 0 } }
steps:
- { id: a, write: "${{ 'a' + string(inputs.n) }}" }
- { id: b, write: "${{ 'b' + string(inputs.n) }}" }
- { id: c, write: "${{ 'c' + string(inputs.n) }}" }
`

// A course is a server for benchmarks: only what a run needs, and word of each run's end.
type course struct {
	*Server
	file    string
	url     string
	journal *journal.SQLite
	gate    chan struct{} // a step of this id waits for it
	ends    sync.Map      // channels by run
	ended   atomic.Int64
	commits atomic.Int64
	tasks   atomic.Int64
}

func newCourse(b testing.TB, files map[string]string) *course {
	b.Helper()
	dir := b.TempDir()
	c := &course{file: filepath.Join(dir, "journal.db"), gate: make(chan struct{})}
	world := &testWorld{types: engine.NewTypes(write, engine.Set)}
	j, err := journal.OpenSQLite(b.Context(), c.file, journal.Options{Committed: func(d journal.Commit) {
		c.commits.Add(1)
		c.tasks.Add(int64(d.Tasks))
	}})
	if err != nil {
		b.Fatal(err)
	}
	c.journal = j
	runs, stop := context.WithCancel(context.Background())
	r := runner.New(runner.Config{
		Clock: clock.Real(), Journal: j, Park: true, Program: world.Stored,
		Do: func(ctx context.Context, _ engine.RunStart, do engine.Command, _ func(string)) (any, error) {
			if do.At == "gate#1" {
				select {
				case <-c.gate:
				case <-ctx.Done():
				}
			}
			return map[string]any{"value": "ok"}, nil
		},
		Observe: func(u runner.Update) {
			c.Server.Observe(u)
			if u.End != nil {
				c.ended.Add(1)
				if end, ok := c.ends.LoadAndDelete(u.Run); ok {
					close(end.(chan struct{}))
				}
			}
		},
	})
	gate, err := access.New(access.Config{})
	if err != nil {
		b.Fatal(err)
	}
	starter := &Starter{World: world, Runner: r, Clock: clock.Real(), Runs: runs, Library: openLibrary(b, filepath.Join(dir, "workflows"), files, world)}
	c.Server = New(Config{Starter: starter, Journal: j, Gate: gate})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	c.url = "http://" + l.Addr().String()
	h := c.HTTP()
	go h.Serve(l)
	b.Cleanup(func() {
		h.Shutdown(context.Background())
		stop()
		if err := j.Close(); err != nil {
			b.Error(err)
		}
	})
	return c
}

// post starts a run and gives its id.
func (c *course) post(client *http.Client, body string) (string, error) {
	answer, err := client.Post(c.url+"/api/v1/runs", "application/json", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var run struct{ ID string }
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusCreated {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	if err == nil {
		err = json.Unmarshal(text, &run)
	}
	return run.ID, err
}

// BenchmarkRunsThroughTheAPI is how many runs of three durable steps are begun through the API, by 100 clients, and
// brought to their ends, beside a bare loop that brings as many bytes to the same disk in as many rows, with as many of
// them in a commit as there are clients.
func BenchmarkRunsThroughTheAPI(b *testing.B) {
	const clients = 100
	c := newCourse(b, map[string]string{"three.yaml": threeSteps})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	began, cpu := time.Now(), cpuTime()
	for range clients {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if _, err := c.post(client, fmt.Sprintf(`{"workflow":"three","inputs":{"n":%d}}`, n)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	for c.ended.Load() < int64(b.N) && !b.Failed() {
		time.Sleep(time.Millisecond)
	}
	took, used := time.Since(began), cpuTime()-cpu
	b.StopTimer()
	rows, size := c.rows(b)
	bare := floor(b, filepath.Join(b.TempDir(), "floor.db"), size, clients, rows)
	b.ReportMetric(float64(b.N)/took.Seconds(), "runs/s")
	b.ReportMetric(float64(b.N)/bare.Seconds(), "floor-runs/s")
	b.ReportMetric(100*bare.Seconds()/took.Seconds(), "%-of-floor")
	b.ReportMetric(float64(rows)/float64(b.N), "rows/run")
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-µs/run")
	b.ReportMetric(float64(c.tasks.Load())/float64(c.commits.Load()), "tasks/commit")
}

// cpuTime is what this process has had of the machine, clients included, where the system says so: it tells more than the
// clock on a machine that others use as well.
func cpuTime() time.Duration {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}

// rows are how many rows of events there are, and how long they are.
func (c *course) rows(b *testing.B) (rows, size int) {
	b.Helper()
	db := openBare(b, c.file)
	defer db.Close()
	if err := db.QueryRow("SELECT count(*), avg(length(body)) FROM events").Scan(&rows, new(any)); err != nil {
		b.Fatal(err)
	}
	var mean float64
	if err := db.QueryRow("SELECT avg(length(body)) FROM events").Scan(&mean); err != nil {
		b.Fatal(err)
	}
	return rows, int(mean)
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

// A busy run: so many steps one after another, each with its intent and its answer in commits of their own.
const busy = `
version: 1
workflow: busy
steps:
- { id: gate, write: x }
- repeat:
    until: index + 1 >= 2000
    max: 2000
    steps:
    - { id: a, write: "${{ 'pass ' + string(index) }}" }
`

// BenchmarkReadersOfABusyRun is how long a run of 2,000 durable steps takes while so many clients read its events.
func BenchmarkReadersOfABusyRun(b *testing.B) {
	for _, readers := range []int{0, 1, 1000} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			c := newCourse(b, map[string]string{"busy.yaml": busy})
			var took time.Duration
			for b.Loop() {
				took += c.watched(b, readers)
			}
			b.ReportMetric(float64(took.Milliseconds())/float64(b.N), "ms/run")
		})
	}
}

// watched is how long a busy run takes from when all read it. Afterwards all have had all.
func (c *course) watched(b *testing.B, readers int) time.Duration {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	id, err := c.post(client, `{"workflow":"busy"}`)
	if err != nil {
		b.Fatal(err)
	}
	end := make(chan struct{})
	c.ends.Store(id, end)
	var all sync.WaitGroup
	for range readers {
		all.Go(func() {
			q, err := http.NewRequestWithContext(b.Context(), "GET", c.url+"/api/v1/runs/"+id+"/events", nil)
			if err != nil {
				b.Error(err)
				return
			}
			q.Header.Set("Accept", "text/event-stream")
			answer, err := client.Do(q)
			if err != nil {
				b.Error(err)
				return
			}
			defer answer.Body.Close()
			var last lastLine
			if _, err := io.Copy(&last, answer.Body); err != nil || !bytes.Contains(last.text, []byte(`"runEnded"`)) {
				b.Errorf("%s %v", last.text, err)
			}
		})
	}
	for c.watching() < readers {
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	c.gate <- struct{}{}
	<-end
	took := time.Since(began)
	all.Wait()
	return took
}

func (c *course) watching() int {
	c.feeds.mu.Lock()
	defer c.feeds.mu.Unlock()
	return c.feeds.readers
}

// lastLine keeps the end of what is written.
type lastLine struct{ text []byte }

func (l *lastLine) Write(p []byte) (int, error) {
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-1000):]
	return len(p), nil
}
