package hub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

func TestPolledChangeIsSeen(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newFleet(c, "dev-1")
		c.After(20*time.Second, func() { f.report("dev-1", "x", 1) })
		twin, err := hub.NewWatcher(c, f, hub.WatchOptions{}).Await(ctx, target("dev-1"), 0, reports("x", 1))
		if err != nil || twin.ReportedVersion != 2 {
			t.Errorf("twin %+v, error %v", twin, err)
		}
		if late := c.Now().Sub(start) - 20*time.Second; late < 0 || late > 5*time.Second {
			t.Errorf("seen %s after the change", late)
		}
	})
}

func TestIntervalGrowsAndStartsAnewAfterAChange(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newFleet(c, "dev-1")
		c.After(7*time.Second, func() { f.report("dev-1", "x", 1) })
		ctx, cancel := c.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		hub.NewWatcher(c, f, hub.WatchOptions{MaxInterval: 2 * time.Second}).Await(ctx, target("dev-1"), 0, reports("x", 2))
		at := f.readsOf("dev-1")
		var pauses []string
		for i := range at[1:] {
			pauses = append(pauses, (at[i+1] - at[i]).Round(time.Millisecond).String())
		}
		want := "200ms 300ms 450ms 675ms 1.013s 1.519s 2s 2s 200ms 300ms 450ms"
		if got := strings.Join(pauses, " "); !strings.HasPrefix(got, want) {
			t.Errorf("pauses %s\nwant   %s …", got, want)
		}
	})
}

func TestOneReadServesAllWhoWait(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newFleet(c, "dev-1")
		w := hub.NewWatcher(c, f, hub.WatchOptions{})
		ended := clock.NewQueue[error](c)
		for range 500 {
			c.Go(ctx, "waiter", func(ctx context.Context) {
				_, err := w.Await(ctx, target("dev-1"), 0, reports("x", 1))
				ended.Put(err)
			})
		}
		c.After(time.Second, func() { f.report("dev-1", "x", 1) })
		for n := 0; n < 500; {
			errs, err := ended.Take(ctx)
			if err = errors.Join(append(errs, err)...); err != nil {
				t.Fatal(err)
			}
			n += len(errs)
		}
		if n := len(f.readsOf("dev-1")); n > 8 {
			t.Errorf("%d reads", n)
		}
	})
}

// A read that was under way when the wait began may show the state before it.
func TestAReadUnderWayDoesNotServeANewcomer(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newFleet(c, "dev-1")
		f.latency = time.Second
		f.report("dev-1", "state", "idle")
		w := hub.NewWatcher(c, f, hub.WatchOptions{})
		stop := w.Watch(target("dev-1"), func(hub.Twin, error) {})
		defer stop()
		clock.Sleep(ctx, c, 500*time.Millisecond)
		f.report("dev-1", "state", "busy")
		c.After(10*time.Second, func() { f.report("dev-1", "state", "idle") })
		twin, err := w.Await(ctx, target("dev-1"), 0, reports("state", "idle"))
		if err != nil || twin.ReportedVersion != 4 {
			t.Errorf("twin %+v, error %v; want version 4", twin, err)
		}
	})
}

func TestReadsKeepToTheRate(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		var devices []string
		for i := range 500 {
			devices = append(devices, fmt.Sprintf("dev-%03d", i))
		}
		f := newFleet(c, devices...)
		f.latency = 20 * time.Millisecond
		w := hub.NewWatcher(c, f, hub.WatchOptions{ReadsPerSecond: 50})
		told := 0
		for _, d := range devices {
			defer w.Watch(target(d), func(hub.Twin, error) { told++ })()
		}
		clock.Sleep(ctx, c, 30*time.Second)
		if told != len(devices) {
			t.Errorf("%d of %d were told", told, len(devices))
		}
		if n := len(f.reads); n < 1450 || n > 1505 {
			t.Errorf("%d reads in 30s, want about 1500", n)
		}
		for i := range f.reads[55:] {
			if d := f.reads[i+55].at - f.reads[i].at; d < 999*time.Millisecond {
				t.Fatalf("56 reads within %s from %s on", d, f.reads[i].at)
			}
		}
	})
}

