package runner

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

func openSQLite(t testing.TB, file string) *journal.SQLite {
	t.Helper()
	j, err := journal.OpenSQLite(context.Background(), file, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func closeSQLite(t testing.TB, j *journal.SQLite) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// TestCutAnywhereThroughSQLite stops the process after every few events of a run, closes its journal, opens
// it again and goes on: the run ends as if nothing had happened.
func TestCutAnywhereThroughSQLite(t *testing.T) { bothWays(t, cutAnywhereThroughSQLite) }

func cutAnywhereThroughSQLite(t *testing.T, park bool) {
	cuts := 0
	for seed := range uint64(4) {
		p := randomProgram(seed)
		begin := func(ctx context.Context, r *Runner) (*Handle, error) {
			return r.Start(ctx, p, engine.RunStart{ID: "r1"})
		}
		whole, _ := drive(t, start, Config{Journal: journal.NewMemory(), Program: always(p), Park: park}, seed, begin)
		file, chance := filepath.Join(t.TempDir(), "journal.db"), rand.New(rand.NewPCG(seed, 4))
		events, at := whole[:0:0], start
		for ; len(events) == 0 || events[len(events)-1].Kind != engine.RunEnded; cuts++ {
			events = liveOnce(t, at, file, 2+chance.IntN(3), Config{Program: always(p), Park: park}, seed, begin)
			at = events[len(events)-1].Time.Add(time.Duration(chance.IntN(3)) * time.Second)
			begin = func(ctx context.Context, r *Runner) (*Handle, error) { return r.Resume(ctx, "r1") }
		}
		if got, want := facts(events), facts(whole); got != want {
			t.Fatalf("seed %d:\n%s\nwant\n%s", seed, got, want)
		}
	}
	if cuts < 25 {
		t.Errorf("%d cuts: the programs are too simple", cuts)
	}
}

// liveOnce goes on with a run until more has been kept so many times, and gives all its events.
func liveOnce(t *testing.T, at time.Time, file string, more int, config Config, seed uint64, begin func(context.Context, *Runner) (*Handle, error)) []engine.Event {
	t.Helper()
	j := openSQLite(t, file)
	defer closeSQLite(t, j)
	virtual(t, at, func(ctx context.Context, c *clock.Loop) {
		inner, stop := c.WithCancel(ctx)
		tapped := tap(j)
		tapped.after = func(int) error { more--; return stopAt(-more, 0, stop) }
		config.Clock, config.Journal, config.Do, config.Watch = c, tapped, busyWorld(c, seed), busyWatch(c, seed)
		r := New(config)
		h, err := begin(inner, r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Wait(context.WithoutCancel(inner)); err != nil && !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
		stop()
		clock.Sleep(ctx, c, grace)
		empty(t, r)
	})
	return eventsOf(t, j, "r1")
}
