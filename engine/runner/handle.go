package runner

import (
	"context"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/clock"
)

// A Handle is a run that is under way, or has ended.
type Handle struct {
	loop *loop
	done *clock.Promise[ending]
}

func newHandle(l *loop) *Handle {
	return &Handle{loop: l, done: clock.NewPromise[ending](l.config.Clock)}
}

// ending is how a loop ended; err says why it did before the run did.
type ending struct {
	outcome engine.Outcome
	err     error
}

// ID is the run's id.
func (h *Handle) ID() string { return h.loop.info.ID }

// Wait waits for the run's end; on virtual time, as a party. The error is ErrStopped when the
// context that the run was started with has ended, the journal's when it could not be written, and
// context.Cause(ctx) when ctx ends first: then the run goes on.
func (h *Handle) Wait(ctx context.Context) (engine.Outcome, error) {
	end, err := h.done.Await(ctx)
	if err != nil {
		return engine.Outcome{}, err
	}
	return end.outcome, end.err
}

// Cancel asks the run to end: steps under way are ended early, finally blocks run. A second
// request changes nothing. It does not wait.
func (h *Handle) Cancel(reason string) { h.loop.cancel(reason) }
