package clock

import (
	"context"
	"slices"
	"testing"
	"time"
)

// Five calls answer in reverse; they are taken in the order of departure, and no time passes.
func TestOutsideOrder(t *testing.T) {
	onLoop(t, func(ctx context.Context, l *Loop) {
		var got []int
		answered := make([]chan struct{}, 6)
		for i := range answered {
			answered[i] = make(chan struct{})
		}
		close(answered[5])
		l.After(time.Nanosecond, func() { got = append(got, -1) })
		l.After(0, func() { got = append(got, -2) })
		var left []*Promise[bool]
		for i := range 5 {
			done := NewPromise[bool](l)
			left = append(left, done)
			l.Go(ctx, "caller", func(ctx context.Context) {
				err := l.Outside(ctx, time.Minute, func(context.Context) error {
					defer close(answered[i])
					<-answered[i+1]
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				got = append(got, i)
				done.Resolve(true)
			})
		}
		for _, done := range left {
			done.Await(ctx)
		}
		if l.Now() != epoch {
			t.Errorf("it is %v, want that no time passed", l.Now())
		}
		Sleep(ctx, l, time.Second)
		if want := []int{-2, 0, 1, 2, 3, 4, -1}; !slices.Equal(got, want) {
			t.Errorf("order %v, want %v", got, want)
		}
	})
}

// A cancel reaches the call, and the party waits until it is back.
func TestOutsideCancel(t *testing.T) {
	onLoop(t, func(ctx context.Context, l *Loop) {
		call, cancel := l.WithCancel(ctx)
		l.Go(ctx, "canceller", func(context.Context) { cancel() })
		back := false
		err := l.Outside(call, time.Minute, func(ctx context.Context) error {
			<-ctx.Done()
			back = true
			return context.Cause(ctx)
		})
		if err != context.Canceled || !back {
			t.Errorf("Outside = %v, back: %v", err, back)
		}
	})
}

func TestOutsideGoexit(t *testing.T) {
	returned := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		l := NewLoop(epoch)
		l.Run(context.Background(), func(ctx context.Context) {
			l.Outside(ctx, time.Minute, func(context.Context) error { endGoroutine(); return nil })
		})
		returned = true
	}()
	<-done
	if returned {
		t.Error("Run returned though a call ended its goroutine, as t.FailNow does")
	}
}
