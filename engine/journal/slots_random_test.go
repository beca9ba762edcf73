package journal_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/journal/journaltest"
)

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
	for seed := range uint64(6) {
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
				if n%3 == 0 {
					p.compare(t)
				}
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
