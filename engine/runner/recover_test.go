package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// facts are what a run did, whenever it did it.
func facts(events []engine.Event) string {
	var all []string
	for _, e := range events {
		if e.Kind == engine.StepDone || e.Kind == engine.TimerFired {
			value, _ := json.Marshal(e.Value)
			all = append(all, fmt.Sprintf("%s %s %s %v", e.Kind, e.At, value, e.Error))
		}
	}
	slices.Sort(all)
	end, _ := json.Marshal(events[len(events)-1].End)
	return strings.Join(append(all, string(end)), "\n")
}

// stepsEnded are the steps that people were told have ended.
func stepsEnded(notes []*engine.Note) []string {
	var at []string
	for _, n := range notes {
		if n.Kind == engine.NoteStepEnded {
			at = append(at, string(n.At))
		}
	}
	return at
}

func TestResumeAfterEveryEventHasTheSameOutcome(t *testing.T) {
	bothWays(t, resumeAfterEveryEventHasTheSameOutcome)
}

func resumeAfterEveryEventHasTheSameOutcome(t *testing.T, park bool) {
	cuts, failed := 0, 0
	for seed := range uint64(10) {
		p := randomProgram(seed)
		whole, told := drive(t, start, Config{Journal: journal.NewMemory(), Program: always(p), Park: park}, seed, func(ctx context.Context, r *Runner) (*Handle, error) {
			return r.Start(ctx, p, engine.RunStart{ID: "r1"})
		})
		if whole[len(whole)-1].End.Status == engine.Failed {
			failed++
		}
		for cut := 1; cut <= len(whole); cut++ {
			cuts++
			j := journal.NewMemory()
			if _, err := j.Begin(t.Context(), beginning(whole[0], sources(p))); err != nil {
				t.Fatal(err)
			}
			if err := j.Append(t.Context(), "r1", slices.Clone(whole[1:cut]), journal.Standing{}); err != nil {
				t.Fatal(err)
			}
			later := whole[cut-1].Time.Add(time.Duration(cut%3) * time.Second)
			again, toldAgain := drive(t, later, Config{Journal: j, Program: always(p), Park: park}, seed, func(ctx context.Context, r *Runner) (*Handle, error) {
				return r.Resume(ctx, "r1")
			})
			if got, want := facts(again), facts(whole); got != want {
				t.Fatalf("seed %d, cut after %d of %d: \n%s\nwant\n%s", seed, cut, len(whole), got, want)
			}
			before := engine.NewRun(p).Next(whole[:cut]...).Notes
			both := append(stepsEnded(pointers(before)), toldAgain...)
			slices.Sort(both)
			if !slices.Equal(both, told) && cut < len(whole) {
				t.Fatalf("seed %d, cut after %d: people were told of\n%v\nin all, want\n%v", seed, cut, both, told)
			}
		}
	}
	if cuts < 300 || failed < 3 {
		t.Errorf("%d cuts, %d runs failed: the programs are too simple", cuts, failed)
	}
}

func pointers(notes []engine.Note) []*engine.Note {
	all := make([]*engine.Note, len(notes))
	for i := range notes {
		all[i] = &notes[i]
	}
	return all
}