func TestReadsUnderWayAreBounded(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newFleet(c, "a", "b", "c", "d", "e")
		f.latency = time.Second
		w := hub.NewWatcher(c, f, hub.WatchOptions{InFlight: 2})
		for _, d := range []string{"a", "b", "c", "d", "e"} {
			defer w.Watch(target(d), func(hub.Twin, error) {})()
		}
		clock.Sleep(ctx, c, 2500*time.Millisecond)
		if got, want := fmt.Sprint(f.reads), "[{a 0} {b 0} {c 1000000000} {d 1000000000} {e 2000000000}"; !strings.HasPrefix(got, want) {
			t.Errorf("reads %s, want %s …", got, want)
		}
	})
}

// Where reads are scarce, a device that is just changing is read more often; the others still are.
func TestTwinsThatChangeGoFirst(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		var devices []string
		for i := range 200 {
			devices = append(devices, fmt.Sprintf("dev-%03d", i))
		}
		f := newFleet(c, devices...)
		f.answer = func(device string, n int) error {
			if device == "dev-007" {
				f.report(device, "n", n)
			}
			return nil
		}
		w := hub.NewWatcher(c, f, hub.WatchOptions{ReadsPerSecond: 10})
		for _, d := range devices {
			defer w.Watch(target(d), func(hub.Twin, error) {})()
		}
		clock.Sleep(ctx, c, 100*time.Second)
		if n := len(f.readsOf("dev-007")); n < 200 {
			t.Errorf("the busy device was read %d times", n)
		}
		for _, d := range devices {
			if n := len(f.readsOf(d)); n < 2 {
				t.Errorf("%s was read %d times", d, n)
			}
		}
	})
}

func TestThrottledReadsPauseAllAndFailNobody(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newFleet(c, "a", "b")
		f.answer = func(device string, n int) error {
			if device == "a" && n == 2 {
				e := failure(device, hub.Throttled, "too many")
				e.Wait = 7 * time.Second
				return e
			}
			return nil
		}
		w := hub.NewWatcher(c, f, hub.WatchOptions{})
		defer w.Watch(target("b"), func(hub.Twin, error) {})()
		c.After(time.Second, func() { f.report("a", "x", 1) })
		if _, err := w.Await(ctx, target("a"), 0, reports("x", 1)); err != nil {
			t.Error(err)
		}
		refused := f.readsOf("a")[1]
		for _, r := range f.reads {
			if r.at > refused && r.at < refused+7*time.Second {
				t.Errorf("%s was read at %s, %s after the hub asked for 7s", r.device, r.at, r.at-refused)
			}
		}
	})
}

func TestPauseGrowsWhileTheHubGivesNone(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newFleet(c, "a")
		f.answer = func(device string, n int) error { return failure(device, hub.Throttled, "too many") }
		ctx, cancel := c.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		hub.NewWatcher(c, f, hub.WatchOptions{}).Await(ctx, target("a"), 0, reports("x", 1))
		if got, want := fmt.Sprint(f.readsOf("a")), "[0s 1s 3s 7s 15s]"; got != want {
			t.Errorf("reads at %s, want %s", got, want)
		}
	})
}

func TestTheLastFailuresAreToldWhenTimeIsUp(t *testing.T) {
	for _, test := range []struct {
		name   string
		failed func(n int) bool
		want   string
	}{
		{"none", func(int) bool { return false }, "wait for the twin on dev-1: time is up"},
		{"all", func(int) bool { return true }, "wait for the twin on dev-1: time is up; the last 4 reads failed: down"},
		{"one", func(n int) bool { return n == 4 }, "wait for the twin on dev-1: time is up; the last read failed: down"},
		{"early ones", func(n int) bool { return n < 4 }, "wait for the twin on dev-1: time is up"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inTime(t, func(ctx context.Context, c clock.Clock) {
				f := newFleet(c, "dev-1")
				f.answer = func(device string, n int) error {
					if test.failed(n) {
						return failure(device, hub.Unavailable, "down")
					}
					return nil
				}
				ctx, cancel := c.WithTimeout(ctx, time.Second)
				defer cancel()
				_, err := hub.NewWatcher(c, f, hub.WatchOptions{}).Await(ctx, target("dev-1"), 0, reports("x", 1))
				if err == nil || err.Error() != test.want || hub.KindOf(err) != hub.Timeout || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v (%s)\nwant  %s (timeout)", err, hub.KindOf(err), test.want)
				}
			})
		})
	}
}

