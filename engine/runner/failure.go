package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
)

// verdict is how an attempt ended: its outputs as the journal keeps them, and its failure if any. cause is why it was
// told to end, nil if it was not.
func verdict(cause error, c engine.Command, output any, err error) (any, *engine.Error) {
	value, size, bad := settle(output)
	switch {
	case err != nil && (bad != nil || size > maxOutput):
		return nil, failureOf(cause, c, err)
	case err != nil:
		return value, failureOf(cause, c, err)
	case bad != nil:
		return nil, unusable(c, fmt.Sprintf("its output is no JSON: %v", bad))
	case size > maxOutput:
		return nil, unusable(c, fmt.Sprintf("its output has %.1f MiB, and 1 MiB is the most that a run keeps", float64(size)/(1<<20)))
	}
	return value, nil
}

func unusable(c engine.Command, message string) *engine.Error {
	return &engine.Error{Kind: engine.KindInvalid, Message: message, MaybeDone: c.Delivery == engine.Once}
}

// failureOf is the failure that an attempt's error means. When it was told to end, an error that
// only says so becomes a timeout or a cancel; one that the other side decided stays what it is.
func failureOf(cause error, c engine.Command, err error) *engine.Error {
	failure, told := classify(err)
	maybe := failure.MaybeDone || !told && unsure(failure.Kind)
	failure.MaybeDone = maybe && c.Delivery == engine.Once // a read that was sent has changed nothing
	if cause == nil || decided(failure.Kind) {
		return failure
	}
	own := ownWords(cause, failure.Message)
	if cause == context.DeadlineExceeded {
		failure.Kind, failure.Message = engine.KindTimeout, withOwn(notWithin(c), own)
	} else {
		failure.Kind, failure.Message = engine.KindCancelled, own
	}
	return failure
}

// ownWords is a message without the context's part in it: "context canceled", which is also what a context
// of a clock says when its time is up, tells nobody anything.
func ownWords(cause error, message string) string {
	for _, why := range []error{cause, context.Canceled} {
		if message == why.Error() {
			return ""
		}
		message = strings.TrimSuffix(message, ": "+why.Error())
	}
	return message
}

func withOwn(message, own string) string {
	if own == "" {
		return message
	}
	return message + ": " + own
}

func notWithin(c engine.Command) string {
	if c.Limit == 0 {
		return "did not finish by its deadline"
	}
	return "did not finish within " + expr.FormatDuration(c.Limit)
}

// How errors say what they are without our knowing their packages.
type (
	kinded  interface{ ErrorKind() string }
	unsured interface{ MaybeDone() bool }
	patient interface{ RetryAfter() time.Duration }
)

// classify reads what an error says of itself; told is whether it knows of its effect.
func classify(err error) (failure *engine.Error, told bool) {
	var known *engine.Error
	if errors.As(err, &known) {
		e := *known
		if err != error(known) { // wrapped, perhaps to hide a secret: its text counts
			e = engine.Error{Kind: e.Kind, MaybeDone: e.MaybeDone, RetryAfter: e.RetryAfter, Device: e.Device}
			e.Message = strings.TrimPrefix(err.Error(), string(e.Kind)+": ")
		}
		return &e, true
	}
	failure = &engine.Error{Kind: kindOf(err), Message: err.Error()}
	var maybe unsured
	if told = errors.As(err, &maybe); told {
		failure.MaybeDone = maybe.MaybeDone()
	}
	var wait patient
	if errors.As(err, &wait) {
		failure.RetryAfter = wait.RetryAfter().Seconds()
	}
	return failure, told
}

// kindOf is the kind an error names. One that names none went wrong in a way nobody foresaw: it may be
// caught like a `fail`, since it is not known to be a bug of ours.
func kindOf(err error) engine.ErrorKind {
	var k kinded
	if !errors.As(err, &k) {
		return engine.KindFailed
	}
	if kind := engine.ErrorKind(k.ErrorKind()); slices.Contains(engine.ErrorKinds, kind) {
		return kind
	}
	return engine.KindInternal
}

// unsure are the kinds after which an effect may have happened, if the error does not say.
func unsure(kind engine.ErrorKind) bool {
	return !decided(kind) && kind != engine.KindUnavailable || kind == engine.KindInternal
}

// decided are the kinds that are an answer, and not the lack of one.
func decided(kind engine.ErrorKind) bool {
	switch kind {
	case engine.KindTimeout, engine.KindInterrupted, engine.KindCancelled, engine.KindFailed, engine.KindUnavailable:
		return false
	}
	return true
}

// endedBefore is the failure of an attempt that was to end when its turn came.
func endedBefore(cause error, c engine.Command) *engine.Error {
	if cause == context.DeadlineExceeded {
		return &engine.Error{Kind: engine.KindTimeout, Message: notWithin(c) + ": its time was up before it could begin"}
	}
	return neverBegan()
}

func neverBegan() *engine.Error {
	return &engine.Error{Kind: engine.KindCancelled, Message: "it had not begun"}
}

// deafAtDeadline and deafToStop are the failures of steps that ignore their context.
func deafAtDeadline(c engine.Command) *engine.Error {
	return &engine.Error{
		Kind: engine.KindTimeout, MaybeDone: c.Delivery == engine.Once,
		Message: notWithin(c) + ", and went on when told to end; its answer is not awaited",
	}
}

func deafToStop(c engine.Command) *engine.Error {
	return &engine.Error{
		Kind: engine.KindCancelled, MaybeDone: c.Delivery == engine.Once,
		Message: "it went on when told to end; its answer is not awaited",
	}
}

func noAnswer(c engine.Command) *engine.Error { return bug(c, "ended without an answer") }

// bug is the failure of a step that has one, and of the run with it: no catch takes it.
func bug(c engine.Command, what string) *engine.Error {
	who := c.Type.Name
	if c.Step.Pos.File != "" { // a step that the file does not write has no place in it
		who += " at " + c.Step.Pos.String()
	}
	return &engine.Error{
		Kind: engine.KindInternal, MaybeDone: c.Delivery == engine.Once,
		Message: fmt.Sprintf("%s %s; this is a bug in twinbook, not in your workflow: please report it", who, what),
	}
}