// drive runs to the end on virtual time and gives the events and, sorted, the steps whose end was observed.
func drive(t *testing.T, at time.Time, config Config, seed uint64, begin func(context.Context, *Runner) (*Handle, error)) ([]engine.Event, []string) {
	t.Helper()
	var notes []*engine.Note
	virtual(t, at, func(ctx context.Context, c *clock.Loop) {
		config.Clock, config.Do, config.Watch = c, busyWorld(c, seed), busyWatch(c, seed)
		config.Observe = func(u Update) {
			if u.Note != nil {
				notes = append(notes, u.Note)
			}
		}
		r := New(config)
		h, err := begin(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Wait(ctx); err != nil {
			t.Fatal(err)
		}
	})
	ended := stepsEnded(notes)
	slices.Sort(ended)
	return eventsOf(t, config.Journal, "r1"), ended
}

// TestALongTurnIsTheSameWhenItIsRebuilt has an effect begin while the planner has much to decide that needs no world.
func TestALongTurnIsTheSameWhenItIsRebuilt(t *testing.T) {
	loop := each("loop", 4000, 1, do("count", engine.Set, text(literal(map[string]any{}))))
	p := program(parallel("p", []*engine.Step{do("a", once), sleep("nap", "1s")}, []*engine.Step{loop, do("b", once)}))
	begin := func(ctx context.Context, r *Runner) (*Handle, error) {
		return r.Start(ctx, p, engine.RunStart{ID: "r1"})
	}
	whole, _ := drive(t, start, Config{Journal: journal.NewMemory(), Program: always(p)}, 1, begin)
	if !strings.Contains(story(whole), "timerFired !turn") {
		t.Fatalf("it was decided in one turn:\n%s", story(whole))
	}
	plan := engine.NewRun(p)
	if end := plan.Next(whole...).End; end == nil || end.Status != engine.Succeeded || len(plan.Outstanding()) > 0 {
		t.Errorf("by its events it ended as %+v, with %d left\n%s", end, len(plan.Outstanding()), story(whole))
	}
}

// TestKilledAnywhereAnEffectHappensOnce stops a run after each append, and before it, with all that was not
// waited for lost, and resumes it.
func TestKilledAnywhereAnEffectHappensOnce(t *testing.T) {
	bothWays(t, killedAnywhereAnEffectHappensOnce)
}

func killedAnywhereAnEffectHappensOnce(t *testing.T, park bool) {
	p := program(
		do("first", once, retry(3)),
		parallel("both",
			[]*engine.Step{each("left", 3, 2, do("a", once, func(s *engine.Step) { s.ContinueOnError = true }), sleep("nap", "1s"))},
			[]*engine.Step{do("b", once, timeout("1m")), do("c", repeatable), do("d", once)}),
	)
	for name, kill := range map[string]func(*tapped, int, func()){
		"Before": func(j *tapped, at int, stop func()) { j.before = func(n int) error { return stopAt(n, at, stop) } },
		"After":  func(j *tapped, at int, stop func()) { j.after = func(n int) error { return stopAt(n, at, stop) } },
	} {
		t.Run(name, func(t *testing.T) {
			for at := 2; at < 30; at++ {
				j := journal.NewMemory()
				calls := map[engine.Address]int{}
				countingDo := func(c *clock.Loop) func(context.Context, engine.RunStart, engine.Command, func(string)) (any, error) {
					do := slow(c)
					return func(ctx context.Context, run engine.RunStart, c engine.Command, w func(string)) (any, error) {
						if c.Delivery == engine.Once {
							calls[c.At]++
							if !began(eventsOf(t, j, "r1"), c.At) {
								t.Errorf("%d: %s happens before its intent is kept", at, c.At)
							}
						}
						return do(ctx, run, c, w)
					}
				}
				forgetful := &forgetful{Journal: j}
				tapped := tap(forgetful)
				virtual(t, start, func(ctx context.Context, c *clock.Loop) {
					ctx, stop := c.WithCancel(ctx)
					defer stop()
					kill(tapped, at, stop)
					h, err := New(Config{Clock: c, Journal: tapped, Do: countingDo(c), Program: always(p), Park: park}).Start(ctx, p, engine.RunStart{ID: "r1"})
					if err != nil {
						t.Fatal(err)
					}
					h.Wait(context.WithoutCancel(ctx))
				})
				left := eventsOf(t, j, "r1")
				virtual(t, start.Add(time.Minute/2), func(ctx context.Context, c *clock.Loop) {
					h, err := New(Config{Clock: c, Journal: j, Do: countingDo(c), Program: always(p), Park: park}).Resume(ctx, "r1")
					if err != nil {
						t.Fatal(err)
					}
					if _, err := h.Wait(ctx); err != nil {
						t.Fatal(err)
					}
				})
				checkOnce(t, left, eventsOf(t, j, "r1"), calls)
			}
		})
	}
}

func stopAt(n, at int, stop func()) error {
	if n >= at {
		stop()
	}
	return nil
}

func began(events []engine.Event, at engine.Address) bool {
	return slices.ContainsFunc(events, func(e engine.Event) bool { return e.Kind == engine.StepStarted && e.At == at })
}

func answer(events []engine.Event, at engine.Address) *engine.Event {
	for _, e := range events {
		if e.Kind == engine.StepDone && e.At == at {
			return &e
		}
	}
	return nil
}

// checkOnce holds a resumed run against what it had left behind.
func checkOnce(t *testing.T, left, all []engine.Event, calls map[engine.Address]int) {
	t.Helper()
	for at, n := range calls {
		if n > 1 {
			t.Errorf("%s happened %d times:\n%s", at, n, story(all))
		}
	}
	for _, e := range left {
		if e.Kind != engine.StepStarted || answer(left, e.At) != nil || strings.HasSuffix(string(e.At), "c#1") {
			continue
		}
		if e := answer(all, e.At); e == nil || e.Error == nil || e.Error.Kind != engine.KindInterrupted || !e.Error.MaybeDone {
			t.Errorf("%s was under way and ended as %+v", e.At, e)
		}
	}
	if last := all[len(all)-1]; last.Kind != engine.RunEnded {
		t.Errorf("the resumed run did not end:\n%s", story(all))
	}
}

// resumed resumes a run with these events at a time on virtual time.
func resumed(t *testing.T, at time.Time, p *engine.Program, w world, events ...engine.Event) ran {
	t.Helper()
	j := journal.NewMemory()
	first := engine.Event{Time: start, Kind: engine.RunStarted, Start: &engine.RunStart{ID: "r1", File: "test.yaml", Hash: "abc", Inputs: map[string]any{}}}
	if _, err := j.Begin(t.Context(), beginning(first, sources(p))); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), "r1", events, journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	var got ran
	virtual(t, at, func(ctx context.Context, c *clock.Loop) {
		r := New(Config{Clock: c, Journal: j, Do: w.do, Program: always(p), Observe: func(u Update) { got.updates = append(got.updates, u) }})
		h, err := r.Resume(ctx, "r1")
		if err != nil {
			t.Fatal(err)
		}
		got.outcome, got.err = h.Wait(ctx)
	})
	got.events = eventsOf(t, j, "r1")
	return got
}

