//go:build unix

package journal_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// fires is how many times a schedule has in the tests with servers.
const fires = 60

func nominal(k int) time.Time { return time.Unix(1e9, 0).UTC().Add(time.Duration(k) * time.Minute) }

// serve is a server as far as the journal can see: it begins a run for each time of a schedule, unless another one has, and drives what
// nobody else does, a step at a time, until its input ends. It prints what was acknowledged.
func serve(t *testing.T, file string) {
	j := open(t, file, journal.Options{Lease: time.Second, Poll: 5 * time.Millisecond})
	var over atomic.Bool
	go func() {
		io.Copy(io.Discard, os.Stdin)
		over.Store(true)
	}()
	if err := j.KnowSchedules(t.Context(), nominal(-1), []journal.ScheduleState{{ID: "s", Spec: "* * * * *"}}); err != nil {
		fmt.Println("wrong schedules", err)
	}
	for k := 0; !over.Load(); k++ {
		if k < fires {
			fireOnce(t, j, k)
		}
		for run, err := range j.Adopt(t.Context()) {
			if err == nil {
				err = advance(t, j, run)
			}
			if err != nil {
				fmt.Println("wrong", run.ID, err)
			}
		}
		if k >= fires {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// fireOnce begins the run of a time, of which two may be under way, and one a device.
func fireOnce(t *testing.T, j *journal.SQLite, k int) {
	id := fmt.Sprint("r", k, "-", os.Getpid())
	_, err := j.Begin(t.Context(), asking(id, func(b *journal.Beginning) {
		b.Marks = []journal.Mark{{Scope: "schedule s", Name: nominal(k).Format(time.RFC3339)}}
		b.Fire = &journal.Fire{Schedule: "s", Nominal: nominal(k)}
		b.Slots = []engine.Slot{{Key: "schedule s", Limit: 2, WhenFull: engine.Queue}, {Key: fmt.Sprint("dev-", k%3), Limit: 1, WhenFull: engine.Queue}}
	}))
	var taken *journal.TakenError
	switch {
	case err == nil:
		fmt.Println("begun", k, id)
	case !errors.As(err, &taken):
		fmt.Println("wrong begin", err)
	}
}

// advance does the next step of a run, if it is not waiting for its turn.
func advance(t *testing.T, j *journal.SQLite, run journal.Run) error {
	if !run.Standing.Queued {
		events, err := j.Events(t.Context(), run.ID, 0)
		if err != nil {
			return err
		}
		if len(events) < 3 {
			return j.Append(t.Context(), run.ID, done("a"), journal.Standing{})
		}
		err = j.Append(t.Context(), run.ID, ended(), journal.Standing{})
		fmt.Println("ended", run.ID)
		return err
	}
	wishes, err := j.Wishes(t.Context(), run.ID)
	for _, w := range wishes {
		if w.Kind == engine.RunAdmitted {
			return j.Append(t.Context(), run.ID, []engine.Event{{Time: time.Now(), Kind: engine.RunAdmitted, Request: w.ID}}, journal.Standing{})
		}
	}
	return err
}

// TestKilledServers has servers with the same schedule share a journal, and kills them at any moment: each time gets one run, each
// run gets its turn and ends, and no place is held by two or by nobody.
func TestKilledServers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	begun := map[string]string{}
	servers := []*process{start(t, "server", file), start(t, "server", file), start(t, "server", file)}
	lines := 0
	hear := func(line string) {
		lines++
		var k, id string
		if _, err := fmt.Sscanf(line, "begun %s %s", &k, &id); err == nil {
			if begun[k] != "" {
				t.Errorf("time %s has the runs %s and %s", k, begun[k], id)
			}
			begun[k] = id
		} else if strings.HasPrefix(line, "wrong") {
			t.Error(line)
		}
	}
	j := open(t, file, journal.Options{})
	deadline := time.After(60 * time.Second)
	for kills := 0; ; {
		select {
		case line := <-servers[0].lines:
			hear(line)
		case line := <-servers[1].lines:
			hear(line)
		case line := <-servers[2].lines:
			hear(line)
		case <-deadline:
			t.Fatalf("not over within a minute: %d lines", lines)
		}
		if victim := kills % 3; lines > 15*(kills+1) && kills < 6 {
			kills++
			servers[victim].Process.Kill()
			for line := range servers[victim].lines {
				hear(line)
			}
			servers[victim] = start(t, "server", file)
			checkSlots(t, rawCopy(t, file))
		}
		if all, err := j.Runs(t.Context(), journal.Filter{Statuses: []engine.Status{engine.Succeeded}}); err != nil || len(all) == fires {
			if err != nil {
				t.Error(err)
			}
			break
		}
	}
	for _, s := range servers {
		s.in.Close()
		for line := range s.lines {
			hear(line)
		}
	}
	checkServed(t, file, begun)
}

// checkServed holds all runs against what was acknowledged, and against each other.
func checkServed(t *testing.T, file string, begun map[string]string) {
	j := open(t, file, journal.Options{})
	runs, err := j.Runs(t.Context(), journal.Filter{})
	if err != nil || len(runs) != fires {
		t.Errorf("%d runs, %v, want one for each of %d times", len(runs), err, fires)
	}
	there := map[string]bool{}
	for _, run := range runs {
		there[run.ID] = true
		if run.Ended.IsZero() {
			t.Errorf("it has not ended: %+v", run)
		}
	}
	for k, id := range begun {
		if !there[id] {
			t.Errorf("run %s of time %s was acknowledged, and is gone", id, k)
		}
	}
	if states, err := j.Schedules(t.Context()); err != nil || !states[0].Done.Equal(nominal(fires-1)) {
		t.Errorf("schedule %+v, %v", states, err)
	}
	db := rawCopy(t, file)
	checkSlots(t, db)
	var left, queued int
	if err := errors.Join(db.QueryRow("SELECT count(*) FROM slots").Scan(&left), db.QueryRow("SELECT count(*) FROM events WHERE CAST(body AS TEXT) LIKE '%runAdmitted%'").Scan(&queued)); err != nil || left > 0 || queued == 0 {
		t.Errorf("%d rows of slots are left, %d runs had waited, %v", left, queued, err)
	}
	// The rows of events are in the order of commits: between the one with which a run began and its last, no other one of its device has
	// any, and at most one other run has some.
	const held = `WITH held AS (SELECT r.id, max(e.key) AS last, coalesce(max(CASE WHEN CAST(e.body AS TEXT) LIKE '%runAdmitted%' THEN e.key END), min(e.key)) AS first
		FROM runs r JOIN events e ON e.run = r.key GROUP BY r.key) `
	for what, query := range map[string]string{
		"of a device": held + `SELECT count(*) FROM held a JOIN held b ON a.id < b.id AND a.first < b.last AND b.first < a.last
			WHERE CAST(substr(a.id, 2, instr(a.id, '-') - 2) AS INTEGER) % 3 = CAST(substr(b.id, 2, instr(b.id, '-') - 2) AS INTEGER) % 3`,
		"three at once": held + `SELECT count(*) FROM held a WHERE (SELECT count(*) FROM held b WHERE b.first <= a.first AND a.first < b.last) > 2`,
	} {
		var n int
		if err := db.QueryRow(query).Scan(&n); err != nil || n > 0 {
			t.Errorf("%d runs held a place beside others, %s: %v", n, what, err)
		}
	}
}
