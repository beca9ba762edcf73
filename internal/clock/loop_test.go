package clock

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLoopJumps(t *testing.T) {
	onLoop(t, func(ctx context.Context, l *Loop) {
		if err := Sleep(ctx, l, 72*time.Hour); err != nil {
			t.Error(err)
		}
		if want := epoch.Add(72 * time.Hour); l.Now() != want {
			t.Errorf("now %v, want %v", l.Now(), want)
		}
	})
}

// Ready parties in the order of waking, then timers by time and order of creation.
func TestLoopOrder(t *testing.T) {
	onLoop(t, func(ctx context.Context, l *Loop) {
		var got []string
		say := func(what string) func() { return func() { got = append(got, what) } }
		party := func(name string) { l.Go(ctx, name, func(context.Context) { say(name)() }) }
		l.After(time.Second, func() { say("timer 1")(); party("woken by timer 1") })
		l.After(time.Second, say("timer 2"))
		l.After(0, say("timer 3"))
		party("a")
		party("b")
		Sleep(ctx, l, time.Second)
		say("first")()
		want := []string{"a", "b", "timer 3", "timer 1", "woken by timer 1", "timer 2", "first"}
		if !slices.Equal(got, want) {
			t.Errorf("order %q, want %q", got, want)
		}
	})
}

func TestLoopSetUpBeforeRun(t *testing.T) {
	l := NewLoop(epoch)
	started := NewPromise[time.Time](l)
	l.After(time.Minute, func() { started.Resolve(l.Now()) })
	err := l.Run(t.Context(), func(ctx context.Context) {
		if at, err := started.Await(ctx); err != nil || at != epoch.Add(time.Minute) {
			t.Errorf("Await = %v, %v", at, err)
		}
	})
	if err != nil {
		t.Error(err)
	}
	if err := l.Run(t.Context(), func(context.Context) {}); err == nil {
		t.Error("the second Run = nil, want an error")
	}
}

func TestLoopEndOfTime(t *testing.T) {
	onLoop(t, func(ctx context.Context, l *Loop) {
		Sleep(ctx, l, time.Hour)
		Sleep(ctx, l, 1<<63-1) // must not wrap around into the past
		if years := l.Now().Year() - epoch.Year(); years != 292 {
			t.Errorf("jumped %d years, want 292", years)
		}
	})
}

// Who waits in vain, again and again, leaves nothing behind.
func TestLoopForgetsEndedWaits(t *testing.T) {
	onLoop(t, func(ctx context.Context, l *Loop) {
		never := NewPromise[int](l)
		std, endStd := context.WithCancel(context.WithoutCancel(ctx))
		defer endStd()
		for range 100 {
			short, cancel := l.WithTimeout(ctx, time.Second)
			never.Await(short)
			cancel()
			Sleep(std, l, time.Second)
		}
		waits, ends := never.done.(*loopGate).waiting.Len(), ctx.(*loopContext).onEnd.Len()
		if waits+ends+len(l.timers)+l.strays.Len() != 1 { // the context given to Run stays
			t.Errorf("left behind: %d waits, %d children of the context, %d timers, %d stray contexts",
				waits, ends, len(l.timers), l.strays.Len())
		}
	})
}

func TestLoopLeaving(t *testing.T) {
	t.Run("TimeForCleanup", func(t *testing.T) {
		cleaned := false
		onLoop(t, func(ctx context.Context, l *Loop) {
			l.Go(ctx, "cleaner", func(ctx context.Context) {
				Sleep(ctx, l, 24*time.Hour)
				cleaned = Sleep(context.WithoutCancel(ctx), l, time.Minute) == nil
			})
			Sleep(ctx, l, time.Second)
		})
		if !cleaned {
			t.Error("a party could not clean up after the first one had returned")
		}
	})
	t.Run("PanicIsTheCallers", func(t *testing.T) {
		defer func() {
			err, _ := recover().(error)
			if err == nil || !strings.Contains(err.Error(), "device dev-1: index out of sense") ||
				!strings.Contains(err.Error(), "explode") {
				t.Errorf("recovered %v, want the party, its panic and its stack", err)
			}
		}()
		l := NewLoop(epoch)
		l.Run(t.Context(), func(ctx context.Context) {
			l.Go(ctx, "device dev-1", func(context.Context) { explode() })
			Sleep(ctx, l, time.Second)
		})
		t.Error("Run returned")
	})
	t.Run("PanicOfATimer", func(t *testing.T) {
		defer func() {
			if err, _ := recover().(error); err == nil || !strings.Contains(err.Error(), "only parties wait") {
				t.Errorf("recovered %v, want that a callback waited", err)
			}
		}()
		l := NewLoop(epoch)
		l.Run(t.Context(), func(ctx context.Context) {
			l.After(0, func() { Sleep(ctx, l, time.Second) })
			Sleep(ctx, l, time.Second)
		})
		t.Error("Run returned")
	})
	t.Run("GoexitIsTheCallers", func(t *testing.T) {
		returned, deferred := false, false
		done := make(chan struct{})
		go func() {
			defer close(done)
			l := NewLoop(epoch)
			l.Run(context.Background(), func(ctx context.Context) {
				l.Go(ctx, "bystander", func(ctx context.Context) {
					defer func() { deferred = true }()
					Sleep(ctx, l, time.Hour)
				})
				Sleep(ctx, l, time.Second)
				endGoroutine()
			})
			returned = true
		}()
		<-done
		if returned || !deferred {
			t.Errorf("Run returned: %v, want false; the other party unwound: %v, want true", returned, deferred)
		}
	})
}

func explode() { panic("index out of sense") }
