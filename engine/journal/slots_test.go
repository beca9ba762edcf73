package journal_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/journal/journaltest"
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

// A pair is a journal in memory and two processes with one file, which must always say the same.
type pair struct {
	memory *journal.Memory
	files  []*journal.SQLite
	chance *rand.Rand
	open   []string // runs that have not ended
	driver map[string]*journal.SQLite
}

// TestSlotsAtRandom has runs begin with slots at random, and end at random, in memory and in a file that two processes share: who
// waits, for whom, and who is told what must be the same.
func TestSlotsAtRandom(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "journal.db")
			p := &pair{
				memory: journal.NewMemory(), files: []*journal.SQLite{open(t, file, journal.Options{}), open(t, file, journal.Options{})},
				chance: rand.New(rand.NewPCG(seed, 1)), driver: map[string]*journal.SQLite{},
			}
			for n := range 120 {
				if p.chance.IntN(5) < 3 || len(p.open) == 0 {
					p.begin(t, fmt.Sprint("r", n))
				} else {
					p.end(t)
				}
				p.compare(t)
				if t.Failed() {
					t.Fatalf("after %d", n)
				}
			}
			checkSlots(t, rawCopy(t, file))
			for len(p.open) > 0 {
				p.end(t)
			}
			var left int
			if err := rawCopy(t, file).QueryRow("SELECT count(*) FROM slots").Scan(&left); err != nil || left > 0 {
				t.Errorf("%d rows of slots are left, %v", left, err)
			}
		})
	}
}

func (p *pair) begin(t *testing.T, id string) {
	var slots []engine.Slot
	for range p.chance.IntN(4) {
		slots = append(slots, engine.Slot{
			Key: fmt.Sprint("k", p.chance.IntN(3)), Limit: p.chance.IntN(4),
			WhenFull: []engine.WhenFull{engine.Queue, engine.Queue, engine.Queue, engine.Reject, engine.Replace}[p.chance.IntN(5)],
		})
	}
	slices.SortStableFunc(slots, func(a, b engine.Slot) int { return strings.Compare(a.Key, b.Key) }) // in one order, so that none waits in a circle
	file := p.files[p.chance.IntN(2)]
	b := asking(id, func(b *journal.Beginning) { b.Slots = slots })
	b.Events[0].Time = time.Unix(1e9, 0)
	c := b
	c.Events = slices.Clone(b.Events)
	queued1, err1 := p.memory.Begin(t.Context(), b)
	queued2, err2 := file.Begin(t.Context(), c)
	if queued1 != queued2 || fmt.Sprint(err1) != fmt.Sprint(err2) {
		t.Fatalf("%s with %+v: %v, %v in memory, %v, %v in the file", id, slots, queued1, err1, queued2, err2)
	}
	if err1 == nil {
		p.open = append(p.open, id)
		p.driver[id] = file
	}
}

// end ends a run: one that has begun, or one that waits.
func (p *pair) end(t *testing.T) {
	i := p.chance.IntN(len(p.open))
	id := p.open[i]
	p.open = slices.Delete(p.open, i, i+1)
	for _, j := range []journal.Journal{p.memory, p.driver[id]} {
		if err := j.Append(t.Context(), id, ended(), journal.Standing{}); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *pair) compare(t *testing.T) {
	words := func(j journaltest.Journal) string {
		var all strings.Builder
		wishes, err := j.Wishes(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range wishes {
			fmt.Fprintln(&all, w.ID, w.Run, w.Kind, w.Reason)
		}
		for _, id := range p.open {
			holders, err := j.Holders(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			run, err := j.Run(t.Context(), id)
			fmt.Fprintln(&all, id, run.Standing, err, holders)
		}
		return all.String()
	}
	if memory, file := words(p.memory), words(p.files[p.chance.IntN(2)]); memory != file {
		t.Errorf("in memory\n%s\nin the file\n%s", memory, file)
	}
}
