package clock

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// A watchdog sees on real time whether the parties of a Loop come back.
type watchdog struct {
	limit     time.Duration         // how long a party may run without waiting
	turns     atomic.Uint64         // so far
	running   atomic.Pointer[party] // whose turn it is; nil while the loop itself works or waits for an answer
	abandoned atomic.Bool           // Run has returned without the loop
}

var (
	errAbandoned = errors.New("clock: nobody waits for this Loop any more")

	// errGoexit says that a party ended its goroutine, as t.FailNow does.
	errGoexit = errors.New("clock: a party ended its goroutine")
)

// A partyPanic is the panic of a party with its stack, on the way to the caller of Run.
type partyPanic struct{ text string }

func (p *partyPanic) Error() string { return p.text }

// newPartyPanic is called where v was recovered.
func newPartyPanic(name string, v any) error {
	return &partyPanic{fmt.Sprintf("clock: %s: %v\n\n%s", name, v, debug.Stack())}
}

// turn says how many turns there were, and an error when there should be no more.
func (w *watchdog) turn() (uint64, error) {
	if w.abandoned.Load() {
		return 0, errAbandoned
	}
	return w.turns.Load(), nil
}

func (w *watchdog) enter(p *party) {
	w.turns.Add(1)
	w.running.Store(p)
}

func (w *watchdog) leave() { w.running.Store(nil) }

// guard waits for the end of the loop, and ends in the caller's goroutine as the loop ended. It
// counts ticks, not time: a process that was stopped for a while has not stalled.
func (w *watchdog) guard(over <-chan error) error {
	tick := time.NewTicker(w.limit / 4)
	defer tick.Stop()
	var seen uint64
	quiet := 0
	for {
		select {
		case end := <-over:
			return conclude(end)
		case <-tick.C:
		}
		p, n := w.running.Load(), w.turns.Load()
		if p == nil || n != seen {
			seen, quiet = n, 0
			continue
		}
		quiet++
		if quiet == 4 {
			w.abandoned.Store(true)
			return w.stalled(p)
		}
	}
}

func conclude(end error) error {
	if p, ok := end.(*partyPanic); ok {
		panic(p)
	}
	if end == errGoexit {
		runtime.Goexit()
	}
	return end
}

func (w *watchdog) stalled(p *party) error {
	return fmt.Errorf("clock: %s has run for %v of real time without coming back; under the clock, code waits only through Sleep, Promise, Queue and Outside\n%s",
		p.name, w.limit, stackOfStalled())
}

// stackOfStalled finds the goroutine that has a party's or a timer's turn in the stacks of all, as far as
// they fit: those of waiting parties are marked as coroutines.
func stackOfStalled() []byte {
	all := make([]byte, 1<<20)
	all = all[:runtime.Stack(all, true)]
	for stack := range bytes.SplitSeq(all, []byte("\n\n")) {
		header, _, _ := bytes.Cut(stack, []byte("\n"))
		turn := bytes.Contains(stack, []byte("clock.(*party).live(")) || bytes.Contains(stack, []byte("clock.(*Loop).fire("))
		if turn && !bytes.Contains(header, []byte("coroutine")) {
			return stack
		}
	}
	return nil
}
