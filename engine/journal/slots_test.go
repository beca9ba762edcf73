package journal_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// enter begins a run with slots, and says whether it waits.
func enter(t *testing.T, j journal.Journal, id string, slots ...engine.Slot) bool {
	t.Helper()
	queued, err := j.Begin(t.Context(), asking(id, func(b *journal.Beginning) { b.Slots = slots }))
	if err != nil {
		t.Fatal(err)
	}
	return queued
}

// checkSlots holds the tables of slots against what must be true between any two commits.
func checkSlots(t *testing.T, db *sql.DB) {
	t.Helper()
	for what, query := range map[string]string{
		"rows of runs that have ended or are gone": `SELECT count(*) FROM slots WHERE run NOT IN (SELECT key FROM runs WHERE ended IS NULL)`,
		"runs that have two rows for a slot":       `SELECT count(*) FROM (SELECT 1 FROM slots GROUP BY run, name HAVING count(*) > 1)`,
		"slots with more holders than any of them allows": `SELECT count(*) FROM
			(SELECT 1 FROM slots WHERE state > 0 GROUP BY name HAVING count(*) > max(most))`,
		"runs that wait twice, or take a slot behind one that they wait for": `SELECT count(*) FROM slots w JOIN slots o ON o.run = w.run AND o.turn > w.turn WHERE w.state = 0`,
		"first ones of a line for whom there is a place": `SELECT count(*) FROM slots w WHERE state = 0 AND turn = (SELECT min(turn) FROM slots WHERE name = w.name AND state = 0)
			AND most > (SELECT count(*) FROM slots WHERE name = w.name AND state > 0)`,
		"queued runs that neither wait nor were told anything": `SELECT count(*) FROM runs WHERE queued = 1 AND key NOT IN (SELECT run FROM slots WHERE state = 0)
			AND key NOT IN (SELECT run FROM requests WHERE kind IN ('runAdmitted', 'cancelRequested'))`,
		"runs that wait and were told to begin": `SELECT count(*) FROM slots WHERE state = 0 AND run IN (SELECT run FROM requests WHERE kind = 'runAdmitted')`,
		"marks of runs that are not there":      `SELECT count(*) FROM marks WHERE run <> '' AND run NOT IN (SELECT id FROM runs)`,
	} {
		var n int
		if err := db.QueryRow(query).Scan(&n); err != nil || n > 0 {
			t.Errorf("%d %s, %v", n, what, err)
		}
	}
}

// rawCopy is the file of a journal that is in use, as it is now.
func rawCopy(t *testing.T, file string) *sql.DB {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy.db")
	db := raw(t, file)
	if _, err := db.Exec("VACUUM INTO ?", copied); err != nil {
		t.Fatal(err)
	}
	db.Close()
	return raw(t, copied)
}