func TestInterruptedSaysWhenItWasSent(t *testing.T) {
	got := resumed(t, start.Add(time.Hour), program(do("a", once)), nil,
		engine.Event{Time: start.Add(62 * time.Second), Kind: engine.StepStarted, At: "a#1"})
	e := got.outcome.Error
	if want := "call: the request was sent at 02:31:02 UTC on 2026-03-01; whether it took effect is unknown"; e == nil || e.Kind != engine.KindInterrupted || !e.MaybeDone || e.Message != want {
		t.Errorf("error %+v, want %s", e, want)
	}
	if u := got.updates[0]; u.Start == nil || !u.Resumed {
		t.Errorf("the first update is %s", show(u))
	}
}

func TestATimerWaitsForWhatIsLeft(t *testing.T) {
	p := program(do("a", read), sleep("nap", "1h"))
	done := engine.Event{Time: start, Kind: engine.StepDone, At: "a#1"}
	for after, want := range map[time.Duration]time.Duration{20 * time.Minute: time.Hour, 3 * time.Hour: 3 * time.Hour} {
		got := resumed(t, start.Add(after), p, nil, done)
		if last := got.events[len(got.events)-1]; last.Time.Sub(start) != want {
			t.Errorf("resumed after %v: ended after %v, want %v", after, last.Time.Sub(start), want)
		}
	}
}

