package hub_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

// versions collects what a watch is told, as reported versions.
func versions(into *[]int64) func(hub.Twin, error) {
	return func(t hub.Twin, err error) {
		if err != nil {
			*into = append(*into, -1)
			return
		}
		*into = append(*into, t.ReportedVersion)
	}
}

func TestAPushingHubIsReadOnce(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newPushingFleet(c, "dev-1")
		var got []int64
		stop := hub.NewWatcher(c, f, hub.WatchOptions{}).Watch(target("dev-1"), versions(&got))
		clock.Sleep(ctx, c, time.Hour)
		f.report("dev-1", "x", 1)
		f.report("dev-1", "x", 2)
		if want := "[1 2 3]"; fmt.Sprint(got) != want || len(f.reads) != 1 {
			t.Errorf("told of %v after %d reads, want %s after 1", got, len(f.reads), want)
		}
		stop()
		f.report("dev-1", "x", 3)
		if len(got) != 3 || len(f.listeners["dev-1"]) != 0 {
			t.Errorf("told of %v with %d subscriptions after stop", got, len(f.listeners["dev-1"]))
		}
	})
}

// A hub that pushes says when a device is deleted, and that ends the watch.
func TestADeletedDeviceEndsItsWatches(t *testing.T) {
	for name, pushed := range map[string]bool{"after the read": false, "after a push": true} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(ctx context.Context, c clock.Clock) {
				f := newPushingFleet(c, "dev-1")
				var got []int64
				defer hub.NewWatcher(c, f, hub.WatchOptions{}).Watch(target("dev-1"), versions(&got))()
				clock.Sleep(ctx, c, time.Second)
				want := "[1 -1]"
				if pushed {
					f.report("dev-1", "x", 1)
					want = "[1 2 -1]"
				}
				f.delete("dev-1")
				f.delete("dev-1")
				f.report("dev-1", "x", 2)
				if fmt.Sprint(got) != want {
					t.Errorf("told of %v, want %s", got, want)
				}
			})
		})
	}
}

func TestNoChangeIsLostBesideTheFirstRead(t *testing.T) {
	for name, test := range map[string]struct {
		change func(f *pushingFleet)
		want   string
	}{
		"during the read":               {func(f *pushingFleet) { f.report("dev-1", "x", 1) }, "[2]"},
		"twice during the read":         {func(f *pushingFleet) { f.report("dev-1", "x", 1); f.report("dev-1", "x", 2) }, "[2 3]"},
		"read first, pushed afterwards": {func(f *pushingFleet) {}, "[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(ctx context.Context, c clock.Clock) {
				f := newPushingFleet(c, "dev-1")
				f.latency = time.Second
				c.After(500*time.Millisecond, func() { test.change(f) })
				var got []int64
				defer hub.NewWatcher(c, f, hub.WatchOptions{}).Watch(target("dev-1"), versions(&got))()
				clock.Sleep(ctx, c, time.Minute)
				if fmt.Sprint(got) != test.want {
					t.Errorf("told of %v, want %s", got, test.want)
				}
			})
		})
	}
}

// A push may arrive after a read that has shown its change already.
func TestAPushOlderThanTheReadIsPassedOver(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newPushingFleet(c, "dev-1")
		first := f.fleet.report("dev-1", "x", 1)
		second := f.fleet.report("dev-1", "x", 2)
		var got []int64
		defer hub.NewWatcher(c, f, hub.WatchOptions{}).Watch(target("dev-1"), versions(&got))()
		clock.Sleep(ctx, c, time.Second)
		for _, late := range []hub.Twin{first, second, f.fleet.report("dev-1", "x", 3)} {
			for _, g := range f.listeners["dev-1"] {
				g(late, nil)
			}
		}
		if want := "[3 4]"; fmt.Sprint(got) != want {
			t.Errorf("told of %v, want %s", got, want)
		}
	})
}

func TestTheFirstReadOfAPushingHubIsTriedUntilItWorks(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := newPushingFleet(c, "dev-1")
		f.answer = func(device string, n int) error {
			if n < 4 {
				return failure(device, hub.Unavailable, "down")
			}
			return nil
		}
		var got []int64
		defer hub.NewWatcher(c, f, hub.WatchOptions{}).Watch(target("dev-1"), versions(&got))()
		clock.Sleep(ctx, c, time.Minute)
		if want := "[-1 -1 -1 1]"; fmt.Sprint(got) != want || len(f.reads) != 4 {
			t.Errorf("told of %v after %d reads, want %s after 4", got, len(f.reads), want)
		}
	})
}
