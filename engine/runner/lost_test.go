package runner

import (
	"context"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// forgetful is a journal that loses with the process what nobody has waited for.
type forgetful struct {
	journal.Journal
	later []engine.Event
}

func (j *forgetful) Append(ctx context.Context, run string, events []engine.Event, s journal.Standing) error {
	all := append(j.later, events...)
	j.later = nil
	return j.Journal.Append(ctx, run, all, s)
}

func (j *forgetful) AppendLater(_ string, events []engine.Event, _ journal.Standing) error {
	j.later = append(j.later, events...)
	return nil
}

// TestWhatIsLostIsDoneAgain lets random runs die after each time they keep something, with all lost that was not waited
// for: they end as if nothing had happened.
func TestWhatIsLostIsDoneAgain(t *testing.T) { bothWays(t, whatIsLostIsDoneAgain) }

func whatIsLostIsDoneAgain(t *testing.T, park bool) {
	deaths, lost := 0, 0
	for seed := range uint64(10) {
		p := randomProgram(seed)
		config := Config{Program: always(p), Park: park}
		begin := func(ctx context.Context, r *Runner) (*Handle, error) {
			return r.Start(ctx, p, engine.RunStart{ID: "r1"})
		}
		config.Journal = journal.NewMemory()
		whole, _ := drive(t, start, config, seed, begin)
		for death := 0; ; death++ {
			j := &forgetful{Journal: journal.NewMemory()}
			left := dieAfter(t, death, j, config, seed, begin)
			if left[len(left)-1].Kind == engine.RunEnded {
				break
			}
			deaths++
			lost += len(j.later)
			config.Journal = j.Journal
			at := left[len(left)-1].Time.Add(time.Second)
			again, _ := drive(t, at, config, seed, func(ctx context.Context, r *Runner) (*Handle, error) { return r.Resume(ctx, "r1") })
			if got, want := facts(again), facts(whole); got != want {
				t.Fatalf("seed %d, death %d: \n%s\nwant\n%s", seed, death, got, want)
			}
		}
	}
	if deaths < 100 || lost < 100 {
		t.Errorf("%d deaths, %d events lost: the programs are too simple", deaths, lost)
	}
}

// dieAfter lets a run live until it has kept something so many times after its beginning, and gives what is left of it.
func dieAfter(t *testing.T, keeps int, j *forgetful, config Config, seed uint64, begin func(context.Context, *Runner) (*Handle, error)) []engine.Event {
	t.Helper()
	virtual(t, start, func(ctx context.Context, c *clock.Loop) {
		inner, stop := c.WithCancel(ctx)
		defer stop()
		tapped := tap(j)
		tapped.after = func(int) error { keeps--; return stopAt(-keeps, 0, stop) }
		config.Clock, config.Journal, config.Do, config.Watch = c, tapped, busyWorld(c, seed), busyWatch(c, seed)
		h, err := begin(inner, New(config))
		if err != nil {
			t.Fatal(err)
		}
		h.Wait(ctx)
	})
	return eventsOf(t, j.Journal, "r1")
}

// TestTheAnswerToAnEffectIsWaitedFor: lost, it would count as one of which nothing is known.
func TestTheAnswerToAnEffectIsWaitedFor(t *testing.T) {
	p := program(do("reboot", once), do("look", read), do("set", repeatable), do("again", read))
	virtual(t, start, func(ctx context.Context, c *clock.Loop) {
		j := journal.NewMemory()
		w := world{}
		for step, before := range map[string]engine.Address{"look": "reboot#1", "again": "set#1"} {
			w[step] = func(context.Context, engine.Command) (any, error) {
				if answer(eventsOf(t, j, "r1"), before) == nil {
					t.Errorf("%s begins before the answer to %s is kept", step, before)
				}
				return nil, nil
			}
		}
		h, err := New(Config{Clock: c, Journal: &forgetful{Journal: j}, Do: w.do}).Start(ctx, p, engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Wait(ctx); err != nil {
			t.Fatal(err)
		}
	})
}