func TestSlotsOfTwoProcesses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	quick := journal.Options{Poll: 5 * time.Millisecond}
	a, b := open(t, file, quick), open(t, file, quick)
	heard := make(chan journal.Request, 100)
	defer b.Listen(func(r journal.Request) { heard <- r })()
	k := engine.Slot{Key: "k", Limit: 1, WhenFull: engine.Queue}
	if enter(t, a, "r1", k) || !enter(t, b, "r2", k) || !enter(t, a, "r3", k) {
		t.Error("not the first, and only that, begins")
	}
	if err := a.Append(t.Context(), "r1", ended(), journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	r := hear(t, heard)
	if r.Run != "r2" || r.Kind != engine.RunAdmitted {
		t.Errorf("the other process hears %+v", r)
	}
	if err := b.Append(t.Context(), "r2", []engine.Event{{Time: time.Now(), Kind: r.Kind, Request: r.ID}}, journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	newest := k
	newest.WhenFull = engine.Replace
	if !enter(t, a, "r4", newest) {
		t.Error("two hold the place")
	}
	if r := hear(t, heard); r.Run != "r2" || r.Kind != engine.CancelRequested || r.Reason != "replaced by run r4" {
		t.Errorf("the other process hears %+v", r)
	}
	b.Close() // r2 holds its place until somebody goes on with it
	var full *journal.FullError
	_, err := a.Begin(t.Context(), asking("r5", func(b *journal.Beginning) { b.Slots = []engine.Slot{{Key: "k", Limit: 1, WhenFull: engine.Reject}} }))
	if !errors.As(err, &full) || !slices.Equal(full.Holders, []string{"r2"}) {
		t.Errorf("beside an orphan: %v", err)
	}
	if n, err := a.Orphans(t.Context()); err != nil || n != 1 {
		t.Errorf("%d orphans, %v, want r2", n, err)
	}
	if got := adopted(t, a); !strings.Contains(got, "r2") {
		t.Errorf("adopted %q", got)
	}
	if n, err := a.Orphans(t.Context()); err != nil || n != 0 {
		t.Errorf("%d orphans, %v", n, err)
	}
	if err := a.Append(t.Context(), "r2", ended(), journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	if wishes, err := a.Wishes(t.Context(), "r4"); err != nil || len(wishes) != 1 || wishes[0].Kind != engine.RunAdmitted {
		t.Errorf("wishes %+v, %v", wishes, err)
	}
	checkSlots(t, rawCopy(t, file))
}

// TestAnOrphanWaits: a queued run whose process is gone gets its place in turn, and keeps it until somebody goes on with it.
func TestAnOrphanWaits(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	a, b := open(t, file, journal.Options{}), open(t, file, journal.Options{Poll: 5 * time.Millisecond})
	k := engine.Slot{Key: "k", Limit: 1, WhenFull: engine.Queue}
	enter(t, b, "r1", k)
	enter(t, a, "r2", k)
	enter(t, b, "r3", k)
	a.Close()
	if err := b.Append(t.Context(), "r1", ended(), journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	if holders, err := b.Holders(t.Context(), "r3"); err != nil || len(holders) != 1 || !slices.Equal(holders[0].Runs, []string{"r2"}) {
		t.Errorf("r3 waits for %+v, %v", holders, err)
	}
	heard := make(chan journal.Request, 100)
	defer b.Listen(func(r journal.Request) { heard <- r })()
	if err := b.Claim(t.Context(), "r2"); err != nil {
		t.Fatal(err)
	}
	r := hear(t, heard)
	if r.Run != "r2" || r.Kind != engine.RunAdmitted {
		t.Errorf("heard %+v", r)
	}
	if again := hear(t, heard); again.ID != r.ID { // until it is answered
		t.Errorf("heard %+v, want %+v", again, r)
	}
}

// TestNobodyWaitsForThePoll: what happens in the same process is heard at once.
func TestNobodyWaitsForThePoll(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	a, b := open(t, file, journal.Options{Poll: time.Hour}), open(t, file, journal.Options{})
	k := engine.Slot{Key: "k", Limit: 1, WhenFull: engine.Queue}
	enter(t, b, "orphan", engine.Slot{Key: "another", Limit: 1, WhenFull: engine.Queue})
	enter(t, a, "r1", k)
	enter(t, a, "r2", k)
	heard := make(chan journal.Request, 100)
	defer a.Listen(func(r journal.Request) { heard <- r })()
	want := func(run string, kind engine.EventKind) {
		t.Helper()
		if r := hear(t, heard); r.Run != run || r.Kind != kind {
			t.Errorf("heard %+v, want %s of %s", r, kind, run)
		}
	}
	if err := b.Ask(t.Context(), journal.Request{Run: "orphan", Kind: engine.PauseRequested, Time: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := a.Append(t.Context(), "r1", ended(), journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	want("r2", engine.RunAdmitted)
	k.WhenFull = engine.Replace
	enter(t, a, "r3", k)
	want("r2", engine.CancelRequested)
	b.Close()
	adopted(t, a)
	want("orphan", engine.PauseRequested)
	if err := a.KnowSchedules(t.Context(), time.Now(), []journal.ScheduleState{{ID: "s"}}); err != nil {
		t.Fatal(err)
	}
	changed := make(chan bool, 1)
	defer a.ListenSchedules(func() { changed <- true })()
	if err := a.PauseSchedule(t.Context(), "s", true, "me", time.Now()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Error("that a schedule was paused is not heard within 10 s")
	}
}

// TestOnceOfTwoProcesses: of two servers with the same schedules, one begins each run.
func TestOnceOfTwoProcesses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	journals := []*journal.SQLite{open(t, file, journal.Options{}), open(t, file, journal.Options{})}
	now := time.Unix(1e9, 0)
	const fires, callers = 40, 3
	var begun [fires]atomic.Int64
	var all sync.WaitGroup
	for i, j := range journals {
		if err := j.KnowSchedules(t.Context(), now, []journal.ScheduleState{{ID: "s", Spec: "* * * * *"}}); err != nil {
			t.Fatal(err)
		}
		for c := range callers {
			all.Go(func() {
				for k := range fires {
					nominal := now.Add(time.Duration(k+1) * time.Minute)
					_, err := j.Begin(t.Context(), asking(fmt.Sprint("r", k, "-", i, "-", c), func(b *journal.Beginning) {
						b.Marks = []journal.Mark{{Scope: "schedule s", Name: nominal.UTC().Format(time.RFC3339)}}
						b.Fire = &journal.Fire{Schedule: "s", Nominal: nominal}
					}))
					var taken *journal.TakenError
					switch {
					case err == nil:
						begun[k].Add(1)
					case !errors.As(err, &taken) || !strings.HasPrefix(taken.Mark.Run, fmt.Sprint("r", k, "-")):
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	for k := range fires {
		if n := begun[k].Load(); n != 1 {
			t.Errorf("time %d has %d runs", k, n)
		}
	}
	for _, j := range journals {
		states, err := j.Schedules(t.Context())
		if err != nil || len(states) != 1 || !states[0].Done.Equal(now.Add(fires*time.Minute)) || !states[0].Since.Equal(now) {
			t.Errorf("%+v, %v", states, err)
		}
	}
	checkSlots(t, rawCopy(t, file))
}

func TestChangesOfSchedulesReachOtherProcesses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	a, b := open(t, file, journal.Options{Poll: 5 * time.Millisecond}), open(t, file, journal.Options{})
	if err := a.KnowSchedules(t.Context(), time.Now(), []journal.ScheduleState{{ID: "s", Spec: "@daily"}}); err != nil {
		t.Fatal(err)
	}
	heard := make(chan bool, 100)
	defer a.ListenSchedules(func() { heard <- true })()
	asked := journal.Backfill{From: time.Unix(1e9, 0), To: time.Unix(2e9, 0), By: "me", Asked: time.Now()}
	for what, change := range map[string]func() error{
		"pause": func() error { return b.PauseSchedule(t.Context(), "s", true, "me", time.Now()) },
		"backfill": func() error {
			_, err := b.AskBackfill(t.Context(), "s", asked)
			return err
		},
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s is not heard within 10 s", what)
		}
	}
	if states, err := a.Schedules(t.Context()); err != nil || !states[0].Paused || len(states[0].Backfills) != 1 || states[0].Backfills[0].By != "me" {
		t.Errorf("%+v, %v", states, err)
	}
}
