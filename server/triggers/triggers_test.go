package triggers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/internal/clock/clockrule"
)

func TestWaitsOnlyThroughTheClock(t *testing.T) { clockrule.Check(t, ".") }

var start = time.Date(2026, 3, 1, 2, 30, 0, 0, time.UTC)

// A desk is a Lookout with a fleet that the test plays.
type desk struct {
	*testing.T
	ctx    context.Context
	clock  clock.Clock
	store  *journal.Memory
	who    hub.Onlooker
	look   *Lookout
	twins  map[string]string // the devices' status
	runs   []string          // begun, as device=status
	events []string
	fail   []error // of the next starts
	took   time.Duration
	made   int
}

func inTime(t *testing.T, f func(d *desk)) {
	t.Helper()
	loop := clock.NewLoop(start)
	if err := loop.Run(t.Context(), func(ctx context.Context) {
		d := &desk{T: t, ctx: ctx, clock: loop, store: journal.NewMemory(), twins: map[string]string{}}
		d.restart()
		f(d)
		d.look.Close()
	}); err != nil {
		t.Error(err)
	}
}

// restart is a new server on the same journal and fleet.
func (d *desk) restart() {
	if d.look != nil {
		d.look.Close()
	}
	d.look = New(Config{Clock: d.clock, Store: d.store, Watch: d.watch, Observe: func(e Event) {
		d.events = append(d.events, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Kind, e.Device, strings.Join(e.Triggers, "+"))))
	}})
}

func (d *desk) watch(_ string, who hub.Onlooker) (stop func(), err error) {
	d.who = who
	for _, device := range sorted(d.twins) {
		who.Twin(d.twin(device))
	}
	who.Seen()
	return func() {
		if d.who == who {
			d.who = nil
		}
	}, nil
}

func sorted(m map[string]string) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (d *desk) twin(device string) hub.Twin {
	return hub.Twin{Target: hub.Target{Device: device}, Reported: map[string]any{"status": d.twins[device]}}
}

// report is what a device does.
func (d *desk) report(device, status string) {
	d.twins[device] = status
	if d.who != nil {
		d.who.Twin(d.twin(device))
	}
}

func (d *desk) trigger(id string, debounce time.Duration) Trigger {
	return Trigger{
		ID: id, Hub: "desk", Debounce: debounce,
		Holds: func(t hub.Twin, _ time.Time) (bool, error) {
			if t.Reported["status"] == "strange" {
				return false, errors.New("strange")
			}
			return t.Reported["status"] == "faulty", nil
		},
		Start: func(ctx context.Context, t hub.Twin, m journal.Mark) error {
			if err := clock.Sleep(ctx, d.clock, d.took); err != nil {
				return err
			}
			if len(d.fail) > 0 {
				err := d.fail[0]
				d.fail = d.fail[1:]
				if err != nil {
					return err
				}
			}
			d.made++
			run := fmt.Sprintf("r%d", d.made)
			_, err := d.store.Begin(ctx, journal.Beginning{Marks: []journal.Mark{m}, Events: []engine.Event{{
				Time: d.clock.Now(), Kind: engine.RunStarted, Start: &engine.RunStart{ID: run, Workflow: "repair"},
			}}})
			if err == nil {
				d.runs = append(d.runs, fmt.Sprint(t.Device, "=", t.Reported["status"]))
			}
			return err
		},
	}
}

func (d *desk) set(list ...Trigger) {
	d.Helper()
	if err := d.look.Set(d.ctx, list); err != nil {
		d.Fatal(err)
	}
	d.pass(0)
}

func (d *desk) pass(long time.Duration) { clock.Sleep(d.ctx, d.clock, long+time.Millisecond) }

func (d *desk) want(runs ...string) {
	d.Helper()
	d.pass(0)
	if strings.Join(d.runs, " ") != strings.Join(runs, " ") {
		d.Errorf("begun: %q, want %q; events %q", d.runs, runs, d.events)
	}
	d.runs = nil
}

func TestFiresOnceUntilItWasFalse(t *testing.T) {
	inTime(t, func(d *desk) {
		d.report("a", "faulty")
		d.report("b", "ok")
		d.set(d.trigger("repair/1", 0))
		d.want("a=faulty")
		d.report("a", "faulty")
		d.report("b", "faulty")
		d.want("b=faulty")
		d.report("a", "ok")
		d.pass(0)
		d.report("a", "faulty")
		d.want("a=faulty")
		d.report("b", "strange") // nobody knows
		d.report("b", "faulty")
		d.want()
	})
}

func TestARestartFiresNothingTwice(t *testing.T) {
	inTime(t, func(d *desk) {
		for _, device := range []string{"a", "b", "c", "d"} {
			d.report(device, "faulty")
		}
		d.set(d.trigger("repair/1", 0))
		d.want("a=faulty", "b=faulty", "c=faulty", "d=faulty")
		d.restart()
		d.who = nil
		d.report("b", "ok")
		delete(d.twins, "c")
		d.report("e", "faulty")
		d.set(d.trigger("repair/1", 0))
		d.want("e=faulty")
		d.report("b", "faulty")
		d.report("c", "faulty")
		d.want("b=faulty", "c=faulty")
	})
}

