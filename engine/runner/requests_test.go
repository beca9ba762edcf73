package runner

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// wish asks through the journal, as another process does.
func (y *yard) wish(kind engine.EventKind, reason string) {
	y.t.Helper()
	err := y.journal.Ask(y.ctx, journal.Request{Run: "r1", Kind: kind, Reason: reason, By: "ann@desk", Time: y.clock.Now()})
	if err != nil {
		y.t.Fatal(err)
	}
	y.pass(0)
}

// wishes are those that nobody has answered.
func (y *yard) wishes() (all []journal.Request) {
	y.journal.Listen(func(q journal.Request) { all = append(all, q) })()
	return all
}

func TestPauseOfAParkedRun(t *testing.T) {
	for name, how := range map[string]struct {
		pause, resume func(y *yard, h *Handle)
		by            string
	}{
		"ByItsHandle": {
			func(_ *yard, h *Handle) { h.Pause("lunch") },
			func(_ *yard, h *Handle) { h.Resume() }, "",
		},
		"ThroughTheJournal": {
			func(y *yard, _ *Handle) { y.wish(engine.PauseRequested, "lunch") },
			func(y *yard, _ *Handle) { y.wish(engine.ResumeRequested, "") }, "ann@desk",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := program(sleep("nap", "1h"), do("a", once))
			y := inYard(t, p, nil, func(y *yard) {
				h := y.begin(p)
				y.pass(time.Minute)
				how.pause(y, h)
				y.pass(time.Minute)
				y.isParked()
				line, _ := y.journal.Run(y.ctx, "r1")
				if want := (journal.Standing{Parked: true, Paused: true, Wake: start.Add(time.Hour)}); line.Standing != want {
					t.Errorf("standing %+v, want %+v", line.Standing, want)
				}
				y.pass(3 * time.Hour)
				y.isParked()
				line, _ = y.journal.Run(y.ctx, "r1")
				if want := (journal.Standing{Parked: true, Paused: true}); line.Standing != want {
					t.Errorf("after the sleep: standing %+v, want %+v", line.Standing, want)
				}
				if left := y.wishes(); len(left) > 0 {
					t.Errorf("unanswered: %+v", left)
				}
				how.resume(y, h)
				y.ends(h, engine.Succeeded)
			})
			events := eventsOf(t, y.journal, "r1")
			want := lines("runStarted", "pauseRequested", "timerFired nap#1", "resumeRequested", "stepStarted a#1", "stepDone a#1", "runEnded succeeded")
			if s := story(events); s != want {
				t.Fatalf("events:\n%s\nwant:\n%s", s, want)
			}
			if e := events[1]; e.By != how.by || e.Reason != "lunch" || e.Time.Sub(start) != time.Minute || (e.Request != 0) != (how.by != "") {
				t.Errorf("event %+v", e)
			}
			if s := lines(y.updates...); strings.Count(s, "paused") != 1 || strings.Count(s, "resumed") != 1 || strings.Contains(s, "start\nstart") {
				t.Errorf("people were told:\n%s", s)
			}
		})
	}
}

func TestAWatchGoesOnWhileItsRunIsPaused(t *testing.T) {
	p := program(do("a", await), do("b", once))
	inYard(t, p, nil, func(y *yard) {
		h := y.begin(p)
		h.Pause("")
		y.pass(time.Minute)
		y.bells.ring("a#1")
		y.pass(time.Minute)
		y.isParked()
		if s := story(eventsOf(t, y.journal, "r1")); !strings.HasSuffix(s, "stepDone a#1") {
			t.Errorf("events:\n%s", s)
		}
		h.Cancel("enough")
		y.ends(h, engine.Cancelled)
	})
}

