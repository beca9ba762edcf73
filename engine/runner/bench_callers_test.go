package runner

import (
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/clock"
)

// BenchmarkCallers is how many runs of three steps that must not happen twice a hundred callers begin and see end, on
// disk: what the HTTP API is built on; at least 2,000 a second. Beside it stands a bare loop of commits that insert as
// many rows of the same length, so many at a time as callers wait for.
func BenchmarkCallers(b *testing.B) {
	const callers = 100
	p := program(do("a", once), do("b", once), do("c", once))
	file := filepath.Join(b.TempDir(), "journal.db")
	j := openSQLite(b, file)
	r := New(Config{Clock: clock.Real(), Journal: j, Do: world{}.do, Program: always(p), Park: true})
	b.ReportAllocs()
	b.ResetTimer()
	began := time.Now()
	var all sync.WaitGroup
	var next atomic.Int64
	for range callers {
		all.Go(func() {
			for next.Add(1) <= int64(b.N) {
				h, err := r.StartAs(b.Context(), p, engine.RunStart{}, Admission{})
				if err != nil {
					b.Error(err)
					return
				}
				if outcome, err := h.Wait(b.Context()); err != nil || outcome.Status != engine.Succeeded {
					b.Error(outcome, err)
				}
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	b.StopTimer()
	closeSQLite(b, j)
	const records = 8 // of a run: its start and end, and that each step began and is done
	bare := floor(b, filepath.Join(b.TempDir(), "floor.db"), totalSize(b, file)/(records*b.N), 2*callers, records*b.N)
	b.ReportMetric(float64(b.N)/took.Seconds(), "runs/s")
	b.ReportMetric(float64(b.N)/bare.Seconds(), "floor-runs/s")
	b.ReportMetric(100*bare.Seconds()/took.Seconds(), "%-of-floor")
}
