package engine

import (
	"fmt"
	"slices"

	"github.com/twinbook/twinbook/engine/expr"
)

// An ErrorKind says what went wrong, in the words of retry.on and catch.on.
type ErrorKind string

const (
	KindTimeout      ErrorKind = "timeout"
	KindOffline      ErrorKind = "offline"
	KindNotFound     ErrorKind = "notFound"
	KindUnauthorized ErrorKind = "unauthorized"
	KindThrottled    ErrorKind = "throttled"
	KindUnavailable  ErrorKind = "unavailable"
	KindConflict     ErrorKind = "conflict"
	KindRejected     ErrorKind = "rejected"
	KindAssertion    ErrorKind = "assertion"
	KindExpression   ErrorKind = "expression"
	KindInterrupted  ErrorKind = "interrupted"
	KindCancelled    ErrorKind = "cancelled"
	KindFailed       ErrorKind = "failed"
	KindInvalid      ErrorKind = "invalid"
	KindInternal     ErrorKind = "internal"
)

// ErrorKinds are all kinds, in the order of the documentation.
var ErrorKinds = []ErrorKind{
	KindTimeout, KindOffline, KindNotFound, KindUnauthorized, KindThrottled, KindUnavailable, KindConflict, KindRejected,
	KindAssertion, KindExpression, KindInterrupted, KindCancelled, KindFailed, KindInvalid, KindInternal,
}

// An Error is why a step or a run failed.
type Error struct {
	Kind       ErrorKind      `json:"kind"`
	Message    string         `json:"message"`
	Step       string         `json:"step,omitempty"`  // the id, or the action where it has none
	Where      string         `json:"where,omitempty"` // file:line:col of the step
	Device     string         `json:"device,omitempty"`
	MaybeDone  bool           `json:"maybeDone,omitempty"`
	Failed     []CheckFailure `json:"failed,omitempty"`     // of an assertion, each line that was not true
	Also       []*Error       `json:"also,omitempty"`       // errors of finally blocks that came on top
	RetryAfter float64        `json:"retryAfter,omitempty"` // seconds, as the hub asked

	kept bool // it happened in the run that this one retries
}

// with is e with other errors, and what stood beside them, beside it. Where one of them may have had
// an effect, so may the whole.
func (e *Error) with(others ...*Error) *Error {
	joined := *e
	joined.Also = slices.Clone(e.Also)
	for _, other := range others {
		if other == nil {
			continue
		}
		alone := *other
		alone.Also = nil
		joined.Also = append(append(joined.Also, &alone), other.Also...)
		joined.MaybeDone = joined.MaybeDone || other.MaybeDone
	}
	return &joined
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Kind, e.Message) }

// A CheckFailure is one line of an assert that was not true, with the values it came from.
type CheckFailure struct {
	Where   string      `json:"where"`
	Source  string      `json:"source"`
	Message string      `json:"message,omitempty"` // the author's
	Reason  string      `json:"reason"`            // "is false", "a part is missing: …"
	Parts   []expr.Part `json:"parts,omitempty"`
}
