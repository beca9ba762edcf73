package runner

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

// failureOfStep runs a program of one step and gives the failure in its StepDone.
func failureOfStep(t *testing.T, s *engine.Step, f func(context.Context, engine.Command) (any, error)) *engine.Error {
	t.Helper()
	got := runVirtual(t, program(s), world{s.ID: f})
	if got.err != nil || got.outcome.Status != engine.Failed {
		t.Fatalf("outcome %+v, %v, want failed", got.outcome, got.err)
	}
	for _, e := range got.events {
		if e.Kind == engine.StepDone && e.Error != nil {
			return e.Error
		}
	}
	t.Fatalf("no failed StepDone in\n%s", story(got.events))
	return nil
}

func TestPanicFailsTheRunOnly(t *testing.T) {
	for name, f := range map[string]func(context.Context, engine.Command) (any, error){
		"Text": func(context.Context, engine.Command) (any, error) { panic("out of cheese") },
		"Runtime": func(_ context.Context, c engine.Command) (any, error) {
			var none []int
			return none[len(c.At)], nil
		},
		"Nil": func(context.Context, engine.Command) (any, error) { panic(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			e := failureOfStep(t, do("a", once), f)
			if e.Kind != engine.KindInternal || !e.MaybeDone {
				t.Errorf("failure %+v, want internal, maybe done", e)
			}
			for _, part := range []string{"call at test.yaml:1:1 panicked at runner/exec_test.go:", "this is a bug in twinbook"} {
				if !strings.Contains(e.Message, part) {
					t.Errorf("message %q does not say %q", e.Message, part)
				}
			}
		})
	}
}

func TestAStepThatEndsItsGoroutineFails(t *testing.T) {
	w := world{"a": func(context.Context, engine.Command) (any, error) { runtime.Goexit(); return nil, nil }}
	r := New(Config{Clock: clock.Real(), Journal: journal.NewMemory(), Do: w.do})
	h, err := r.Start(t.Context(), program(do("a", read)), engine.RunStart{})
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := h.Wait(t.Context())
	if err != nil || outcome.Error == nil || outcome.Error.Kind != engine.KindInternal || !strings.Contains(outcome.Error.Message, "ended without an answer") {
		t.Errorf("outcome %+v, %v, want internal", outcome, err)
	}
}

func TestDeadline(t *testing.T) {
	t.Run("IsNamedWithTheStepsOwnWords", func(t *testing.T) {
		e := failureOfStep(t, do("a", read, timeout("90s")), func(ctx context.Context, _ engine.Command) (any, error) {
			return nil, fmt.Errorf("the twin is still old: %w", hold(ctx))
		})
		if want := "did not finish within 1m30s: the twin is still old"; e.Kind != engine.KindTimeout || e.Message != want {
			t.Errorf("failure %v, want timeout: %s", e, want)
		}
	})
	t.Run("SaysNoMoreThanThatIfTheStepHasNothingToSay", func(t *testing.T) {
		e := failureOfStep(t, do("a", once, timeout("90s")), func(ctx context.Context, _ engine.Command) (any, error) { return nil, hold(ctx) })
		if e.Kind != engine.KindTimeout || e.Message != "did not finish within 1m30s" || !e.MaybeDone {
			t.Errorf("failure %+v", e)
		}
	})
	t.Run("DoesNotHideAnAnswer", func(t *testing.T) {
		e := failureOfStep(t, do("a", once, timeout("90s")), func(ctx context.Context, _ engine.Command) (any, error) {
			hold(ctx)
			return nil, &engine.Error{Kind: engine.KindNotFound, Message: "no such device"}
		})
		if e.Kind != engine.KindNotFound || e.MaybeDone {
			t.Errorf("failure %+v, want notFound", e)
		}
	})
	t.Run("DoesNotHideASuccess", func(t *testing.T) {
		got := runVirtual(t, program(do("a", once, timeout("90s"))), world{"a": func(ctx context.Context, _ engine.Command) (any, error) {
			hold(ctx)
			return map[string]any{"value": 1}, nil
		}})
		if got.outcome.Status != engine.Succeeded {
			t.Errorf("outcome %+v", got.outcome)
		}
	})
}