// TestRequestsCrossEachOther has requests of all kinds come at once, while the run is parked and while it is rebuilt.
func TestRequestsCrossEachOther(t *testing.T) {
	p := program(sleep("nap", "1h"), do("a", once))
	for name, c := range map[string]struct {
		parked, rebuilt func(h *Handle)
		want            engine.Status
		after           time.Duration
	}{
		"PauseAndResume":   {func(h *Handle) { h.Pause(""); h.Resume() }, func(*Handle) {}, engine.Succeeded, time.Hour},
		"ResumeIsLate":     {func(h *Handle) { h.Pause("") }, func(h *Handle) { h.Resume() }, engine.Succeeded, time.Hour},
		"CancelWins":       {func(h *Handle) { h.Pause("") }, func(h *Handle) { h.Cancel("no"); h.Pause("") }, engine.Cancelled, 0},
		"CancelComesTwice": {func(h *Handle) { h.Cancel("no") }, func(h *Handle) { h.Cancel("no") }, engine.Cancelled, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inYard(t, p, nil, func(y *yard) {
				h := y.begin(p)
				y.journal.read = func(string) {
					y.journal.read = func(string) {}
					c.rebuilt(h)
				}
				c.parked(h)
				y.ends(h, c.want)
				if passed := y.clock.Now().Sub(start); passed != c.after {
					t.Errorf("it took %v, want %v", passed, c.after)
				}
			})
		})
	}
}

// TestAWishComesMoreThanOnce is what a journal may do until a wish is answered, and just after.
func TestAWishComesMoreThanOnce(t *testing.T) {
	p := program(do("a", await), do("b", once))
	y := inYard(t, p, nil, func(y *yard) {
		h := y.begin(p)
		q := journal.Request{ID: 7, Run: "r1", Kind: engine.PauseRequested, By: "ann@desk"}
		y.hear(q)
		y.hear(q)
		y.pass(0)
		y.hear(q)
		y.pass(0)
		h.Resume()
		y.pass(0)
		y.hear(q)
		y.bells.ring("a#1")
		y.ends(h, engine.Succeeded)
	})
	if s := story(eventsOf(t, y.journal, "r1")); strings.Count(s, "pauseRequested") != 1 {
		t.Errorf("events:\n%s", s)
	}
}

func TestAWishBeforeTheRunIsHere(t *testing.T) {
	p := program(sleep("nap", "1h"), do("a", once))
	y := inYard(t, p, nil, func(y *yard) {
		y.hear(journal.Request{ID: 7, Run: "r1", Kind: engine.PauseRequested})
		y.hear(journal.Request{ID: 8, Run: "r1", Kind: engine.ResumeRequested})
		h, err := y.Start(y.ctx, p, engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		y.ends(h, engine.Succeeded)
	})
	if s := story(eventsOf(t, y.journal, "r1")); !strings.HasPrefix(s, "runStarted\npauseRequested\nresumeRequested\n") {
		t.Errorf("events:\n%s", s)
	}
}

// TestACancelOfNobodyIsNotRemembered has a handle of a run that has ended be asked.
func TestACancelOfNobodyIsNotRemembered(t *testing.T) {
	p := program(do("a", read))
	inYard(t, p, nil, func(y *yard) {
		h, err := y.Start(y.ctx, p, engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		y.ends(h, engine.Succeeded)
		h.Cancel("late")
		h.Pause("late")
		y.ends(h, engine.Succeeded)
	})
}

// TestTimeDoesNotRunBack has a wish come before its run goes on, and the run end: what is told of it has times in order,
// and the end has that of the journal.
func TestTimeDoesNotRunBack(t *testing.T) {
	p := program(do("a", once))
	j := leftBehind(t, p, nil, []string{"r1"})
	virtual(t, start.Add(time.Minute), func(ctx context.Context, c *clock.Loop) {
		var told []Update
		r := New(Config{
			Clock: c, Journal: j, Do: world{}.do, Program: always(p),
			Observe: func(u Update) { told = append(told, u); clock.Sleep(ctx, c, time.Millisecond) },
		})
		r.hear(journal.Request{ID: 7, Run: "r1", Kind: engine.CancelRequested, By: "ann@desk"})
		clock.Sleep(ctx, c, 3*time.Second)
		h, err := r.Resume(ctx, "r1")
		if err != nil {
			t.Error(err)
			return
		}
		h.Wait(ctx)
		for i := 1; i < len(told); i++ {
			if told[i].Time.Before(told[i-1].Time) {
				t.Errorf("%+v is told after %+v", told[i], told[i-1])
			}
		}
		events := eventsOf(t, j, "r1")
		if last := told[len(told)-1]; last.End == nil || !last.Time.Equal(events[len(events)-1].Time) {
			t.Errorf("the end is told at %v, and kept at %v", last.Time, events[len(events)-1].Time)
		}
	})
}
