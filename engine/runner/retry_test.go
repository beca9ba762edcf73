package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

func TestRetryKeepsWhatWasDone(t *testing.T) { bothWays(t, retryKeepsWhatWasDone) }

func retryKeepsWhatWasDone(t *testing.T, park bool) {
	p := program(do("a", once), sleep("nap", "72h"), do("b", once), do("c", once))
	j, calls, broken := journal.NewMemory(), map[string]int{}, true
	w := func(_ context.Context, _ engine.RunStart, c engine.Command, _ func(string)) (any, error) {
		calls[c.Step.ID]++
		if c.Step.ID == "b" && broken {
			return nil, &engine.Error{Kind: engine.KindRejected, Message: "no"}
		}
		return map[string]any{"value": c.Step.ID}, nil
	}
	virtual(t, start, func(ctx context.Context, c *clock.Loop) {
		var told []string
		r := New(Config{Clock: c, Journal: j, Do: w, Program: always(p), Park: park, Observe: func(u Update) { told = append(told, show(u)) }})
		h, err := r.Start(ctx, p, engine.RunStart{ID: "r1", Inputs: map[string]any{}, Hub: "desk"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Retry(ctx, "r1", nil, nil, "ann"); err == nil || !strings.Contains(err.Error(), "has not ended") {
			t.Errorf("retry of a run under way: %v", err)
		}
		if outcome, err := h.Wait(ctx); err != nil || outcome.Status != engine.Failed {
			t.Fatal(outcome, err)
		}
		failed, before := c.Now(), len(told)
		broken = false
		if h, err = r.Retry(ctx, "r1", nil, nil, "ann"); err != nil {
			t.Fatal(err)
		}
		if outcome, err := h.Wait(ctx); err != nil || outcome.Status != engine.Succeeded {
			t.Fatal(outcome, outcome.Error, err)
		}
		if c.Now() != failed {
			t.Errorf("the retry took %v", c.Now().Sub(failed))
		}
		if s := lines(told[before:]...); !strings.HasPrefix(s, "start\n") || !strings.HasSuffix(s, "stepEnded c succeeded\nend succeeded") {
			t.Errorf("people were told:\n%s", s)
		}
		if _, err := r.Retry(ctx, h.ID(), nil, nil, "ann"); err == nil || !strings.Contains(err.Error(), "has succeeded") {
			t.Errorf("retry of a run that succeeded: %v", err)
		}
		var retried *journal.RetriedError
		if _, err := r.Retry(ctx, "r1", nil, nil, "ann"); !errors.As(err, &retried) || *retried != (journal.RetriedError{Run: "r1", Retry: h.ID()}) {
			t.Errorf("another retry of r1: %v", err)
		}
		empty(t, r)
		line, err := j.Run(ctx, h.ID())
		if s := eventsOf(t, j, h.ID())[0].Start; err != nil || line.RetryOf != "r1" || s.Hub != "desk" || h.ID() == "r1" {
			t.Errorf("run %+v of %+v, %v", line, s, err)
		}
		want := lines("runStarted", "stepDone a#1", "timerFired nap#1", "stepStarted b#1", "stepDone b#1", "stepStarted c#1", "stepDone c#1", "runEnded succeeded")
		if s := story(eventsOf(t, j, h.ID())); s != want {
			t.Errorf("events:\n%s\nwant:\n%s", s, want)
		}
	})
	if s := fmt.Sprint(calls); s != "map[a:1 b:2 c:1]" {
		t.Errorf("called %s", s)
	}
}

func TestRetryDoesNotRepeatWhatMayHaveHappened(t *testing.T) {
	p := program(do("a", once))
	j := journal.NewMemory()
	virtual(t, start, func(ctx context.Context, c *clock.Loop) {
		r := New(Config{Clock: c, Journal: j, Program: always(p), Do: world{"a": func(context.Context, engine.Command) (any, error) {
			return nil, errors.New("the connection was cut")
		}}.do})
		h, err := r.Start(ctx, p, engine.RunStart{ID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		h.Wait(ctx)
		_, err = r.Retry(ctx, "r1", nil, nil, "ann")
		var doubt *DoubtError
		if !errors.As(err, &doubt) || len(doubt.Doubts) != 1 || doubt.Doubts[0].Step != "a" {
			t.Fatalf("error %v", err)
		}
		want := "run r1 is not retried, since this may have happened and would be done again:\n  a: failed: the connection was cut; the request was sent at 02:30:00"
		if !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v", err)
		}
		if runs, _ := j.Runs(ctx, journal.Filter{}); len(runs) != 1 {
			t.Errorf("%d runs", len(runs))
		}
		if h, err = r.Retry(ctx, "r1", []string{"a"}, nil, "ann"); err != nil {
			t.Fatal(err)
		}
		if outcome, err := h.Wait(ctx); err != nil || outcome.Status != engine.Failed {
			t.Error(outcome, err)
		}
		if _, err := r.Retry(ctx, "nobody", nil, nil, "ann"); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("retry of nobody: %v", err)
		}
	})
}