func TestADeafStepDoesNotHoldTheRun(t *testing.T) {
	for name, c := range map[string]struct {
		program *engine.Program
		want    string
	}{
		"AtItsDeadline": {
			program(do("a", once, timeout("10s"), retry(2)), do("b", read)),
			"did not finish within 10s, and went on when told to end; its answer is not awaited",
		},
		"WhenStopped": {
			program(parallel("p", []*engine.Step{do("a", once)}, []*engine.Step{sleep("nap", "10s"), do("bad", read)})),
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got ran
			j := journal.NewMemory()
			virtual(t, start, func(ctx context.Context, c2 *clock.Loop) {
				w := world{
					"a": func(context.Context, engine.Command) (any, error) {
						clock.Sleep(context.WithoutCancel(ctx), c2, time.Minute) // deaf
						return map[string]any{"value": "late"}, nil
					},
					"bad": func(context.Context, engine.Command) (any, error) { return nil, errors.New("broken") },
				}
				r := New(Config{Clock: c2, Journal: j, Do: w.do})
				h, err := r.Start(ctx, c.program, engine.RunStart{ID: "r1"})
				if err != nil {
					t.Fatal(err)
				}
				got.outcome, got.err = h.Wait(ctx)
				if passed := c2.Now().Sub(start); passed != 15*time.Second {
					t.Errorf("the run ended after %v, want 15s", passed)
				}
			})
			events := eventsOf(t, j, "r1")
			if got.err != nil || got.outcome.Status != engine.Failed || strings.Count(story(events), "stepDone") > 2 {
				t.Errorf("outcome %+v, %v\n%s", got.outcome, got.err, story(events))
			}
			if c.want != "" && (got.outcome.Error.Kind != engine.KindTimeout || !got.outcome.Error.MaybeDone || got.outcome.Error.Message != c.want) {
				t.Errorf("error %+v", got.outcome.Error)
			}
		})
	}
}

func TestOutputs(t *testing.T) {
	give := func(v any) func(context.Context, engine.Command) (any, error) {
		return func(context.Context, engine.Command) (any, error) { return v, nil }
	}
	t.Run("TooLarge", func(t *testing.T) {
		e := failureOfStep(t, do("a", once), give(map[string]any{"value": strings.Repeat("x", 3<<19)}))
		if e.Kind != engine.KindInvalid || !e.MaybeDone || e.Message != "its output has 1.5 MiB, and 1 MiB is the most that a run keeps" {
			t.Errorf("failure %+v", e)
		}
	})
	t.Run("JustNotTooLarge", func(t *testing.T) {
		for _, text := range []string{strings.Repeat("x", 1<<20-len(`{"value":""}`)), strings.Repeat("<", 900_000)} {
			got := runVirtual(t, program(do("a", read)), world{"a": give(map[string]any{"value": text})})
			if got.outcome.Status != engine.Succeeded {
				t.Errorf("outcome %+v", got.outcome)
			}
		}
	})
	t.Run("NoJSON", func(t *testing.T) {
		e := failureOfStep(t, do("a", read), give(map[string]any{"value": func() {}}))
		if e.Kind != engine.KindInvalid || e.MaybeDone || !strings.Contains(e.Message, "its output is no JSON: value: ") {
			t.Errorf("failure %+v", e)
		}
	})
	t.Run("AreSettled", func(t *testing.T) {
		got := runVirtual(t, program(do("a", read)), world{"a": give(map[string]any{"value": []any{"a\xff", start, 3 * time.Second, 7}})})
		value, _ := got.events[2].Value.(map[string]any)
		if s := fmt.Sprint(value["value"]); s != "[a\ufffd 2026-03-01T02:30:00.000Z 3s 7]" {
			t.Errorf("value %s", s)
		}
	})
	t.Run("ComeBesideAnError", func(t *testing.T) {
		got := runVirtual(t, program(do("a", read)), world{"a": func(context.Context, engine.Command) (any, error) {
			return map[string]any{"value": 1}, errors.New("half")
		}})
		if e := got.events[2]; e.Error == nil || e.Value.(map[string]any)["value"] != 1.0 {
			t.Errorf("event %+v", e)
		}
	})
}

// hubError is an error of a package we do not know.
type hubError struct {
	kind string
	sent bool
	wait time.Duration
}

func (e hubError) Error() string             { return "call reboot: broken" }
func (e hubError) ErrorKind() string         { return e.kind }
func (e hubError) MaybeDone() bool           { return e.sent }
func (e hubError) RetryAfter() time.Duration { return e.wait }

// kindOnly does not know of its effect.
type kindOnly string

func (e kindOnly) Error() string     { return "broken" }
func (e kindOnly) ErrorKind() string { return string(e) }

// masking hides what it wraps, as engine.Masker does.
type masking struct{ error }

func (e masking) Error() string { return strings.ReplaceAll(e.error.Error(), "secret", "***") }
func (e masking) Unwrap() error { return e.error }

