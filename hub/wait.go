package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
)

// Wait calls seen with the twin as it is now and after each change, one call at a time, until seen says
// done or fails. Then it calls ended, once, with the twin that seen got last and with seen's error.
//
// If again is not zero, seen is called with the last twin at least that often, changed or not: for
// conditions that depend on the time. Such a wait holds a twin, others a few hundred bytes.
//
// Reads that fail while waiting are borne, unless they would fail for ever (see Ends). stop ends the wait
// early: ended is called before it returns, unless it was called before. Its error is then an *Error that
// wraps cause, says what the last reads failed with, and has kind Timeout if the time was up.
//
// Wait returns at once and starts no goroutine. seen and ended are called by whoever tells of a change, even
// before Wait has returned, and must not wait. stop may be called from anywhere, also from within them; a call
// of seen that is under way then may still finish.
func (w *Watcher) Wait(t Target, again time.Duration, seen func(Twin) (done bool, err error), ended func(Twin, error)) (stop func(cause error)) {
	a := &wait{watch: watch{watcher: w, target: t}, again: again, seen: seen, ended: ended}
	a.hear = a.told
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

// Await is Wait for who has a goroutine to wait with: it returns what ended is told, and stops when ctx ends.
func (w *Watcher) Await(ctx context.Context, t Target, again time.Duration, seen func(Twin) (done bool, err error)) (Twin, error) {
	type end struct {
		twin Twin
		err  error
	}
	over := clock.NewPromise[end](w.clock)
	stop := w.Wait(t, again, seen, func(t Twin, err error) { over.Resolve(end{t, err}) })
	got, err := over.Await(ctx)
	if err == nil {
		return got.twin, got.err
	}
	stop(err)
	got, _ = over.Await(context.Background()) // it is there, or about to be
	return got.twin, got.err
}

// A wait is a watch that has an end. It is small, since there may be one for each of many runs.
type wait struct {
	watch
	again time.Duration
	seen  func(Twin) (bool, error)
	ended func(Twin, error)
	last  *Twin // what seen got last; only kept where it is asked again. Guarded by the watch.

	mu          sync.Mutex // guards what is below; never held while seen or ended is called
	rest        func() bool
	failed      setbacks
	got         bool // seen has been called
	begun, over bool
}

// told takes what the watch hears.
func (a *wait) told(t Twin, changed bool, err error) {
	a.mu.Lock()
	if err != nil {
		a.failed.add(err)
	} else {
		a.failed = setbacks{}
	}
	a.mu.Unlock()
	switch {
	case err != nil && Ends(err):
		a.end(Twin{}, err)
	case changed:
		a.look(t)
	}
}

// look asks seen about a twin.
func (a *wait) look(t Twin) {
	a.mu.Lock()
	first, over := !a.got, a.over
	a.got = true
	a.mu.Unlock()
	if over {
		return
	}
	if done, err := a.seen(t); done || err != nil {
		a.end(t, err)
		return
	}
	if a.again == 0 {
		return
	}
	a.last = &t
	if first {
		a.snooze()
	}
}

// snooze has seen asked again later.
func (a *wait) snooze() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		a.rest = a.watcher.clock.After(a.again, func() {
			a.alone(func() {
				a.look(*a.last)
				a.snooze()
			})
		})
	}
}

// end ends the wait, unless it is over.
func (a *wait) end(t Twin, err error) {
	if a.finish() {
		a.ended(t, err)
	}
}

// finish says false if the wait was over before.
func (a *wait) finish() bool {
	a.mu.Lock()
	over, begun, rest := a.over, a.begun, a.rest
	a.over = true
	a.mu.Unlock()
	if over {
		return false
	}
	if rest != nil {
		rest()
	}
	if begun { // else Wait itself stops the watch
		a.stop()
	}
	return true
}

// giveUp ends the wait without what it waited for.
func (a *wait) giveUp(cause error) {
	if !a.finish() {
		return
	}
	a.mu.Lock()
	failed, otherwise := a.failed, ""
	if !a.got {
		otherwise = " before the twin could be read: the hub is slow, or many wait for their turn under its rate limit"
	}
	a.mu.Unlock()
	a.ended(Twin{}, gaveUp("wait for the twin", a.target, cause, failed, otherwise))
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
