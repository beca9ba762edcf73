package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
)

// backlog bounds what a wait keeps for a seen that is slower than the changes of its twin.
const backlog = 1000

// Await calls seen with the twin as it is now and after each change, one call at a time and on the
// caller's own time, until seen says done or fails; seen's error is returned as it is. The twin that
// is returned is the last one that seen got, also beside an error.
//
// If again is not zero, seen is called with the last twin at least that often, changed or not: for
// conditions that depend on the time.
//
// Reads that fail while waiting are borne, unless they would fail for ever (see Ends). If ctx ends
// first, the error is an *Error that wraps context.Cause(ctx), says what the last reads failed with,
// and has kind Timeout if the time was up.
func (w *Watcher) Await(ctx context.Context, t Target, again time.Duration, seen func(Twin) (done bool, err error)) (Twin, error) {
	in := newInbox(w.clock)
	stop := w.Watch(t, func(twin Twin, err error) { in.put(news{twin: twin, err: err}) })
	defer stop()
	a := awaiting{target: t, seen: seen}
	rest := func() bool { return false }
	defer func() { rest() }()
	for ctx.Err() == nil {
		batch, err := in.take(ctx)
		if err != nil {
			break
		}
		for _, n := range batch {
			first := !a.got
			if done, err := a.hear(n); done || err != nil {
				return a.last, err
			}
			if again > 0 && (n.again || first && a.got) {
				rest = w.clock.After(again, func() { in.put(news{again: true}) })
			}
		}
	}
	return a.last, a.gaveUp(context.Cause(ctx))
}

// News is what a wait hears: a twin, a read that failed, or that it is time to look again.
type news struct {
	twin  Twin
	err   error
	again bool
}

// awaiting is what an Await knows so far.
type awaiting struct {
	target Target
	seen   func(Twin) (bool, error)
	last   Twin
	got    bool
	failed setbacks
}

func (a *awaiting) hear(n news) (done bool, err error) {
	switch {
	case n.again:
		return a.seen(a.last)
	case n.err != nil:
		a.failed.add(n.err)
		if Ends(n.err) {
			return false, n.err
		}
		return false, nil
	}
	a.failed = setbacks{}
	if a.got && same(&a.last, &n.twin) { // told only because reads succeed again
		return false, nil
	}
	a.last, a.got = n.twin, true
	return a.seen(n.twin)
}

// gaveUp is the error of a wait whose context ended.
func (a *awaiting) gaveUp(cause error) error {
	otherwise := ""
	if !a.got {
		otherwise = " before the twin could be read: the hub is slow, or many wait for their turn under its rate limit"
	}
	return gaveUp("wait for the twin", a.target, cause, a.failed, otherwise)
}

// gaveUp is the error of a wait whose context ended; otherwise is what there is to say if the reads did
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

// An inbox keeps news until their reader comes; when it is full the oldest go.
type inbox struct {
	bell *clock.Queue[struct{}]

	mu    sync.Mutex // guards what is below
	items []news
	rung  bool
}

func newInbox(c clock.Clock) *inbox { return &inbox{bell: clock.NewQueue[struct{}](c)} }

func (in *inbox) put(n news) {
	in.mu.Lock()
	if len(in.items) >= backlog {
		in.items = append(in.items[:0], in.items[backlog/2:]...)
	}
	in.items = append(in.items, n)
	ring := !in.rung
	in.rung = true
	in.mu.Unlock()
	if ring {
		in.bell.Put(struct{}{})
	}
}

func (in *inbox) take(ctx context.Context) ([]news, error) {
	if _, err := in.bell.Take(ctx); err != nil {
		return nil, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	items := in.items
	in.items, in.rung = nil, false
	return items, nil
}
