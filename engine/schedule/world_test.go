package schedule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/internal/clock/clockrule"
)

func TestClockRule(t *testing.T) { clockrule.Check(t, ".") }

// A world is a journal in memory with servers that come and go, in virtual time.
type world struct {
	t     testing.TB
	clock clock.Clock
	store *journal.Memory
	grace time.Duration

	runs  int
	began map[string][]begun         // by schedule, in the order of beginning
	took  time.Duration              // how long a run goes on
	fault func(committed bool) error // what goes wrong when a run is to be begun, or just has been
	fired []Fired
}

// A begun is a run, by the time it stands for.
type begun struct {
	nominal, at time.Time
	backfill    bool
}

var start = time.Date(2026, 1, 1, 0, 0, 30, 0, time.UTC)

// inWorld runs f in virtual time from start on.
func inWorld(t testing.TB, f func(ctx context.Context, w *world)) {
	t.Helper()
	loop := clock.NewLoop(start)
	w := &world{t: t, clock: loop, store: journal.NewMemory(), grace: time.Nanosecond, began: map[string][]begun{}}
	w.fault = func(bool) error { return nil }
	if err := loop.Run(t.Context(), func(ctx context.Context) { f(ctx, w) }); err != nil {
		t.Fatal(err)
	}
}

// serve starts a server with these schedules, which stop ends.
func (w *world) serve(ctx context.Context, list ...Schedule) (b *Book, stop func()) {
	b = New(Config{
		Store: w.store, Starter: w, Clock: w.clock, Grace: w.grace, Look: 10000 * time.Hour,
		Observe: func(f Fired) { w.fired = append(w.fired, f) },
	})
	b.Replace(list)
	ctx, cancel := w.clock.WithCancel(ctx)
	ended := clock.NewPromise[error](w.clock)
	w.clock.Go(ctx, "a server", func(ctx context.Context) { ended.Resolve(b.Run(ctx)) })
	return b, func() {
		cancel()
		if err, _ := ended.Await(context.Background()); err != nil {
			w.t.Error(err)
		}
	}
}

// Fire begins runs as a server does.
func (w *world) Fire(ctx context.Context, s Schedule, nominal time.Time, backfill bool) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := w.fault(false); err != nil {
		return err
	}
	now := w.clock.Now()
	a := s.Admission(nominal, now, backfill)
	w.runs++
	id := fmt.Sprintf("run%d", w.runs)
	begin := engine.Event{Kind: engine.RunStarted, Time: now, Start: &engine.RunStart{ID: id, Workflow: s.Workflow}}
	queued, err := w.store.Begin(ctx, journal.Beginning{Events: []engine.Event{begin}, Marks: a.Marks, Fire: a.Fire, Slots: a.Slots})
	if err != nil {
		return err
	}
	w.began[s.ID] = append(w.began[s.ID], begun{nominal.UTC(), now, backfill})
	if !queued {
		w.clock.After(w.took, func() { w.end(id) })
	}
	return w.fault(true)
}

func (w *world) end(id string) {
	end := engine.Event{Kind: engine.RunEnded, Time: w.clock.Now(), End: &engine.Outcome{Status: engine.Succeeded}}
	if err := w.store.Append(context.Background(), id, []engine.Event{end}, journal.Standing{}); err != nil {
		w.t.Error(err)
	}
}

// admit has queued runs go on when the journal says so.
func (w *world) admit() (stop func()) {
	return w.store.Listen(func(r journal.Request) {
		if r.Kind == engine.RunAdmitted {
			w.clock.After(w.took, func() { w.end(r.Run) })
		}
	})
}

// wait lets time pass.
func (w *world) wait(ctx context.Context, d time.Duration) {
	if err := clock.Sleep(ctx, w.clock, d); err != nil {
		w.t.Error(err)
	}
}

func (w *world) pause(id string, paused bool) {
	w.t.Helper()
	if err := w.store.PauseSchedule(context.Background(), id, paused, "anna", w.clock.Now()); err != nil {
		w.t.Error(err)
	}
}

// said are a schedule's runs: the time that each stands for, and when it began if that was another one.
func (w *world) said(id string) string {
	var words []string
	for _, b := range w.began[id] {
		text := b.nominal.Format("02 15:04")
		if !b.at.Equal(b.nominal) {
			text += b.at.Format(" at 02 15:04:05")
		}
		words = append(words, text)
	}
	return strings.Join(words, ", ")
}

func (w *world) want(id, want string) {
	w.t.Helper()
	if got := w.said(id); got != want {
		w.t.Errorf("%s began\n got %s\nwant %s", id, got, want)
	}
}

// of is a schedule w/1 with these times, in UTC, and more.
func of(t testing.TB, cron string, more ...func(*engine.Schedule)) Schedule {
	t.Helper()
	s := &engine.Schedule{ID: "1", Cron: cron, Zone: "UTC", Overlap: engine.OverlapAllow}
	for _, f := range more {
		f(s)
	}
	read, err := new(Reader).Read("w", s)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func missing(m engine.Missed) func(*engine.Schedule) {
	return func(s *engine.Schedule) { s.Missed = m }
}

func overlapping(o engine.Overlap) func(*engine.Schedule) {
	return func(s *engine.Schedule) { s.Overlap = o }
}

func jittering(d time.Duration) func(*engine.Schedule) {
	return func(s *engine.Schedule) { s.Jitter = d }
}

var errBroken = errors.New("the disk is full")