func TestErrorsSayWhatTheyAre(t *testing.T) {
	for _, c := range []struct {
		delivery engine.Delivery
		err      error
		want     engine.Error
	}{
		{engine.Once, hubError{kind: "offline"}, engine.Error{Kind: "offline", Message: "call reboot: broken"}},
		{engine.Once, hubError{kind: "failed"}, engine.Error{Kind: "failed", Message: "call reboot: broken"}},
		{engine.Once, fmt.Errorf("more: %w", hubError{kind: "timeout", sent: true}), engine.Error{Kind: "timeout", Message: "more: call reboot: broken", MaybeDone: true}},
		{engine.Read, hubError{kind: "interrupted", sent: true}, engine.Error{Kind: "interrupted", Message: "call reboot: broken"}},
		{engine.Repeatable, &engine.Error{Kind: "timeout", Message: "late", MaybeDone: true}, engine.Error{Kind: "timeout", Message: "late"}},
		{engine.Read, hubError{kind: "throttled", wait: 1500 * time.Millisecond}, engine.Error{Kind: "throttled", Message: "call reboot: broken", RetryAfter: 1.5}},
		{engine.Once, kindOnly("notFound"), engine.Error{Kind: "notFound", Message: "broken"}},
		{engine.Once, kindOnly("timeout"), engine.Error{Kind: "timeout", Message: "broken", MaybeDone: true}},
		{engine.Read, kindOnly("timeout"), engine.Error{Kind: "timeout", Message: "broken"}},
		{engine.Once, kindOnly("nonsense"), engine.Error{Kind: "internal", Message: "broken", MaybeDone: true}},
		{engine.Once, errors.New("broken"), engine.Error{Kind: "failed", Message: "broken", MaybeDone: true}},
		{engine.Read, errors.New("broken"), engine.Error{Kind: "failed", Message: "broken"}},
		{engine.Once, &engine.Error{Kind: "rejected", Message: "no", Device: "d"}, engine.Error{Kind: "rejected", Message: "no", Device: "d"}},
		{engine.Once, masking{&engine.Error{Kind: "invalid", Message: "a secret", MaybeDone: true}}, engine.Error{Kind: "invalid", Message: "a ***", MaybeDone: true}},
	} {
		got := failureOf(nil, engine.Command{Delivery: c.delivery}, c.err)
		if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", c.want) {
			t.Errorf("delivery %d, %v: %+v, want %+v", c.delivery, c.err, *got, c.want)
		}
	}
}

func TestEndedContextsAreTimeoutOrCancel(t *testing.T) {
	stopped, stop := clock.Real().WithCancel(t.Context())
	stop()
	late, cancel := clock.Real().WithTimeout(t.Context(), 0)
	defer cancel()
	c := engine.Command{Delivery: engine.Once, Limit: 2 * time.Second}
	for _, x := range []struct {
		ctx  context.Context
		err  error
		want string
	}{
		{stopped, context.Cause(stopped), "cancelled: , maybe"},
		{stopped, hubError{kind: "interrupted", sent: true}, "cancelled: call reboot: broken, maybe"},
		{stopped, hubError{kind: "unavailable"}, "cancelled: call reboot: broken"},
		{stopped, hubError{kind: "offline"}, "offline: call reboot: broken"},
		{late, context.Cause(late), "timeout: did not finish within 2s, maybe"},
		{late, late.Err(), "timeout: did not finish within 2s, maybe"},
		{late, hubError{kind: "interrupted"}, "timeout: did not finish within 2s: call reboot: broken"},
		{late, errors.New("x"), "timeout: did not finish within 2s: x, maybe"},
	} {
		e := failureOf(context.Cause(x.ctx), c, x.err)
		got := e.Error()
		if e.MaybeDone {
			got += ", maybe"
		}
		if got != x.want {
			t.Errorf("%v: %q, want %q", x.err, got, x.want)
		}
	}
}

func TestParametersAreKeptMasked(t *testing.T) {
	masked := engine.Masked{Parts: []engine.MaskedPart{{Text: "Bearer "}, {Secret: "token"}}}
	got := maskParams(map[string]any{"headers": map[string]any{"auth": masked}, "list": []any{masked, 1.0, nil}})
	if s := fmt.Sprint(got); s != "map[headers:map[auth:Bearer ***] list:[Bearer *** 1 <nil>]]" {
		t.Errorf("params %s", s)
	}
	kept := runVirtual(t, program(do("a", once, text(literal("hi")))), nil)
	if s := fmt.Sprint(kept.events[1].Params); s != "map[text:hi]" {
		t.Errorf("kept params %s", s)
	}
}
