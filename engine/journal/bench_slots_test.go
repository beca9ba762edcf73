package journal_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// asking is a beginning that asks for what add puts into it.
func asking(id string, add func(*journal.Beginning)) journal.Beginning {
	start := &engine.RunStart{ID: id, Workflow: "reboot", File: "reboot.yaml", Hash: "abc", Inputs: map[string]any{"device": "dev-7"}}
	b := journal.Beginning{
		Events:  []engine.Event{{Time: time.Now(), Kind: engine.RunStarted, Start: start}},
		Sources: []journal.Source{{File: "reboot.yaml", Text: []byte("version: 1\nworkflow: reboot\n")}},
	}
	add(&b)
	return b
}

// BenchmarkBeginEnd is the begin and the end of a run, a hundred at a time: alone, with what a server asks for with it, and with
// slots of which each caller has one, so that the end of a run admits the next one.
func BenchmarkBeginEnd(b *testing.B) {
	for name, add := range map[string]func(*journal.Beginning, int){
		"plain": func(*journal.Beginning, int) {},
		"mark": func(b *journal.Beginning, _ int) {
			b.Marks = []journal.Mark{{Scope: "api", Name: b.Events[0].Start.ID, Until: time.Now().Add(24 * time.Hour)}}
		},
		"fire": func(b *journal.Beginning, caller int) {
			id := fmt.Sprint("w/", caller)
			b.Marks = []journal.Mark{{Scope: "schedule " + id, Name: b.Events[0].Start.ID}}
			b.Fire = &journal.Fire{Schedule: id, Nominal: time.Now()}
			b.Slots = []engine.Slot{{Key: "schedule " + id, Limit: 1, WhenFull: engine.Reject}}
		},
		"slot": func(b *journal.Beginning, caller int) {
			b.Slots = []engine.Slot{{Key: fmt.Sprint("dev-", caller), Limit: 1, WhenFull: engine.Queue}}
		},
	} {
		b.Run(name, func(b *testing.B) { beginAndEnd(b, 0, add) })
	}
	b.Run("turn", func(b *testing.B) {
		beginAndEnd(b, 1, func(b *journal.Beginning, caller int) {
			b.Slots = []engine.Slot{{Key: fmt.Sprint("dev-", caller), Limit: 1, WhenFull: engine.Queue}}
		})
	})
}

// beginAndEnd ends runs in the order in which they were begun, with so many of each caller waiting.
func beginAndEnd(b *testing.B, waiting int, add func(*journal.Beginning, int)) {
	const callers = 100
	j := open(b, filepath.Join(b.TempDir(), "journal.db"), journal.Options{})
	var known []journal.ScheduleState
	for i := range callers {
		known = append(known, journal.ScheduleState{ID: fmt.Sprint("w/", i), Spec: "@daily"})
	}
	if err := j.KnowSchedules(b.Context(), time.Now(), known); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			var line []string
			for n := i; n < b.N+waiting*callers; n += callers {
				id := fmt.Sprint("run-", n)
				if n < b.N {
					if _, err := j.Begin(b.Context(), asking(id, func(b *journal.Beginning) { add(b, i) })); err != nil {
						b.Error(err)
						return
					}
					line = append(line, id)
				}
				if len(line) > waiting || n >= b.N && len(line) > 0 {
					if err := j.Append(b.Context(), line[0], ended(), journal.Standing{}); err != nil {
						b.Error(err)
						return
					}
					line = line[1:]
				}
			}
		})
	}
	all.Wait()
	perSecond(b)
}

// BenchmarkOneLine has all runs wait in one line, and then one after the other ends and admits the next.
func BenchmarkOneLine(b *testing.B) {
	for _, limit := range []int{1, 1000} {
		b.Run(fmt.Sprint("limit=", limit), func(b *testing.B) {
			j := open(b, filepath.Join(b.TempDir(), "journal.db"), journal.Options{})
			const callers = 100
			each := func(do func(id string) error) float64 {
				began := time.Now()
				var all sync.WaitGroup
				for i := range callers {
					all.Go(func() {
						for n := i; n < b.N; n += callers {
							if err := do(fmt.Sprint("run-", n)); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
				return float64(b.N) / time.Since(began).Seconds()
			}
			b.ResetTimer()
			b.ReportMetric(each(func(id string) error {
				_, err := j.Begin(b.Context(), asking(id, func(b *journal.Beginning) {
					b.Slots = []engine.Slot{{Key: "k", Limit: limit, WhenFull: engine.Queue}}
				}))
				return err
			}), "begun/s")
			b.ReportMetric(each(func(id string) error { return j.Append(b.Context(), id, ended(), journal.Standing{}) }), "ended/s")
		})
	}
}

// BenchmarkStorm has each run replace the one before, as twins do that change at once.
func BenchmarkStorm(b *testing.B) {
	j := open(b, filepath.Join(b.TempDir(), "journal.db"), journal.Options{})
	const callers = 100
	b.ResetTimer()
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for n := i; n < b.N; n += callers {
				if _, err := j.Begin(b.Context(), asking(fmt.Sprint("run-", n), func(b *journal.Beginning) {
					b.Slots = []engine.Slot{{Key: "k", Limit: 1, WhenFull: engine.Replace}}
				})); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	perSecond(b)
}

// BenchmarkCounts is with 100,000 runs parked, and their driver alive.
func BenchmarkCounts(b *testing.B) {
	j := open(b, filepath.Join(b.TempDir(), "journal.db"), journal.Options{})
	beginMany(b, j, "", 100_000, journal.Standing{Parked: true})
	b.Run("counts", func(b *testing.B) {
		for b.Loop() {
			if n, err := j.Counts(b.Context()); err != nil || n.Parked != 100_000 {
				b.Fatal(n, err)
			}
		}
	})
	b.Run("orphans", func(b *testing.B) {
		for b.Loop() {
			if n, err := j.Orphans(b.Context()); err != nil || n != 0 {
				b.Fatal(n, err)
			}
		}
	})
}
