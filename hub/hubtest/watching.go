package hubtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

var pushes = []question{
	{"EachChangeIsToldInOrder", eachChangeIsTold},
	{"NothingIsToldAfterStop", nothingAfterStop},
	{"ChangesOfAllAreTold", changesOfAllAreTold},
	{"AllAreWatched", allAreWatched},
}

var watching = []question{
	{"WhatIsThereIsSeen", func(ctx context.Context, x *exam) {
		x.device().Report(`{"n":1}`)
		x.await(ctx, 1)
	}},
	{"AChangeIsSeen", aChangeIsSeen},
	{"ManyWait", manyWait},
	{"UnknownDeviceIsNotFound", func(ctx context.Context, x *exam) {
		w := hub.NewWatcher(x.Clock, x.Hub, hub.WatchOptions{})
		_, err := w.Await(ctx, hub.Target{Device: "nobody"}, 0, func(hub.Twin) (bool, error) { return true, nil })
		x.failsWith(err, "nobody", hub.NotFound, false)
	}},
	{"TimeIsUp", func(ctx context.Context, x *exam) {
		x.device()
		ctx, cancel := x.Clock.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := hub.NewWatcher(x.Clock, x.Hub, hub.WatchOptions{}).Await(ctx, dev, 0, func(hub.Twin) (bool, error) { return false, nil })
		x.failsWith(err, dev.Device, hub.Timeout, false)
	}},
}

func sleep(ctx context.Context, x *exam, d time.Duration) error { return clock.Sleep(ctx, x.Clock, d) }

func (x *exam) await(ctx context.Context, n float64) {
	x.Helper()
	t, err := hub.NewWatcher(x.Clock, x.Hub, hub.WatchOptions{}).Await(ctx, dev, 0, reports(n))
	if err != nil || t.Reported["n"] != n {
		x.Errorf("twin %+v, error %v", t, err)
	}
}

func reports(n float64) func(hub.Twin) (bool, error) {
	return func(t hub.Twin) (bool, error) { return t.Reported["n"] == n, nil }
}

func aChangeIsSeen(ctx context.Context, x *exam) {
	d := x.device()
	x.all(ctx, 2, func(ctx context.Context, i int) error {
		if i == 0 {
			x.await(ctx, 5)
			return nil
		}
		for n := range 6 {
			if err := sleep(ctx, x, 300*time.Millisecond); err != nil {
				return err
			}
			d.Report(fmt.Sprintf(`{"n":%d}`, n))
		}
		return nil
	})
}

func manyWait(ctx context.Context, x *exam) {
	const n = 50
	devices := make([]Device, n)
	for i := range devices {
		devices[i] = x.Add(x.T, fmt.Sprintf("many-%d", i), nil)
	}
	w := hub.NewWatcher(x.Clock, x.Hub, hub.WatchOptions{})
	x.all(ctx, 2*n, func(ctx context.Context, i int) error {
		if i >= n {
			err := sleep(ctx, x, time.Duration(i-n)*10*time.Millisecond)
			devices[i-n].Report(fmt.Sprintf(`{"n":%d}`, i-n))
			return err
		}
		_, err := w.Await(ctx, hub.Target{Device: fmt.Sprintf("many-%d", i)}, 0, reports(float64(i)))
		return err
	})
}

// pusher is the hub as one that pushes; the question does not arise for others.
func (x *exam) pusher() hub.Pusher {
	p, ok := x.Hub.(hub.Pusher)
	if !ok {
		x.Skip("this hub does not push")
	}
	return p
}

