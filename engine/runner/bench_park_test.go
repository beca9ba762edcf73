package runner

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

const manyParked = 100_000

// blank is a journal that keeps nothing, so that what a runner holds can be weighed.
type blank struct{ journal.Journal }

func (blank) Begin(context.Context, journal.Beginning) (bool, error) { return false, nil }

func (blank) Listen(func(journal.Request)) func() { return func() {} }

// idle is the least that a watch can be.
func idle(_ engine.RunStart, _ engine.Command, _ func(string), answer func(any, error)) func(error) {
	return func(cause error) { answer(nil, cause) }
}

// BenchmarkParkedRun weighs a run that is parked: 100 bytes in a sleep, and beside its watch as little as
// possible in a wait.
func BenchmarkParkedRun(b *testing.B) {
	for _, step := range []*engine.Step{sleep("nap", "24h"), do("wait", await, timeout("24h"))} {
		b.Run(step.Action, func(b *testing.B) {
			p := program(step)
			for b.Loop() {
				ctx, stop := context.WithCancel(b.Context())
				before, goroutines := heapSize(), runtime.NumGoroutine()
				r := New(Config{Clock: clock.Real(), Journal: blank{}, Do: world{}.do, Watch: idle, Program: always(p), Park: true})
				for i := range manyParked {
					if _, err := r.Start(ctx, p, engine.RunStart{ID: fmt.Sprintf("%014d", i)}); err != nil {
						b.Fatal(err)
					}
				}
				allParked(b, r, manyParked)
				b.ReportMetric(float64(heapSize()-before)/manyParked, "bytes/run")
				b.ReportMetric(float64(runtime.NumGoroutine()-goroutines), "goroutines")
				stop()
				runtime.KeepAlive(r)
			}
			b.ReportMetric(manyParked*float64(b.N)/b.Elapsed().Seconds(), "starts/s")
		})
	}
}

func heapSize() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// allParked waits until so many runs are parked.
func allParked(b *testing.B, r *Runner, n int) {
	b.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		parked := 0
		r.mu.Lock()
		for _, t := range r.lots {
			parked += len(t.parked)
		}
		r.mu.Unlock()
		if parked == n {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("%d runs are parked, want %d", parked, n)
		}
	}
}

// BenchmarkStartParked begins runs that are parked at once, on disk, by many callers; at least 5,000 a second.
func BenchmarkStartParked(b *testing.B) {
	for _, step := range []*engine.Step{sleep("nap", "24h"), do("wait", await, timeout("24h"))} {
		b.Run(step.Action, func(b *testing.B) {
			j := openSQLite(b, filepath.Join(b.TempDir(), "journal.db"))
			defer closeSQLite(b, j)
			ctx, stop := context.WithCancel(b.Context())
			defer stop()
			p := program(step)
			r := New(Config{Clock: clock.Real(), Journal: j, Do: world{}.do, Watch: idle, Program: always(p), Park: true})
			b.ResetTimer()
			startMany(b, ctx, r, p, b.N, 256)
			allParked(b, r, b.N)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "starts/s")
		})
	}
}

// startMany begins n runs by so many callers at once.
func startMany(b *testing.B, ctx context.Context, r *Runner, p *engine.Program, n, callers int) {
	b.Helper()
	var all sync.WaitGroup
	var next atomic.Int64
	for range callers {
		all.Go(func() {
			for next.Add(1) <= int64(n) {
				if _, err := r.Start(ctx, p, engine.RunStart{}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkWakeAll has all parked runs come due at the same instant: at most some dozens are rebuilt at the
// same time, so memory stays where it was.
func BenchmarkWakeAll(b *testing.B) {
	p := program(sleep("nap", "24h"), do("a", read))
	for b.Loop() {
		c := clock.NewLoop(start)
		var before, most uint64
		var took time.Duration
		ended, inMemory := 0, 0
		err := c.Run(b.Context(), func(ctx context.Context) {
			var r *Runner
			var woken time.Time
			done := clock.NewPromise[bool](c)
			r = New(Config{Clock: c, Journal: journal.NewMemory(), Do: world{}.do, Program: always(p), Park: true, Observe: func(u Update) {
				if u.End == nil {
					return
				}
				if ended++; ended == manyParked {
					done.Resolve(true)
				}
				inMemory = max(inMemory, len(r.active))
				if ended%(manyParked/20) == 0 {
					most = max(most, heapSize())
				}
			}})
			for i := range manyParked {
				if _, err := r.Start(ctx, p, engine.RunStart{ID: fmt.Sprintf("%014d", i)}); err != nil {
					b.Fatal(err)
				}
				if i%100 == 0 {
					clock.Sleep(ctx, c, 0)
				}
			}
			clock.Sleep(ctx, c, time.Hour)
			before, woken = heapSize(), time.Now()
			done.Await(ctx)
			took = time.Since(woken)
		})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(manyParked/took.Seconds(), "woken/s")
		b.ReportMetric(float64(inMemory), "in-memory")
		b.ReportMetric((float64(most)-float64(before))/manyParked, "more-bytes/run")
	}
}

// BenchmarkRecover takes up what a killed process has left behind: 10,000 runs under way and 100,000 parked ones. The
// first step begins within a second.
func BenchmarkRecover(b *testing.B) {
	const active, asleep, alert = 10_000, 50_000, 50_000
	file := filepath.Join(b.TempDir(), "journal.db")
	programs := map[string]*engine.Program{}
	endless := func(ctx context.Context, _ engine.RunStart, _ engine.Command, _ func(string)) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	leave := func(name string, n int, step *engine.Step) {
		p := program(step, do("after", read))
		p.Source = []byte(name)
		programs[name] = p
		j := openSQLite(b, file)
		defer closeSQLite(b, j)
		ctx, stop := context.WithCancel(b.Context())
		r := New(Config{Clock: clock.Real(), Journal: j, Do: endless, Watch: idle, Program: always(p), Park: true})
		startMany(b, ctx, r, p, n, 256)
		if step.Action != repeatable.Name {
			allParked(b, r, n)
		}
		stop()
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			r.mu.Lock()
			left := len(r.active) + len(r.lots)
			r.mu.Unlock()
			if left == 0 {
				return
			}
		}
		b.Fatal("the runs do not stop")
	}
	leave("asleep", asleep, sleep("nap", "24h"))
	leave("alert", alert, do("wait", await, timeout("24h")))
	leave("active", active, do("set", repeatable))
	b.ResetTimer()
	for range b.N {
		began, first := time.Now(), make(chan time.Duration, 1)
		j := openSQLite(b, file)
		ctx, stop := context.WithCancel(b.Context())
		r := New(Config{
			Clock: clock.Real(), Journal: j, Watch: idle, Park: true,
			Program: func(s []journal.Source) (*engine.Program, error) { return programs[string(s[0].Text)], nil },
			Do: func(ctx context.Context, run engine.RunStart, c engine.Command, waiting func(string)) (any, error) {
				select {
				case first <- time.Since(began):
				default:
				}
				return endless(ctx, run, c, waiting)
			},
		})
		handles, err := r.Recover(ctx)
		if err != nil || len(handles) != active+asleep+alert {
			b.Fatal(len(handles), err)
		}
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "taken-up-ms")
		b.ReportMetric(float64((<-first).Milliseconds()), "first-ms")
		allParked(b, r, asleep+alert)
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "all-parked-ms")
		stop()
		closeSQLite(b, j)
	}
}
