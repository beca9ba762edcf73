package clock

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestRealNow(t *testing.T) {
	before := time.Now()
	got := Real().Now()
	if got.Before(before) || got.After(time.Now()) {
		t.Errorf("now %v, want the machine's time %v", got, before)
	}
}

func TestRealSpeed(t *testing.T) {
	c := RealSpeed(3600)
	before, begin := c.Now(), time.Now()
	if err := Sleep(t.Context(), c, time.Minute); err != nil { // 17 ms
		t.Fatal(err)
	}
	took, passed := time.Since(begin), c.Now().Sub(before)
	if passed < time.Minute || passed > 3600*took+time.Second {
		t.Errorf("%v passed on the clock in %v, want a minute or more, at most 3600 times as much", passed, took)
	}
}

func TestRealSpeedMustBePositive(t *testing.T) {
	for _, speed := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("RealSpeed(%v) did not panic", speed)
				}
			}()
			RealSpeed(speed)
		}()
	}
}

func TestScaleStaysInRange(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		by   float64
		want time.Duration
	}{
		{time.Minute, 1.0 / 60, time.Second},
		{1, 0.1, 1}, // never early
		{math.MaxInt64, 60, math.MaxInt64},
		{math.MinInt64, 60, math.MinInt64},
	} {
		if got := scale(c.d, c.by); got != c.want {
			t.Errorf("scale(%d, %v) = %d, want %d", c.d, c.by, got, c.want)
		}
	}
}

// Everything from many goroutines at once, for the race detector.
func TestRealUnderRace(t *testing.T) {
	c := Real()
	q := NewQueue[int](c)
	p := NewPromise[int](c)
	var wins, awaited atomic.Int64
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			for n := range 100 {
				q.Put(i*100 + n)
			}
			if p.Resolve(i) {
				wins.Add(1)
			}
		})
		all.Go(func() {
			ctx, cancel := c.WithTimeout(t.Context(), time.Duration(i)*time.Microsecond)
			defer cancel()
			child, cancelChild := c.WithCancel(ctx)
			defer cancelChild()
			stop := c.After(time.Duration(i)*time.Microsecond, cancelChild)
			Sleep(child, c, time.Hour)
			stop()
		})
		all.Go(func() {
			if _, err := p.Await(t.Context()); err == nil {
				awaited.Add(1)
			}
		})
	}
	seen := takeAll(t, c, q, 5000)
	all.Wait()
	if len(seen) != 5000 || wins.Load() != 1 || awaited.Load() != 50 {
		t.Errorf("%d values, %d wins, %d awaited; want 5000, 1, 50", len(seen), wins.Load(), awaited.Load())
	}
}

// takeAll has four takers empty q, and returns which of n values they saw.
func takeAll(t *testing.T, c Clock, q *Queue[int], n int) map[int]bool {
	ctx, cancel := c.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	seen := map[int]bool{}
	var takers sync.WaitGroup
	for range 4 {
		takers.Go(func() {
			for {
				values, err := q.Take(ctx)
				if err != nil {
					return
				}
				mu.Lock()
				for _, v := range values {
					seen[v] = true
				}
				if len(seen) == n {
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	takers.Wait()
	return seen
}

func TestRealHoldsManyTimers(t *testing.T) {
	c := Real()
	const n = 100_000
	stops := make([]func() bool, n)
	for i := range stops {
		stops[i] = c.After(time.Hour, func() { t.Error("fired") })
	}
	for i, stop := range stops {
		if !stop() {
			t.Fatalf("timer %d was gone", i)
		}
	}
}

func TestRealOutsideSeesTheCancel(t *testing.T) {
	c := Real()
	ctx, cancel := c.WithCancel(t.Context())
	c.After(time.Millisecond, cancel)
	err := c.Outside(ctx, time.Minute, func(ctx context.Context) error {
		<-ctx.Done()
		return context.Cause(ctx)
	})
	if err != context.Canceled {
		t.Errorf("Outside = %v, want %v", err, context.Canceled)
	}
}