func TestADeadlineGivesNoSecondHelping(t *testing.T) {
	p := program(do("a", read, timeout("1m")))
	began := engine.Event{Time: start, Kind: engine.StepStarted, At: "a#1"}
	calls := 0
	w := world{"a": func(ctx context.Context, _ engine.Command) (any, error) { calls++; return nil, hold(ctx) }}
	got := resumed(t, start.Add(40*time.Second), p, w, began)
	if last := got.events[len(got.events)-1]; last.Time.Sub(start) != time.Minute || got.outcome.Error.Kind != engine.KindTimeout || calls != 1 {
		t.Errorf("ended after %v with %+v, %d calls", last.Time.Sub(start), got.outcome.Error, calls)
	}
	got = resumed(t, start.Add(40*time.Hour), p, w, began)
	if got.outcome.Error.Kind != engine.KindTimeout || calls != 1 {
		t.Errorf("too late: %+v, %d calls, want a timeout without a call", got.outcome.Error, calls)
	}
}

func TestWhatWasToldToEndIsNotMadeAgain(t *testing.T) {
	for _, typ := range []*engine.StepType{read, once} {
		p := program(do("a", typ))
		p.Workflow.Finally = &engine.Finally{Steps: []*engine.Step{do("tidy", read)}}
		calls := 0
		w := world{"a": func(context.Context, engine.Command) (any, error) { calls++; return nil, nil }}
		got := resumed(t, start.Add(time.Hour), p, w,
			engine.Event{Time: start, Kind: engine.StepStarted, At: "a#1"},
			engine.Event{Time: start.Add(time.Second), Kind: engine.CancelRequested, Reason: "ctrl-c"})
		e := got.outcome.Error
		if calls != 0 || got.outcome.Status != engine.Cancelled || e.MaybeDone != (typ == once) || answer(got.events, "finally/tidy#1") == nil {
			t.Errorf("%s: %d calls, outcome %+v %+v\n%s", typ.Name, calls, got.outcome, e, story(got.events))
		}
	}
}

func TestResumeOfWhatHasEnded(t *testing.T) {
	p := program(do("a", read))
	done := engine.Event{Time: start, Kind: engine.StepDone, At: "a#1"}
	end := engine.Event{Time: start, Kind: engine.RunEnded, End: &engine.Outcome{Status: engine.Succeeded, Message: "kept"}}
	got := resumed(t, start, p, nil, done, end)
	if got.err != nil || got.outcome.Message != "kept" || len(got.events) != 3 || len(got.updates) != 0 {
		t.Errorf("outcome %+v, %v, %d events, %d updates", got.outcome, got.err, len(got.events), len(got.updates))
	}
	got = resumed(t, start, p, nil, done)
	if s := story(got.events); s != lines("runStarted", "stepDone a#1", "runEnded succeeded") {
		t.Errorf("killed before the end was written:\n%s", s)
	}
}

func TestResumeRefuses(t *testing.T) {
	j := journal.NewMemory()
	broken := errors.New("test.yaml:1:1: unknown step")
	r := New(Config{Clock: clock.Real(), Journal: j, Do: world{}.do, Program: func(sources []journal.Source) (*engine.Program, error) {
		return nil, fmt.Errorf("%s: %w", sources[0].Text, broken)
	}})
	if _, err := r.Resume(t.Context(), "nobody"); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("unknown run: %v", err)
	}
	first := engine.Event{Time: start, Kind: engine.RunStarted, Start: &engine.RunStart{ID: "r1"}}
	if _, err := j.Begin(t.Context(), beginning(first, sources(program()))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.Resume(t.Context(), "r1"); !errors.Is(err, broken) || !strings.Contains(err.Error(), "run r1 cannot go on with the workflow as it was when the run began: test: test.yaml:1:1") {
			t.Errorf("a program that cannot be made: %v", err)
		}
	}
	empty(t, r)
}
