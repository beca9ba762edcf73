package clock

import (
	"context"
	"errors"
	"testing"
	"time"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// onBoth runs the same code on the machine's time, a thousand times faster, and on virtual time.
func onBoth(t *testing.T, name string, body func(ctx context.Context, t *testing.T, c Clock)) {
	t.Run(name+"/Real", func(t *testing.T) {
		body(t.Context(), t, RealSpeed(1000))
	})
	t.Run(name+"/Loop", func(t *testing.T) {
		onLoop(t, func(ctx context.Context, l *Loop) { body(ctx, t, l) })
	})
}

// onLoop runs body on a new Loop that has to end well.
func onLoop(t *testing.T, body func(ctx context.Context, l *Loop)) {
	t.Helper()
	l := NewLoop(epoch)
	if err := l.Run(t.Context(), func(ctx context.Context) { body(ctx, l) }); err != nil {
		t.Error(err)
	}
}

func TestWaits(t *testing.T) {
	onBoth(t, "SleepTakesItsTime", func(ctx context.Context, t *testing.T, c Clock) {
		before := c.Now()
		if err := Sleep(ctx, c, 10*time.Second); err != nil {
			t.Errorf("Sleep = %v, want nil", err)
		}
		if took := c.Now().Sub(before); took < 10*time.Second {
			t.Errorf("slept %v, want at least 10s", took)
		}
		if zone := c.Now().Location(); zone != time.UTC {
			t.Errorf("Now is in %v, want UTC", zone)
		}
	})
	onBoth(t, "PromiseGoesToAllWhoAwait", func(ctx context.Context, t *testing.T, c Clock) {
		answer := NewPromise[int](c)
		sum := NewQueue[int](c)
		for range 3 {
			c.Go(ctx, "awaiter", func(ctx context.Context) {
				v, err := answer.Await(ctx)
				if err != nil {
					t.Errorf("Await = %v, want a value", err)
				}
				sum.Put(v)
			})
		}
		c.After(time.Second, func() { answer.Resolve(7) })
		got := 0
		for n := 0; n < 3; {
			values, err := sum.Take(ctx)
			if err != nil {
				t.Errorf("Take = %v", err)
				return
			}
			for _, v := range values {
				got += v
			}
			n += len(values)
		}
		if got != 21 {
			t.Errorf("three awaiters got %d together, want 21", got)
		}
		if answer.Resolve(8) {
			t.Error("the second Resolve = true, want false")
		}
		if v, err := answer.Await(ctx); v != 7 || err != nil {
			t.Errorf("Await after the second Resolve = %d, %v, want 7", v, err)
		}
	})
	onBoth(t, "QueueKeepsOrder", func(ctx context.Context, t *testing.T, c Clock) {
		q := NewQueue[int](c)
		c.Go(ctx, "producer", func(ctx context.Context) {
			for i := range 100 {
				q.Put(i)
				if i%10 == 0 && Sleep(ctx, c, time.Second) != nil {
					t.Error("the producer's sleep was ended")
				}
			}
		})
		for want := 0; want < 100; {
			values, err := q.Take(ctx)
			if err != nil || len(values) == 0 {
				t.Errorf("Take = %v, %v, want values", values, err)
				return
			}
			for _, v := range values {
				if v != want {
					t.Errorf("got %d, want %d", v, want)
				}
				want++
			}
		}
	})
	onBoth(t, "AfterStops", func(ctx context.Context, t *testing.T, c Clock) {
		fired := NewPromise[bool](c)
		stop := c.After(time.Hour, func() { t.Error("a stopped timer fired") })
		if !stop() {
			t.Error("stop = false before the time, want true")
		}
		if stop() {
			t.Error("the second stop = true, want false")
		}
		late := c.After(-time.Second, func() { fired.Resolve(true) })
		fired.Await(ctx)
		if late() {
			t.Error("stop = true after the time, want false")
		}
	})
	onBoth(t, "WhatIsThereCountsMoreThanTheEnd", func(ctx context.Context, t *testing.T, c Clock) {
		ended, cancel := c.WithCancel(ctx)
		cancel()
		p, q := NewPromise[int](c), NewQueue[int](c)
		if _, err := p.Await(ended); err != context.Canceled {
			t.Errorf("Await without a value = %v, want %v", err, context.Canceled)
		}
		if _, err := q.Take(ended); err != context.Canceled {
			t.Errorf("Take from an empty queue = %v, want %v", err, context.Canceled)
		}
		p.Resolve(1)
		q.Put(2)
		if v, err := p.Await(ended); v != 1 || err != nil {
			t.Errorf("Await = %d, %v, want 1", v, err)
		}
		if v, err := q.Take(ended); len(v) != 1 || err != nil {
			t.Errorf("Take = %v, %v, want one value", v, err)
		}
		if err := Sleep(ended, c, time.Second); err != context.Canceled {
			t.Errorf("Sleep = %v, want %v", err, context.Canceled)
		}
	})
	onBoth(t, "OutsideGivesBackTheError", func(ctx context.Context, t *testing.T, c Clock) {
		want := errors.New("no route")
		if err := c.Outside(ctx, time.Minute, func(context.Context) error { return want }); err != want {
			t.Errorf("Outside = %v, want %v", err, want)
		}
		err := c.Outside(ctx, time.Millisecond, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if err != context.DeadlineExceeded {
			t.Errorf("Outside past its limit = %v, want %v", err, context.DeadlineExceeded)
		}
		if ctx.Err() != nil {
			t.Error("the limit of a call ended the party's context")
		}
	})
	onBoth(t, "OutsideKeepsThePanic", func(ctx context.Context, t *testing.T, c Clock) {
		defer func() {
			if v := recover(); v != "lost" {
				t.Errorf("recovered %v, want lost", v)
			}
		}()
		c.Outside(ctx, time.Minute, func(context.Context) error { panic("lost") })
	})
}
