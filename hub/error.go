package hub

import (
	"errors"
	"fmt"
	"time"
)

// A Kind says what went wrong in words that workflows use in retry.on and catch.on.
type Kind string

const (
	Timeout      Kind = "timeout"      // the device or the hub did not answer in time
	Offline      Kind = "offline"      // the device is not connected
	NotFound     Kind = "notFound"     // no such device or module
	Unauthorized Kind = "unauthorized" // the hub refused our key or our rights
	Throttled    Kind = "throttled"    // over the hub's quota
	Unavailable  Kind = "unavailable"  // the hub could not be reached or has trouble of its own
	Conflict     Kind = "conflict"     // the twin changed meanwhile (etag)
	Invalid      Kind = "invalid"      // the request cannot be right
	Failed       Kind = "failed"       // the device answered something that is no answer
	Interrupted  Kind = "interrupted"  // sent, and the connection ended before a verdict
)

// An Error is what every hub returns, whatever it is made of.
type Error struct {
	Op     string // as a user would say it: "call reboot", "read the twin"
	Device string // empty where no device is meant
	Kind   Kind
	Sent   bool          // the request may have taken effect
	Wait   time.Duration // the hub's Retry-After; zero if it gave none
	Err    error         // what happened, in plain words
}

func (e *Error) Error() string {
	if e.Device == "" {
		return fmt.Sprintf("%s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("%s on %s: %v", e.Op, e.Device, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// ErrorKind, MaybeDone and RetryAfter are how the error crosses into packages that do not know hubs.
func (e *Error) ErrorKind() string         { return string(e.Kind) }
func (e *Error) MaybeDone() bool           { return e.Sent }
func (e *Error) RetryAfter() time.Duration { return e.Wait }

// KindOf is the kind of a hub's error, or empty.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}
