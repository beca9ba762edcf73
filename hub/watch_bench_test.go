package hub_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

// BenchmarkWatches is 100,000 watches of as many twins that are read once each, and then stop. It
// reports what a watch holds meanwhile.
func BenchmarkWatches(b *testing.B) {
	const n = 100_000
	targets := make([]hub.Target, n)
	devices := make([]string, n)
	for i := range targets {
		devices[i] = fmt.Sprintf("dev-%06d", i)
		targets[i] = target(devices[i])
	}
	f := newFleet(clock.Real(), devices...)
	for b.Loop() {
		w := hub.NewWatcher(clock.Real(), f, hub.WatchOptions{ReadsPerSecond: 0.01})
		before := heap()
		stops := make([]func(), n)
		for i, t := range targets {
			stops[i] = w.Watch(t, func(hub.Twin, error) {})
		}
		b.ReportMetric(float64(heap()-before)/n, "B/watch")
		b.ReportMetric(float64(runtime.NumGoroutine()), "goroutines")
		for _, stop := range stops {
			stop()
		}
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