func TestAHangingReadIsToldToo(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newFleet(c, "dev-1")
		f.latency = time.Hour
		w := hub.NewWatcher(c, f, hub.WatchOptions{ReadTimeout: time.Second})
		ctx, cancel := c.WithTimeout(ctx, 2900*time.Millisecond)
		defer cancel()
		_, err := w.Await(ctx, target("dev-1"), 0, reports("x", 1))
		if err == nil || !strings.Contains(err.Error(), "the last 2 reads failed: context deadline exceeded") {
			t.Errorf("error %v", err)
		}
	})
}

func TestWaitsInLineSaySo(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newFleet(c, "a", "b")
		w := hub.NewWatcher(c, f, hub.WatchOptions{ReadsPerSecond: 0.1})
		defer w.Watch(target("a"), func(hub.Twin, error) {})()
		ctx, cancel := c.WithCancel(ctx)
		c.After(time.Second, cancel)
		_, err := w.Await(ctx, target("b"), 0, reports("x", 1))
		if err == nil || !strings.Contains(err.Error(), "given up before the twin could be read") || hub.KindOf(err) != hub.Interrupted {
			t.Errorf("error %v", err)
		}
	})
}

func TestSomeErrorsEndTheWaitAtOnce(t *testing.T) {
	for _, kind := range []hub.Kind{hub.NotFound, hub.Unauthorized, hub.Invalid} {
		inTime(t, func(ctx context.Context, c clock.Clock) {
			f := newFleet(c, "dev-1")
			f.answer = func(device string, n int) error { return failure(device, kind, "no") }
			_, err := hub.NewWatcher(c, f, hub.WatchOptions{}).Await(ctx, target("dev-1"), 0, reports("x", 1))
			if hub.KindOf(err) != kind || c.Now() != start || len(f.reads) != 1 {
				t.Errorf("%s: error %v after %s and %d reads", kind, err, c.Now().Sub(start), len(f.reads))
			}
		})
	}
}

func TestSeenEndsTheWait(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		broken := errors.New("n is text")
		twin, err := hub.NewWatcher(c, newFleet(c, "dev-1"), hub.WatchOptions{}).Await(ctx, target("dev-1"), 0,
			func(hub.Twin) (bool, error) { return false, broken })
		if err != broken || twin.Device != "dev-1" {
			t.Errorf("twin %+v, error %v, want %v", twin, err, broken)
		}
	})
}

func TestAgainLooksAtAnUnchangedTwin(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		var at []time.Duration
		_, err := hub.NewWatcher(c, newPushingFleet(c, "dev-1"), hub.WatchOptions{}).Await(ctx, target("dev-1"), 10*time.Second,
			func(hub.Twin) (bool, error) {
				at = append(at, c.Now().Sub(start))
				return len(at) == 4, nil
			})
		if got, want := fmt.Sprint(at), "[0s 10s 20s 30s]"; err != nil || got != want {
			t.Errorf("seen at %s, want %s (%v)", got, want, err)
		}
	})
}

// A wait that has ended leaves nothing behind: the Loop's time does not move, and no party stays.
func TestNothingRunsWhileNobodyWaits(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newFleet(c, "a", "b")
		f.latency = time.Second
		w := hub.NewWatcher(c, f, hub.WatchOptions{})
		stopA := w.Watch(target("a"), func(hub.Twin, error) { t.Error("told after stop") })
		stopB := w.Watch(target("b"), func(hub.Twin, error) { t.Error("told after stop") })
		clock.Sleep(ctx, c, 500*time.Millisecond)
		stopA()
		stopB()
		stopB()
		clock.Sleep(ctx, c, time.Hour)
		if n := len(f.reads); n != 2 {
			t.Errorf("%d reads, want 2", n)
		}
		if _, err := w.Await(ctx, target("a"), 0, func(hub.Twin) (bool, error) { return true, nil }); err != nil {
			t.Errorf("and again: %v", err)
		}
	})
}
