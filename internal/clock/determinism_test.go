package clock

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
)

// fleetTrace plays 150 devices and their callers, with timeouts, tied timers, cancels, contexts of both
// kinds and calls outside, and writes down what happens when.
func fleetTrace(t *testing.T) string {
	var trace strings.Builder
	l := NewLoop(epoch)
	note := func(who string, what any) {
		fmt.Fprintf(&trace, "%v %s %v\n", l.Now().Sub(epoch), who, what)
	}
	err := l.Run(t.Context(), func(ctx context.Context) {
		results := NewQueue[string](l)
		window, closeWindow := l.WithTimeout(ctx, 5*time.Second)
		defer closeWindow()
		shift, endShift := context.WithCancel(ctx)
		l.After(3*time.Second, endShift)
		for i := range 150 {
			name := fmt.Sprint("dev-", i)
			source := rand.New(rand.NewPCG(1, uint64(i)))
			calls := NewQueue[*Promise[int]](l)
			l.Go(window, name, func(ctx context.Context) { note(name, device(ctx, l, source, calls)) })
			under := ctx
			if i%3 == 0 {
				under = shift
			}
			l.Go(under, "caller of "+name, func(ctx context.Context) {
				for n := range 4 {
					note(name, caller(ctx, l, time.Duration(n)*time.Second, calls))
				}
				results.Put(name)
			})
		}
		for n := 0; n < 150; {
			names, err := results.Take(ctx)
			if err != nil {
				t.Errorf("Take = %v", err)
				return
			}
			note("first", names)
			n += len(names)
		}
	})
	if err != nil {
		t.Error(err)
	}
	return trace.String()
}

// device answers calls after a while in whole seconds, so that many tie, or never.
func device(ctx context.Context, l *Loop, source *rand.Rand, calls *Queue[*Promise[int]]) error {
	for {
		waiting, err := calls.Take(ctx)
		if err != nil {
			return err
		}
		for _, call := range waiting {
			if source.IntN(5) == 0 {
				continue
			}
			answer := source.IntN(1000)
			if source.IntN(2) == 0 {
				l.After(time.Duration(source.IntN(4))*time.Second, func() { call.Resolve(answer) })
			} else if err := Sleep(ctx, l, time.Duration(source.IntN(3))*time.Second); err != nil {
				return err
			}
			if source.IntN(8) == 0 {
				l.Outside(ctx, time.Minute, func(context.Context) error { runtime.Gosched(); return nil })
			}
			call.Resolve(answer)
		}
	}
}

func caller(ctx context.Context, l *Loop, pause time.Duration, calls *Queue[*Promise[int]]) string {
	ctx, cancel := l.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	call := NewPromise[int](l)
	calls.Put(call)
	answer, err := call.Await(ctx)
	slept := Sleep(ctx, l, pause)
	return fmt.Sprint(answer, " ", err, " ", slept)
}

func TestSameCourseEveryTime(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	want := fleetTrace(t)
	for _, fact := range []string{"deadline exceeded", "context canceled", "\n0s dev-", "\n3s dev-", "first [dev-"} {
		if !strings.Contains(want, fact) {
			t.Errorf("the trace has no %q: it tries too little", fact)
		}
	}
	for run := range 50 {
		runtime.GOMAXPROCS(1 + run%4)
		if got := fleetTrace(t); got != want {
			t.Fatalf("run %d went another way:\n%s", run, firstDifference(got, want))
		}
	}
}

func firstDifference(got, want string) string {
	wants := strings.Split(want, "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(wants) || line != wants[i] {
			return fmt.Sprintf("line %d: got %q", i, line)
		}
	}
	return "it ends early"
}
