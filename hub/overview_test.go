package hub_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

// A listed fleet can be asked for all its twins, two a page.
type listed struct {
	*fleet
	trouble []error // of the next queries
	queries int
}

func (f *listed) Query(_ context.Context, q hub.Query) (hub.Page, error) {
	f.queries++
	if len(f.trouble) > 0 {
		err := f.trouble[0]
		f.trouble = f.trouble[1:]
		if err != nil {
			return hub.Page{}, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name := range f.twins {
		if name > q.Continuation {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	page := hub.Page{}
	for _, name := range names {
		if len(page.Twins) == 2 {
			page.Continuation = page.Twins[1].Device
			break
		}
		page.Twins = append(page.Twins, f.twins[name])
	}
	return page, nil
}

// A telling fleet pushes all changes.
type telling struct {
	*listed
	tell func(hub.Twin, error)
}

func (f *telling) OnTwins(g func(hub.Twin, error)) (stop func()) {
	f.tell = g
	return func() { f.tell = func(hub.Twin, error) {} }
}

func (f *telling) report(device string, n int) { f.tell(f.fleet.report(device, "n", n), nil) }

func (f *telling) delete(device string) {
	delete(f.twins, device)
	f.tell(hub.Twin{}, failure(device, hub.NotFound, "deleted"))
}

// An onlooker notes what it is told.
type onlooker struct{ told []string }

func (o *onlooker) Twin(t hub.Twin) {
	o.told = append(o.told, fmt.Sprintf("%s@%d", t.Device, t.ReportedVersion))
}
func (o *onlooker) Gone(device string) { o.told = append(o.told, "-"+device) }
func (o *onlooker) Seen()              { o.told = append(o.told, "seen") }
func (o *onlooker) Trouble(err error)  { o.told = append(o.told, string(hub.KindOf(err))) }
func (o *onlooker) Recovered()         { o.told = append(o.told, "recovered") }

func (o *onlooker) want(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(o.told, " "); got != want {
		t.Errorf("told %q\nwant %q", got, want)
	}
	o.told = nil
}

func TestAHubThatDoesNotPushIsReadAgainAndAgain(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := &listed{fleet: newFleet(c, "a", "b", "c")}
		var o onlooker
		stop := hub.NewWatcher(c, f, hub.WatchOptions{}).WatchAll(time.Minute, &o)
		clock.Sleep(ctx, c, time.Second)
		o.want(t, "a@1 b@1 c@1 seen")
		f.report("b", "n", 1)
		f.report("b", "n", 2)
		f.mu.Lock()
		delete(f.twins, "a")
		f.mu.Unlock()
		clock.Sleep(ctx, c, time.Minute)
		o.want(t, "b@3 -a")
		clock.Sleep(ctx, c, time.Hour)
		o.want(t, "")
		stop()
		before := f.queries
		clock.Sleep(ctx, c, time.Hour)
		if f.queries != before {
			t.Errorf("%d queries after stop", f.queries-before)
		}
	})
}

func TestAReadingGoesOnWhereTheHubFailed(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		throttled := &hub.Error{Op: "query", Kind: hub.Throttled, Wait: 10 * time.Second, Err: errors.New("429")}
		f := &listed{fleet: newFleet(c, "a", "b", "c"), trouble: []error{nil, throttled, throttled}}
		var o onlooker
		defer hub.NewWatcher(c, f, hub.WatchOptions{}).WatchAll(time.Minute, &o)()
		clock.Sleep(ctx, c, 9*time.Second)
		o.want(t, "a@1 b@1 throttled")
		clock.Sleep(ctx, c, 12*time.Second)
		o.want(t, "throttled recovered c@1 seen")
	})
}

func TestAHubThatPushesIsReadOnceForAll(t *testing.T) {
	inTime(t, func(ctx context.Context, c clock.Clock) {
		f := &telling{listed: &listed{fleet: newFleet(c, "a", "b", "c", "d")}}
		var o onlooker
		stop := hub.NewWatcher(c, f, hub.WatchOptions{}).WatchAll(0, &o)
		f.report("c", 1) // before it was read
		f.delete("d")
		clock.Sleep(ctx, c, time.Hour)
		o.want(t, "c@2 a@1 b@1 seen")
		f.report("a", 1)
		f.report("a", 2)
		f.delete("b")
		f.delete("b")
		o.want(t, "a@2 a@3 -b")
		f.twins["b"] = hub.Twin{Target: target("b"), Reported: map[string]any{}}
		f.report("b", 5)
		o.want(t, "b@1")
		if f.queries != 2 {
			t.Errorf("%d pages were read, want 2", f.queries)
		}
		old := f.tell
		stop()
		old(f.fleet.report("a", "n", 3), nil)
		o.want(t, "")
	})
}
