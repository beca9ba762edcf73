package schedule

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// BenchmarkThousandAtOnce is how late a thousand runs begin that are due in the same second, on a real clock and with a
// journal that keeps them.
func BenchmarkThousandAtOnce(b *testing.B) {
	b.Run("memory", func(b *testing.B) { benchmarkAtOnce(b, journal.NewMemory()) })
	b.Run("sqlite", func(b *testing.B) {
		store, err := journal.OpenSQLite(b.Context(), filepath.Join(b.TempDir(), "journal.db"), journal.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer store.Close()
		benchmarkAtOnce(b, store)
	})
}

// A benchStore is what the Book and a beginner need.
type benchStore interface {
	Store
	Begin(ctx context.Context, b journal.Beginning) (queued bool, err error)
}

func benchmarkAtOnce(b *testing.B, store benchStore) {
	const many = 1000
	late := make(chan time.Duration, many)
	book := New(Config{
		Store: store, Starter: &beginner{store: store}, Clock: clock.Real(),
		Observe: func(f Fired) {
			if f.Err != nil {
				b.Error(f.Err)
			}
			late <- f.Began.Sub(f.Due)
		},
	})
	book.Replace(manySchedules(b, many, "@every 1s"))
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- book.Run(ctx) }()
	var lates []time.Duration
	for b.Loop() {
		for range many {
			lates = append(lates, <-late)
		}
	}
	slices.Sort(lates)
	b.ReportMetric(float64(lates[len(lates)/2])/1e6, "ms-late-median")
	b.ReportMetric(float64(lates[len(lates)-1])/1e6, "ms-late-at-most")
	cancel()
	for {
		select {
		case <-late: // what was under way
		case <-ended:
			return
		}
	}
}

// BenchmarkIdle is what ten thousand schedules cost while none is due: processor time per second.
func BenchmarkIdle(b *testing.B) {
	store := journal.NewMemory()
	book := New(Config{Store: store, Starter: &beginner{store: store}, Clock: clock.Real(), Look: 250 * time.Millisecond})
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	book.Replace(manySchedules(b, 10_000, "0 0 1 1 *"))
	go func() { ended <- book.Run(ctx) }()
	time.Sleep(time.Second) // until all have been read
	before, began := processorTime(b), time.Now()
	for b.Loop() {
		time.Sleep(time.Second)
	}
	b.ReportMetric(100*(processorTime(b)-before).Seconds()/time.Since(began).Seconds(), "%-of-a-processor")
	cancel()
	<-ended
}

func manySchedules(b *testing.B, n int, cron string) []Schedule {
	var list []Schedule
	reader := new(Reader)
	for i := range n {
		s, err := reader.Read("w", &engine.Schedule{ID: fmt.Sprint(i), Cron: cron, Zone: "Europe/Berlin", Overlap: engine.OverlapAllow})
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// A beginner begins runs that do nothing.
type beginner struct {
	store benchStore
	runs  atomic.Int64
}

func (s *beginner) Fire(ctx context.Context, schedule Schedule, nominal time.Time, backfill bool) error {
	now := time.Now().UTC()
	a := schedule.Admission(nominal, now, backfill)
	id := fmt.Sprintf("run%d", s.runs.Add(1))
	events := []engine.Event{
		{Kind: engine.RunStarted, Time: now, Start: &engine.RunStart{ID: id, Workflow: schedule.Workflow}},
		{Kind: engine.RunEnded, Time: now, End: &engine.Outcome{Status: engine.Succeeded}},
	}
	_, err := s.store.Begin(ctx, journal.Beginning{Events: events, Marks: a.Marks, Fire: a.Fire, Slots: a.Slots})
	return err
}
