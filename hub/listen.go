package hub

import (
	"context"
	"errors"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
)

// Listen calls seen with the messages of a device as they come, a page at a time and on the caller's own
// time, until seen says done or fails; seen's error is returned as it is.
//
// Reads that fail meanwhile are borne, unless they would fail for ever (see Ends). If ctx ends first, the
// error is an *Error as that of Watcher.Await.
func Listen(ctx context.Context, c clock.Clock, m Messages, q TelemetryQuery, seen func(TelemetryPage) (done bool, err error)) error {
	var failed setbacks
	for ctx.Err() == nil {
		page, err := m.Telemetry(ctx, q)
		switch {
		case err == nil:
			failed = setbacks{}
			q.After = page.Next
			if done, err := seen(page); done || err != nil {
				return err
			}
		case ctx.Err() != nil: // it is not the hub that failed
		case Ends(err):
			return err
		default:
			failed.add(err)
			clock.Sleep(ctx, c, failed.pause()) // the end of ctx ends the loop
		}
	}
	return gaveUp("wait for telemetry", q.Target, context.Cause(ctx), failed, "")
}

// pause is the time before the next read: longer with each failure, and as long as the hub says.
func (s setbacks) pause() time.Duration {
	var e *Error
	if errors.As(s.last, &e) && e.Wait > 0 {
		return min(e.Wait, maxPause)
	}
	return firstPause << min(s.count-1, 5)
}
