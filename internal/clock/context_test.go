package clock

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestContexts(t *testing.T) {
	onBoth(t, "Timeout", func(ctx context.Context, t *testing.T, c Clock) {
		ctx, cancel := c.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := Sleep(ctx, c, time.Hour); err != context.DeadlineExceeded {
			t.Errorf("Sleep = %v, want %v", err, context.DeadlineExceeded)
		}
		wantEnd(t, ctx, context.DeadlineExceeded)
	})
	onBoth(t, "TimeoutOfNothing", func(ctx context.Context, t *testing.T, c Clock) {
		ctx, cancel := c.WithTimeout(ctx, 0)
		defer cancel()
		wantEnd(t, ctx, context.DeadlineExceeded)
	})
	onBoth(t, "CancelBeforeTimeout", func(ctx context.Context, t *testing.T, c Clock) {
		ctx, cancel := c.WithTimeout(ctx, time.Hour)
		cancel()
		wantEnd(t, ctx, context.Canceled)
	})
	onBoth(t, "ChildrenTellTheParentsCause", func(ctx context.Context, t *testing.T, c Clock) {
		parent, cancel := c.WithTimeout(ctx, time.Second)
		defer cancel()
		child, cancelChild := c.WithCancel(context.WithValue(parent, valueKey{}, "value"))
		defer cancelChild()
		Sleep(child, c, time.Hour)
		wantEnd(t, child, context.DeadlineExceeded)
		if got := child.Value(valueKey{}); got != "value" {
			t.Errorf("value = %v, want the parent's", got)
		}
		late, cancelLate := c.WithTimeout(child, time.Hour)
		defer cancelLate()
		wantEnd(t, late, context.DeadlineExceeded)
	})
	onBoth(t, "NoDeadlineIsInherited", func(ctx context.Context, t *testing.T, c Clock) {
		parent, cancel := context.WithTimeout(ctx, time.Nanosecond)
		defer cancel()
		<-parent.Done()
		child, cancelChild := c.WithCancel(parent)
		defer cancelChild()
		wantEnd(t, child, context.DeadlineExceeded)
	})
	onBoth(t, "StandardContextsEndWithTheirs", func(ctx context.Context, t *testing.T, c Clock) {
		parent, cancel := c.WithTimeout(ctx, time.Second)
		defer cancel()
		std, cancelStd := context.WithCancel(parent)
		defer cancelStd()
		below, cancelBelow := c.WithCancel(std)
		defer cancelBelow()
		if err := Sleep(below, c, time.Hour); err != context.DeadlineExceeded {
			t.Errorf("Sleep below a standard context = %v, want %v", err, context.DeadlineExceeded)
		}
		if std.Err() != context.Canceled || context.Cause(std) != context.DeadlineExceeded {
			t.Errorf("standard child: %v because of %v", std.Err(), context.Cause(std))
		}
	})
	onBoth(t, "StandardCancelWakes", func(ctx context.Context, t *testing.T, c Clock) {
		std, cancelStd := context.WithCancelCause(ctx)
		below, cancelBelow := c.WithCancel(std)
		defer cancelBelow()
		enough := errors.New("enough")
		c.After(time.Second, func() { cancelStd(enough) })
		if err := Sleep(below, c, time.Hour); err != enough {
			t.Errorf("Sleep = %v, want %v", err, enough)
		}
		if err := Sleep(std, c, time.Hour); err != enough {
			t.Errorf("Sleep = %v, want %v", err, enough)
		}
	})
}

// A chain of both kinds of contexts ends at once, before time goes on.
func TestStandardContextsEndAtOnce(t *testing.T) {
	onLoop(t, func(ctx context.Context, l *Loop) {
		top, end := context.WithCancel(ctx)
		below := top
		for range 5 {
			var cancel context.CancelFunc
			below, cancel = l.WithCancel(below)
			defer cancel()
			below, cancel = context.WithCancel(below)
			defer cancel()
		}
		l.After(time.Second, end)
		stop := l.After(time.Second+1, func() { t.Error("time went on first") })
		defer stop()
		if err := Sleep(below, l, time.Hour); err != context.Canceled || l.Now() != epoch.Add(time.Second) {
			t.Errorf("Sleep = %v at %v", err, l.Now())
		}
	})
}

type valueKey struct{}

// wantEnd checks that ctx looks as an ended clock context does.
func wantEnd(t *testing.T, ctx context.Context, cause error) {
	t.Helper()
	if _, has := ctx.Deadline(); has {
		t.Error("the context has a Deadline")
	}
	if ctx.Err() != context.Canceled || context.Cause(ctx) != cause {
		t.Errorf("context: %v because of %v, want canceled because of %v", ctx.Err(), context.Cause(ctx), cause)
	}
	select {
	case <-ctx.Done():
	default:
		t.Error("Done is open though the context has ended")
	}
}

// The order is that of creation, a wait and a child alike, each child's own before the next.
func TestChildrenEndInOrder(t *testing.T) {
	onLoop(t, func(ctx context.Context, l *Loop) {
		parent, cancel := l.WithCancel(ctx)
		never := NewPromise[int](l)
		var got []int
		for i := range 100 {
			ctx := parent
			if i%2 == 0 {
				ctx, _ = l.WithTimeout(parent, time.Hour)
			}
			l.Go(ctx, "waiter", func(ctx context.Context) {
				never.Await(ctx)
				got = append(got, i)
			})
		}
		Sleep(ctx, l, time.Second)
		cancel()
		Sleep(ctx, l, 0)
		var want []int // the contexts were made at once, the others wait on the parent since their first turn
		for i := range 100 {
			want = append(want, (i*2)%100+i/50)
		}
		if !slices.Equal(got, want) {
			t.Errorf("left in the order %v, want %v", got, want)
		}
		if len(l.timers) != 0 {
			t.Errorf("%d timers are left of timeouts that were cancelled", len(l.timers))
		}
	})
}

func TestLoopHearsItsCaller(t *testing.T) {
	t.Run("WhileOutside", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l := NewLoop(epoch)
		var waited, called error
		err := l.Run(ctx, func(ctx context.Context) {
			done := NewPromise[int](l)
			l.Go(ctx, "caller", func(ctx context.Context) {
				called = l.Outside(ctx, time.Minute, func(ctx context.Context) error {
					cancel()
					<-ctx.Done() // ends though the answer is not taken: the Loop goes on meanwhile
					return ctx.Err()
				})
			})
			_, waited = done.Await(ctx)
		})
		if err != nil || waited != context.Canceled || called != context.Canceled {
			t.Errorf("Run = %v, Await = %v, Outside = %v", err, waited, called)
		}
	})
	t.Run("WhilePartiesKeepEachOtherBusy", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l := NewLoop(epoch)
		rounds := 0
		err := l.Run(ctx, func(ctx context.Context) {
			ping, pong := NewQueue[int](l), NewQueue[int](l)
			l.Go(ctx, "ponger", func(ctx context.Context) {
				for ctx.Err() == nil {
					pong.Put(1)
					ping.Take(ctx)
				}
			})
			for ctx.Err() == nil {
				ping.Put(1)
				pong.Take(ctx)
				if rounds++; rounds == 100 {
					cancel()
				}
			}
		})
		if err != nil || l.Now() != epoch {
			t.Errorf("Run = %v at %v", err, l.Now())
		}
	})
}
