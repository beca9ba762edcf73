package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
)

// A Waiter waits for a twin to be as it should.
type Waiter interface {
	// Look gets the twin as it is now, and again after each change, one call at a time, until it says done or
	// fails.
	Look(Twin) (done bool, err error)

	// End is called once: with the twin that Look was done with and Look's error, or with why there was none.
	End(Twin, error)
}

// Wait has a twin looked at until the wait ends. It returns at once and starts no goroutine: Look and End are
// called by whoever tells of a change, even before Wait has returned, and must not wait.
//
// If every is not zero, Look gets the last twin at least that often, changed or not: for conditions that
// depend on the time. Such a wait holds a twin, others a few hundred bytes.
//
// Reads that fail while waiting are borne, unless they would fail for ever (see Ends). stop ends the wait
// early: End is called before it returns, unless it was called before. Its error is then an *Error that
// wraps cause, says what the last reads failed with, and has kind Timeout if the time was up. stop may be
// called from anywhere, also from within Look and End; a call of Look that is under way then may still finish.
func (w *Watcher) Wait(t Target, every time.Duration, who Waiter) (stop func(cause error)) {
	a := &wait{watch: watch{watcher: w, target: t}, waiter: who}
	a.hear = a.told
	if every > 0 {
		a.again = &again{every: every}
	}
	a.begin()
	a.mu.Lock()
	a.begun = true
	over := a.over
	a.mu.Unlock()
	if over {
		a.stop()
	}
	return a.giveUp
}

// Await is Wait for who has a goroutine to wait with: it returns what End is told, and stops when ctx ends.
func (w *Watcher) Await(ctx context.Context, t Target, every time.Duration, look func(Twin) (done bool, err error)) (Twin, error) {
	a := awaiting{look, clock.NewPromise[ending](w.clock)}
	stop := w.Wait(t, every, a)
	got, err := a.over.Await(ctx)
	if err != nil {
		stop(err)
		got, _ = a.over.Await(context.Background()) // it is there, or about to be
	}
	return got.twin, got.err
}

// awaiting is the Waiter of an Await.
type awaiting struct {
	look func(Twin) (bool, error)
	over *clock.Promise[ending]
}

type ending struct {
	twin Twin
	err  error
}

func (a awaiting) Look(t Twin) (bool, error) { return a.look(t) }
func (a awaiting) End(t Twin, err error)     { a.over.Resolve(ending{t, err}) }

// A wait is a watch that has an end. It is small, since there may be one for each of very many runs.
type wait struct {
	watch
	waiter Waiter
	again  *again // nil: only changes are looked at

	mu     sync.Mutex // guards what is below; never held while the waiter is called
	looked bool
	begun  bool // the watch may be stopped
	over   bool
	failed *setbacks // nil: none
}

// again is what a wait keeps that looks again though nothing has changed.
type again struct {
	every time.Duration
	last  Twin        // guarded by the watch's turn
	stop  func() bool // the timer; guarded by the wait's mu
}

// told takes what the watch hears.
func (a *wait) told(t Twin, changed bool, err error) {
	a.note(err)
	switch {
	case err != nil && Ends(err):
		a.end(Twin{}, err)
	case changed:
		a.look(t)
	}
}

// note counts reads in a row that failed.
func (a *wait) note(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err == nil:
		a.failed = nil
	case a.failed == nil:
		a.failed = &setbacks{1, err}
	default:
		a.failed.add(err)
	}
}

// look shows the waiter a twin.
func (a *wait) look(t Twin) {
	first, over := a.enter()
	if over {
		return
	}
	if done, err := a.waiter.Look(t); done || err != nil {
		a.end(t, err)
		return
	}
	if a.again != nil {
		a.again.last = t
		if first {
			a.sleep()
		}
	}
}

func (a *wait) enter() (first, over bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	first, a.looked = !a.looked, true
	return first, a.over
}

// sleep shows the waiter the same twin again later.
func (a *wait) sleep() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		a.again.stop = a.watcher.clock.After(a.again.every, func() {
			a.alone(func() {
				a.look(a.again.last)
				a.sleep()
			})
		})
	}
}

// end ends the wait, unless it is over.
func (a *wait) end(t Twin, err error) {
	if a.finish() {
		a.waiter.End(t, err)
	}
}

// finish says false if the wait was over before.
func (a *wait) finish() bool {
	a.mu.Lock()
	first, begun := !a.over, a.begun
	a.over = true
	a.mu.Unlock()
	if !first {
		return false
	}
	if a.again != nil && a.again.stop != nil {
		a.again.stop()
	}
	if begun { // else Wait itself stops the watch
		a.stop()
	}
	return true
}

// giveUp ends the wait without what it waited for.
func (a *wait) giveUp(cause error) { a.end(Twin{}, a.why(cause)) }

func (a *wait) why(cause error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	otherwise := ""
	if !a.looked {
		otherwise = " before the twin could be read: the hub is slow, or many wait for their turn under its rate limit"
	}
	failed := setbacks{}
	if a.failed != nil {
		failed = *a.failed
	}
	return gaveUp("wait for the twin", a.target, cause, failed, otherwise)
}

// gaveUp is the error of a wait that was stopped; otherwise is what there is to say if the reads did
// not fail.
func gaveUp(op string, t Target, cause error, failed setbacks, otherwise string) error {
	kind, what := Interrupted, "the wait was given up"
	if errors.Is(cause, context.DeadlineExceeded) {
		kind, what = Timeout, "time is up"
	}
	switch {
	case failed.count == 1:
		what += fmt.Sprintf("; the last read failed: %v", plain(failed.last))
	case failed.count > 1:
		what += fmt.Sprintf("; the last %d reads failed: %v", failed.count, plain(failed.last))
	default:
		what += otherwise
	}
	return &Error{Op: op, Device: t.String(), Kind: kind, Err: because{what, cause}}
}

// setbacks are reads in a row, up to now, that failed.
type setbacks struct {
	count int
	last  error
}

func (s *setbacks) add(err error) { *s = setbacks{s.count + 1, err} }

// because is an error in plain words that is still found to be its cause.
type because struct {
	text  string
	cause error
}

func (b because) Error() string { return b.text }
func (b because) Unwrap() error { return b.cause }

// plain is what happened, without the operation and the device that the outer error names.
func plain(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err
	}
	return err
}
