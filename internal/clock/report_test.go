package clock

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

func endGoroutine() { runtime.Goexit() }

// wantReport checks the error of a Run against its lines, where * stands for anything.
func wantReport(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Error("Run = nil, want an error")
		return
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) < len(want) {
		t.Errorf("got %d lines, want %d:\n%v", len(got), len(want), err)
		return
	}
	for i, line := range want {
		before, after, wild := strings.Cut(line, "*")
		if got[i] != line && !(wild && strings.HasPrefix(got[i], before) && strings.HasSuffix(got[i], after)) {
			t.Errorf("line %d: got  %s\nwant %s", i, got[i], line)
		}
	}
}

func TestReportOfDeadlock(t *testing.T) {
	l := NewLoop(epoch)
	unwound := 0
	err := l.Run(t.Context(), func(ctx context.Context) {
		defer func() { unwound++ }()
		q := NewQueue[int](l)
		l.Go(ctx, "device dev-1", func(ctx context.Context) {
			defer func() { unwound++; Sleep(context.Background(), l, time.Second) }() // must not come back to life
			for {
				q.Take(context.Background())
			}
		})
		Sleep(ctx, l, time.Second)
		NewPromise[int](l).Await(ctx)
		t.Error("Await returned")
	})
	wantReport(t, err,
		"clock: at 2026-01-01T00:00:01Z everybody waits for somebody else, and no timer is set:",
		"  the first party waits in Promise.Await at clock/report_test.go:*",
		"  device dev-1 waits in Queue.Take at clock/report_test.go:*")
	if unwound != 2 {
		t.Errorf("%d parties unwound, want 2", unwound)
	}
}

func TestReportOfLeak(t *testing.T) {
	t.Run("Waiting", func(t *testing.T) {
		l := NewLoop(epoch)
		err := l.Run(t.Context(), func(ctx context.Context) {
			for i := range 25 {
				l.Go(ctx, fmt.Sprint("device ", i), func(context.Context) {
					NewPromise[int](l).Await(context.Background())
				})
			}
			l.Go(ctx, "polite", func(ctx context.Context) { NewPromise[int](l).Await(ctx) })
		})
		wantReport(t, err, "clock: at 2026-01-01T00:00:00Z the first party has returned and its context has ended, but these have not left:",
			"  device 0 waits in Promise.Await at clock/report_test.go:*")
		if !strings.HasSuffix(err.Error(), "\n  and 5 more") {
			t.Errorf("the report does not count those it does not name:\n%v", err)
		}
	})
	t.Run("Sleeping", func(t *testing.T) {
		l := NewLoop(epoch)
		err := l.Run(t.Context(), func(ctx context.Context) {
			l.After(time.Hour+time.Minute, func() { l.Go(ctx, "late", func(context.Context) {}) })
			l.Go(ctx, "deaf", func(context.Context) {
				for {
					Sleep(context.Background(), l, time.Minute)
				}
			})
		})
		wantReport(t, err, "clock: at 2026-01-01T01:01:00Z the first party has returned*", "  deaf waits in Sleep at clock/report_test.go:*",
			"  late has not begun")
	})
}

func TestReportOfStall(t *testing.T) {
	stall := func(t *testing.T, body func(l *Loop, block func()) func(context.Context), want string) {
		free, freed := make(chan struct{}), make(chan struct{})
		l := NewLoop(epoch)
		l.watch.limit = 20 * time.Millisecond
		bystander := false
		err := l.Run(t.Context(), func(ctx context.Context) {
			l.Go(ctx, "bystander", func(ctx context.Context) {
				defer close(freed)
				defer func() { bystander = true }()
				Sleep(ctx, l, time.Hour)
			})
			Sleep(ctx, l, time.Second)
			body(l, func() { <-free })(ctx)
		})
		wantReport(t, err, want, "goroutine *")
		if !strings.Contains(err.Error(), "TestReportOfStall") {
			t.Errorf("the report does not show where it hangs:\n%v", err)
		}
		close(free) // and once it comes back, everybody leaves
		<-freed
		if !bystander {
			t.Error("the other party did not unwind")
		}
	}
	t.Run("Party", func(t *testing.T) {
		stall(t, func(l *Loop, block func()) func(context.Context) {
			return func(ctx context.Context) {
				l.Go(ctx, "device dev-1", func(context.Context) { block() })
				Sleep(ctx, l, time.Hour)
			}
		}, "clock: device dev-1 has run for 20ms of real time without coming back*")
	})
	t.Run("Timer", func(t *testing.T) {
		stall(t, func(l *Loop, block func()) func(context.Context) {
			return func(ctx context.Context) {
				l.After(time.Second, block)
				Sleep(ctx, l, time.Hour)
			}
		}, "clock: a timer's callback has run for 20ms of real time without coming back*")
	})
	t.Run("Outside", func(t *testing.T) {
		free := make(chan struct{})
		defer close(free)
		l := NewLoop(epoch)
		l.watch.limit = 10 * time.Millisecond
		err := l.Run(t.Context(), func(ctx context.Context) {
			l.Outside(ctx, time.Millisecond, func(context.Context) error { <-free; return nil })
		})
		wantReport(t, err, "clock: a call of the first party has not come back from outside 10ms after its limit*")
	})
}
