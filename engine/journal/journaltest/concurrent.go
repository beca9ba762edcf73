package journaltest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// atOnce runs f n times at the same time.
func atOnce(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

// batch is three events that belong together.
func batch(name string) []engine.Event { return []engine.Event{done(name), done(name), done(name)} }

func manyRunsAppend(t *testing.T, j journal.Journal) {
	const runs, appends = 16, 20
	atOnce(runs, func(i int) {
		id := fmt.Sprint("r", i)
		if _, err := j.Begin(t.Context(), beginning(begun(id), journal.Source{File: "f.yaml", Text: []byte("same")})); err != nil {
			t.Error(err)
			return
		}
		for k := range appends {
			if err := j.Append(t.Context(), id, batch(fmt.Sprint(id, "-", k)), journal.Standing{}); err != nil {
				t.Error(err)
			}
		}
	})
	for i := range runs {
		id := fmt.Sprint("r", i)
		checkBatches(t, read(t, j, id, 1), appends)
		for k, e := range read(t, j, id, 1) {
			if want := engine.Address(fmt.Sprint(id, "-", k/3)); e.At != want {
				t.Fatalf("run %s: event %d is %s, want %s", id, e.Seq, e.At, want)
			}
		}
	}
}

func manyAppendToOneRun(t *testing.T, j journal.Journal) {
	const writers, appends = 8, 20
	begin(t, j, "r1")
	atOnce(writers, func(i int) {
		for k := range appends {
			events := batch(fmt.Sprint(i, "-", k))
			if err := j.Append(t.Context(), "r1", events, journal.Standing{}); err != nil {
				t.Error(err)
			}
			if events[1].Seq != events[0].Seq+1 || events[2].Seq != events[1].Seq+1 {
				t.Errorf("numbers %d %d %d of one append", events[0].Seq, events[1].Seq, events[2].Seq)
			}
		}
	})
	checkBatches(t, read(t, j, "r1", 1), writers*appends)
}

// checkBatches holds events against n whole batches, numbered from 2 without a gap.
func checkBatches(t *testing.T, events []engine.Event, n int) {
	t.Helper()
	if len(events) != 3*n {
		t.Fatalf("%d events, want %d", len(events), 3*n)
	}
	for i, e := range events {
		if e.Seq != int64(i)+2 {
			t.Fatalf("event %d has number %d", i+2, e.Seq)
		}
		if e.At != events[i/3*3].At {
			t.Fatalf("event %d: %s stands within the append of %s", e.Seq, e.At, events[i/3*3].At)
		}
	}
}

func readersSeeWholeAppends(t *testing.T, j journal.Journal) {
	const appends = 50
	begin(t, j, "r1")
	atOnce(2, func(i int) {
		for k := range appends {
			if i == 0 {
				if err := j.Append(t.Context(), "r1", batch(fmt.Sprint(k)), journal.Standing{}); err != nil {
					t.Error(err)
				}
				continue
			}
			events, err := j.Events(t.Context(), "r1", 1)
			if err != nil || len(events)%3 != 0 {
				t.Errorf("a reader sees %d events, %v, want whole appends of 3", len(events), err)
			}
		}
	})
}
