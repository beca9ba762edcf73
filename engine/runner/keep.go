package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// keep has the journal keep what happened and what follows from it. Nobody waits where nothing would be lost but
// what can be found out again; the next commit holds it, too. How an effect ended is not found out again: without its
// answer it would count as one of which nothing is known.
func (l *loop) keep(ctx context.Context, events []engine.Event, w work) error {
	batch := l.batch(events, w)
	if len(batch) == 0 {
		return nil
	}
	standing := l.standingOf(w)
	effect := l.effect || w.effects()
	l.effect = false
	if w.end != nil || effect || standing.Parked || asks(events) {
		return l.append(ctx, batch, standing)
	}
	if err := l.config.Journal.AppendLater(l.id, batch, standing); err != nil {
		return l.unwritten(err)
	}
	l.kept(batch, standing, false)
	return nil
}

// append returns when all of the run up to batch is on disk.
func (l *loop) append(ctx context.Context, batch []engine.Event, s journal.Standing) error {
	if err := l.config.Journal.Append(ctx, l.id, batch, s); err != nil {
		return l.unwritten(err)
	}
	l.kept(batch, s, true)
	return nil
}

func (l *loop) kept(batch []engine.Event, s journal.Standing, durable bool) {
	l.events += len(batch)
	l.told, l.loose = s, !durable
}

func (l *loop) unwritten(err error) error {
	if errors.Is(err, journal.ErrLost) || errors.Is(err, journal.ErrEnded) { // whoever took it over has ended it
		return lost{l.id, err}
	}
	return &journalError{l.id, "the journal could not be written, so nothing further was done", err}
}

// lost is the journal's ErrLost or ErrEnded, in words of its own.
type lost struct {
	run string
	err error
}

func (e lost) Error() string {
	return fmt.Sprintf("run %s: nothing further was done here, since another process may have taken it over after this one was silent for too long", e.run)
}

func (e lost) Unwrap() error { return e.err }

// asks says whether somebody waits to see a request kept.
func asks(events []engine.Event) bool {
	return slices.ContainsFunc(events, func(e engine.Event) bool { return isRequest(e.Kind) })
}
