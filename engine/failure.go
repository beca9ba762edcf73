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
	MaybeDone  bool           `json:"maybeDone,omitempty"`  // the effect may have happened: of this step, or of one in Also
	Elsewhere  bool           `json:"elsewhere,omitempty"`  // of MaybeDone: not of this step, only of one in Also
	Failed     []CheckFailure `json:"failed,omitempty"`     // of an assertion, each line that was not true
	Also       []*Error       `json:"also,omitempty"`       // errors that stand beside it, which have no Also
	More       int            `json:"more,omitempty"`       // how many of those Also leaves out
	Role       Role           `json:"role,omitempty"`       // in Also: what it is to the error it stands beside
	RetryAfter float64        `json:"retryAfter,omitempty"` // seconds, as the hub asked

	kept      bool // it happened in the run that this one retries
	exhausted bool // a repeat came to its max
}

// A Role is what an error is to the one beside which it stands.
type Role string

const (
	RoleCause  Role = "cause"  // it came first: what failed is the catch that was to handle it
	RoleBeside Role = "beside" // it happened at the same time, in another branch or item
	RoleEnding Role = "ending" // it came on top: in a finally, or while a step was ended
)

// Unsure says whether the step that the error names may have had its effect.
func (e *Error) Unsure() bool { return e.MaybeDone && !e.Elsewhere }

// with is e with other errors, and what stood beside them, beside it. Where one of them may have had
// an effect, so may the whole. An error that has a role keeps it.
func (e *Error) with(role Role, others ...*Error) *Error {
	joined := *e
	joined.Also = slices.Clone(e.Also)
	for _, other := range others {
		if other == nil {
			continue
		}
		joined.Also = append(append(joined.Also, other.alone(role)), other.Also...)
		joined.More += other.More
		joined.mayBeDoneBeside(other.MaybeDone)
	}
	return &joined
}

// of is e as the failure of a branch or an item.
func (e *Error) of(who string) *Error {
	named := *e
	named.Message = who + ": " + e.Message
	return &named
}

// alone is e without what stands beside it.
func (e *Error) alone(role Role) *Error {
	alone := *e
	alone.Also, alone.More = nil, 0
	alone.MaybeDone, alone.Elsewhere = e.Unsure(), false
	if alone.Role == "" {
		alone.Role = role
	}
	return &alone
}

// mayBeDoneBeside says whether something beside e may have had an effect.
func (e *Error) mayBeDoneBeside(maybe bool) {
	if maybe && !e.MaybeDone {
		e.MaybeDone, e.Elsewhere = true, true
	}
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
