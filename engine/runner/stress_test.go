package runner

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// TestParkedOrNotARunTakesTheSameCourse runs wild programs both ways on virtual time.
func TestParkedOrNotARunTakesTheSameCourse(t *testing.T) {
	reads := 0
	for seed := range uint64(60) {
		p := wilder(randomProgram(seed), seed)
		course := func(park bool) string {
			j := spy()
			drive(t, start, Config{Journal: j, Program: always(p), Park: park}, seed, func(ctx context.Context, r *Runner) (*Handle, error) {
				return r.Start(ctx, p, engine.RunStart{ID: "r1"})
			})
			reads += j.reads - 1
			var all []string
			for _, e := range eventsOf(t, j.Journal, "r1") {
				all = append(all, fmt.Sprint(e.Time, e.Kind, e.At, e.Value, e.Error))
			}
			slices.Sort(all) // what happens at the same instant has no order
			return lines(all...)
		}
		if parked, stayed := course(true), course(false); parked != stayed {
			t.Errorf("seed %d: parked\n%s\nin memory\n%s", seed, parked, stayed)
		}
	}
	if reads < 30 {
		t.Errorf("runs were rebuilt %d times: the programs are too tame", reads)
	}
}

// TestManyPartiesAtOnce is for the race detector: on the machine's clock watches answer, people cancel, pause and resume,
// and runs are parked, woken and taken up, all at the same time.
func TestManyPartiesAtOnce(t *testing.T) {
	before := runtime.NumGoroutine()
	c, j, b := clock.RealSpeed(200), journal.NewMemory(), newBells()
	p := program(
		parallel("p",
			[]*engine.Step{do("a", await, timeout("30s")), sleep("nap", "2s"), do("b", once)},
			[]*engine.Step{each("all", 5, 3, do("c", await, timeout("20s"), func(s *engine.Step) { s.ContinueOnError = true }))}),
		sleep("last", "3s"))
	p.Workflow.Finally = &engine.Finally{Steps: []*engine.Step{do("tidy", once)}}
	watch := func(run engine.RunStart, cmd engine.Command, waiting func(string), answer func(any, error)) func(error) {
		cmd.At = engine.Address(run.ID) + "|" + cmd.At
		return b.watch(run, cmd, waiting, answer)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	config := Config{Clock: c, Journal: j, Do: slow(c), Watch: watch, Program: always(p), Park: true}
	r := New(config)
	var handles []*Handle
	for i := range 40 {
		h, err := r.Start(ctx, p, engine.RunStart{ID: fmt.Sprint("r", i)})
		if err != nil {
			t.Fatal(err)
		}
		handles = append(handles, h)
	}
	meddling, enough := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() { meddle(meddling, b, handles, rand.New(rand.NewPCG(uint64(i), 5))) })
	}
	for i, h := range handles {
		if i == len(handles)/2 { // the process dies, and another one goes on
			stop()
			eventually(t, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.active)+len(r.lots) == 0 })
			r = New(config)
			recovered, err := r.Recover(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range recovered {
				all.Go(func() { other.Wait(t.Context()) })
			}
		}
		if _, err := h.Wait(t.Context()); err != nil && i < len(handles)/2 {
			t.Errorf("run %d: %v", i, err)
		}
	}
	eventually(t, func() bool {
		for _, h := range handles {
			(&Handle{runner: r, id: h.id}).Resume()
		}
		left, err := j.Runs(t.Context(), journal.Filter{Unfinished: true})
		return err != nil || len(left) == 0
	})
	enough()
	all.Wait()
	eventually(t, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.active)+len(r.lots) == 0 })
	noGoroutinesAbove(t, before)
	for _, h := range handles {
		events := eventsOf(t, j, h.ID())
		want := engine.NewRun(p).Next(events...).End
		if got := events[len(events)-1].End; got == nil || want == nil || got.Status != want.Status {
			t.Errorf("run %s ended as %+v, by its events as %+v\n%s", h.ID(), got, want, story(events))
		}
	}
}

// meddle rings and asks at random.
func meddle(ctx context.Context, b *bells, handles []*Handle, chance *rand.Rand) {
	for ctx.Err() == nil {
		h := handles[chance.IntN(len(handles))]
		switch chance.IntN(40) {
		case 0:
			h.Cancel("enough")
		case 1, 2:
			h.Pause("lunch")
		case 3, 4, 5, 6:
			h.Resume()
		default:
			b.mu.Lock()
			for _, it := range b.hung {
				go it.waiting("something")
				go it.answer(map[string]any{"value": 1.0}, nil)
				break
			}
			b.mu.Unlock()
		}
		time.Sleep(100 * time.Microsecond)
	}
}
