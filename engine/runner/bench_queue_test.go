package runner

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/clock"
)

// BenchmarkQueue is how many runs of one step a second get through a lock with eight places, on disk, all asked for at
// once: each is queued, parked, admitted, rebuilt and ended.
func BenchmarkQueue(b *testing.B) {
	p := locked(program(do("a", once)), 8, engine.Queue)
	j := openSQLite(b, filepath.Join(b.TempDir(), "journal.db"))
	defer closeSQLite(b, j)
	r := New(Config{Clock: clock.Real(), Journal: j, Do: world{}.do, Program: always(p), Park: true})
	b.ResetTimer()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			var handles []*Handle
			for range (b.N + 63) / 64 {
				h, err := r.Start(b.Context(), p, engine.RunStart{})
				if err != nil {
					b.Error(err)
					return
				}
				handles = append(handles, h)
			}
			for _, h := range handles {
				if o, err := h.Wait(b.Context()); err != nil || o.Status != engine.Succeeded {
					b.Error(o, err)
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
}