func eachChangeIsTold(ctx context.Context, x *exam) {
	pusher, d := x.pusher(), x.device()
	d.Report(`{"n":0}`)
	told := clock.NewQueue[hub.Twin](x.Clock)
	defer pusher.OnTwin(dev, func(t hub.Twin, _ error) { told.Put(t) })()
	d.Report(`{"n":1}`)
	d.Report(`{"n":2}`)
	x.update(ctx, hub.Patch{Desired: object{"m": 1}})
	x.update(ctx, hub.Patch{Tags: object{"site": "x"}})
	d.Report(`{"n":3}`)
	var got []string
	for len(got) < 5 {
		twins, err := told.Take(ctx)
		if err != nil {
			x.Fatal(err)
		}
		for _, t := range twins {
			got = append(got, fmt.Sprintf("n=%v m=%v site=%v", t.Reported["n"], t.Desired["m"], t.Tags["site"]))
		}
	}
	want := "n=1 m=<nil> site=<nil>, n=2 m=<nil> site=<nil>, n=2 m=1 site=<nil>, n=2 m=1 site=x, n=3 m=1 site=x"
	if got := strings.Join(got, ", "); got != want {
		x.Errorf("told of %s\nwant    %s", got, want)
	}
}

func nothingAfterStop(ctx context.Context, x *exam) {
	pusher, d := x.pusher(), x.device()
	told := clock.NewQueue[string](x.Clock)
	stop := pusher.OnTwin(dev, func(hub.Twin, error) { told.Put("the first") })
	stop()
	defer pusher.OnTwin(dev, func(hub.Twin, error) { told.Put("the second") })()
	d.Report(`{"n":1}`)
	got, err := told.Take(ctx)
	if err != nil || fmt.Sprint(got) != "[the second]" {
		x.Errorf("told: %v, %v", got, err)
	}
}

// fleetPusher is the hub as one that pushes the changes of all twins.
func (x *exam) fleetPusher() hub.FleetPusher {
	p, ok := x.Hub.(hub.FleetPusher)
	if !ok {
		x.Skip("this hub does not push")
	}
	return p
}

func changesOfAllAreTold(ctx context.Context, x *exam) {
	pusher, first, second := x.fleetPusher(), x.device(), x.Add(x.T, "another", nil)
	told := clock.NewQueue[hub.Twin](x.Clock)
	stop := pusher.OnTwins(func(t hub.Twin, _ error) { told.Put(t) })
	first.Report(`{"n":1}`)
	second.Report(`{"n":2}`)
	x.Add(x.T, "late", object{"site": "x"}).Report(`{"n":3}`)
	seen := map[string]bool{}
	for !seen["late site=x n=3"] {
		twins, err := told.Take(ctx)
		if err != nil {
			x.Fatal(err)
		}
		for _, t := range twins {
			seen[fmt.Sprintf("%s site=%v n=%v", t.Device, t.Tags["site"], t.Reported["n"])] = true
		}
	}
	for _, want := range []string{dev.Device + " site=<nil> n=1", "another site=<nil> n=2", "late site=x n=<nil>"} {
		if !seen[want] {
			x.Errorf("was not told of %s but of %v", want, seen)
		}
	}
	stop()
}

// onlooker notes what it is told.
type onlooker struct{ told *clock.Queue[string] }

func (o onlooker) Twin(t hub.Twin)    { o.told.Put(fmt.Sprintf("%s %v", t.Device, t.Reported["n"])) }
func (o onlooker) Gone(device string) { o.told.Put(device + " is gone") }
func (o onlooker) Seen()              { o.told.Put("seen") }
func (o onlooker) Trouble(err error)  { o.told.Put(err.Error()) }
func (o onlooker) Recovered()         { o.told.Put("recovered") }

// allAreWatched holds for every hub: one that does not push is read again and again.
func allAreWatched(ctx context.Context, x *exam) {
	d := x.device()
	d.Report(`{"n":1}`)
	told := clock.NewQueue[string](x.Clock)
	defer hub.NewWatcher(x.Clock, x.Hub, hub.WatchOptions{}).WatchAll(time.Second, onlooker{told})()
	wait := func(want string) {
		x.Helper()
		for {
			all, err := told.Take(ctx)
			if err != nil {
				x.Fatalf("waiting for %q: %v", want, err)
			}
			if slices.Contains(all, want) {
				return
			}
		}
	}
	wait("seen")
	d.Report(`{"n":2}`)
	wait(dev.Device + " 2")
	x.Add(x.T, "late", nil).Report(`{"n":5}`)
	wait("late 5")
}
