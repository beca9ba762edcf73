package clock

import (
	"context"
	"testing"
	"time"
)

// A thousand parties sleep in turn: an op is one sleep.
func BenchmarkLoopSleep(b *testing.B) {
	b.ReportAllocs()
	onBenchLoop(b, func(ctx context.Context, c Clock) {
		left := b.N
		for i := range 1000 {
			c.Go(ctx, "sleeper", func(ctx context.Context) {
				for Sleep(ctx, c, time.Duration(i)*time.Millisecond) == nil && left > 0 {
					left--
				}
			})
		}
		for left > 0 {
			Sleep(ctx, c, time.Second)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sleeps/s")
}

// An op is a fleet of 100,000 parties that sleep five times each, all at once, from start to end.
func BenchmarkLoopFleet(b *testing.B) {
	const parties, sleeps = 100_000, 5
	b.ReportAllocs()
	for b.Loop() {
		onBenchLoop(b, func(ctx context.Context, c Clock) {
			left := parties
			done := NewPromise[bool](c)
			for i := range parties {
				c.Go(ctx, "device", func(ctx context.Context) {
					for range sleeps {
						Sleep(ctx, c, time.Duration(i%5000)*time.Millisecond)
					}
					if left--; left == 0 {
						done.Resolve(true)
					}
				})
			}
			done.Await(ctx)
		})
	}
	b.ReportMetric(float64(b.N)*parties*sleeps/b.Elapsed().Seconds(), "sleeps/s")
}

// An op is a party that asks another one and gets its answer.
func BenchmarkLoopRoundTrip(b *testing.B) { b.ReportAllocs(); onBenchLoop(b, roundTrips(b)) }

func BenchmarkLoopTimeout(b *testing.B) {
	b.ReportAllocs()
	onBenchLoop(b, func(ctx context.Context, c Clock) {
		for b.Loop() {
			_, cancel := c.WithTimeout(ctx, time.Second)
			cancel()
		}
	})
}

func BenchmarkRealRoundTrip(b *testing.B) {
	b.ReportAllocs()
	roundTrips(b)(b.Context(), Real())
}

// An op is a promise made, resolved and awaited without a switch: the overhead alone.
func BenchmarkRealPromise(b *testing.B) {
	b.ReportAllocs()
	c, ctx := Real(), b.Context()
	for b.Loop() {
		p := NewPromise[int](c)
		p.Resolve(1)
		p.Await(ctx)
	}
}

func BenchmarkRealAfterStop(b *testing.B) {
	b.ReportAllocs()
	c := Real()
	for b.Loop() {
		c.After(time.Hour, func() {})()
	}
}

func BenchmarkRealTimeout(b *testing.B) {
	b.ReportAllocs()
	c, ctx := Real(), b.Context()
	for b.Loop() {
		_, cancel := c.WithTimeout(ctx, time.Hour)
		cancel()
	}
}

func roundTrips(b *testing.B) func(ctx context.Context, c Clock) {
	return func(ctx context.Context, c Clock) {
		ctx, cancel := c.WithCancel(ctx)
		defer cancel()
		calls := NewQueue[*Promise[int]](c)
		c.Go(ctx, "answerer", func(ctx context.Context) {
			for {
				waiting, err := calls.Take(ctx)
				if err != nil {
					return
				}
				for _, p := range waiting {
					p.Resolve(1)
				}
			}
		})
		for b.Loop() {
			p := NewPromise[int](c)
			calls.Put(p)
			p.Await(ctx)
		}
	}
}

func onBenchLoop(b *testing.B, body func(ctx context.Context, c Clock)) {
	l := NewLoop(epoch)
	if err := l.Run(b.Context(), func(ctx context.Context) { body(ctx, l) }); err != nil {
		b.Error(err)
	}
}