func TestDebounceWantsNoBreak(t *testing.T) {
	inTime(t, func(d *desk) {
		d.set(d.trigger("repair/1", 5*time.Minute))
		d.report("a", "faulty")
		d.pass(4 * time.Minute)
		d.report("a", "ok")
		d.report("a", "faulty")
		d.pass(4 * time.Minute)
		d.want()
		d.report("a", "faulty")
		d.pass(time.Minute)
		d.want("a=faulty")
		d.pass(time.Hour)
		d.want()
	})
}

func TestWhatBecomesFalseMeanwhileCounts(t *testing.T) {
	inTime(t, func(d *desk) {
		d.took = time.Minute
		d.set(d.trigger("repair/1", 0))
		d.report("a", "faulty")
		d.pass(time.Second)
		d.report("a", "ok") // while the run is being begun
		d.report("a", "faulty")
		d.pass(3 * time.Minute)
		d.want("a=faulty", "a=faulty")
		d.report("a", "ok")
		d.report("a", "faulty")
		d.pass(time.Second)
		d.report("a", "ok")
		d.pass(5 * time.Minute)
		d.want("a=faulty")
		if n := len(d.look.posts["desk"].sentries["repair/1"].devices); n != 0 {
			t.Errorf("%d devices are kept that are well", n)
		}
	})
}

func TestFailuresAreTriedAgain(t *testing.T) {
	inTime(t, func(d *desk) {
		d.fail = []error{errors.New("disk"), errors.New("disk")}
		d.set(d.trigger("repair/1", 0))
		d.report("a", "faulty")
		d.want()
		d.pass(time.Second)
		d.want()
		d.pass(2 * time.Second)
		d.want("a=faulty")
		if got := strings.Join(d.events, ", "); got != "failed a repair/1, failed a repair/1, fired a repair/1" {
			t.Error(got)
		}
	})
}

func TestWhatIsRefusedForWantOfPlacesIsDropped(t *testing.T) {
	inTime(t, func(d *desk) {
		d.fail = []error{&journal.FullError{Key: "site", Holders: []string{"r9"}}}
		d.set(d.trigger("repair/1", 0))
		d.report("a", "faulty")
		d.pass(time.Hour)
		d.restart()
		d.set(d.trigger("repair/1", 0))
		d.want()
		d.report("a", "ok")
		d.pass(0)
		d.report("a", "faulty")
		d.want("a=faulty")
		if d.events[0] != "dropped a repair/1" {
			t.Error(d.events)
		}
	})
}

func TestTriggersAreReplaced(t *testing.T) {
	inTime(t, func(d *desk) {
		d.report("a", "faulty")
		d.set(d.trigger("repair/1", 0))
		d.want("a=faulty")
		d.set(d.trigger("repair/1", 0), d.trigger("repair/2", time.Minute))
		d.want()
		first := d.who
		d.set(d.trigger("repair/1", 0), d.trigger("repair/2", time.Minute))
		if d.who != first {
			t.Error("all twins were read again although no trigger is new")
		}
		d.pass(time.Minute)
		d.want("a=faulty")
		d.set(d.trigger("repair/1", 0))
		d.report("b", "faulty")
		d.pass(time.Minute)
		d.want("b=faulty")
		d.set()
		if d.who != nil {
			t.Error("the hub is watched for no trigger")
		}
		d.set(d.trigger("repair/1", 0))
		d.want()
	})
}

func TestADeviceThatIsDeletedIsForgotten(t *testing.T) {
	inTime(t, func(d *desk) {
		d.set(d.trigger("repair/1", 0))
		d.report("a", "faulty")
		d.want("a=faulty")
		d.who.Gone("a")
		d.pass(0)
		for m := range d.store.Marks(d.ctx, "twin repair/1") {
			t.Errorf("there is still a mark of %s", m.Name)
		}
	})
}

func TestAHubThatCannotBeReadIsToldOfRarely(t *testing.T) {
	inTime(t, func(d *desk) {
		d.set(d.trigger("repair/1", 0), d.trigger("clean/1", 0))
		away := &hub.Error{Op: "query", Kind: hub.Unavailable, Err: errors.New("away")}
		for range 26 * 60 {
			d.who.Trouble(away)
			clock.Sleep(d.ctx, d.clock, time.Second)
		}
		d.who.Recovered()
		d.who.Recovered()
		d.who.Trouble(away)
		d.set(d.trigger("repair/1", 0), d.trigger("paint/1", 0)) // a new one, so that all twins are read again, which works
		want := "blind  clean/1+repair/1, blind  clean/1+repair/1, blind  clean/1+repair/1, sighted  clean/1+repair/1, blind  clean/1+repair/1, sighted  paint/1+repair/1"
		if got := strings.Join(d.events, ", "); got != want {
			t.Errorf("told %s\nwant %s", got, want)
		}
	})
}

// TestAStormIsBounded: of very many changes a device is one entry, and none of the devices is lost.
func TestAStormIsBounded(t *testing.T) {
	inTime(t, func(d *desk) {
		d.took = 10 * time.Millisecond
		d.set(d.trigger("repair/1", 0))
		const devices = 1000
		for i := range 50 {
			for n := range devices {
				d.report(fmt.Sprintf("dev-%04d", n), []string{"ok", "faulty"}[i%2])
			}
		}
		d.pass(time.Minute)
		if len(d.runs) < devices || len(d.runs) > 2*devices {
			t.Errorf("%d runs for %d devices that are faulty", len(d.runs), devices)
		}
		if n := len(d.look.tasks); n != 0 {
			t.Errorf("%d tasks are left", n)
		}
	})
}
