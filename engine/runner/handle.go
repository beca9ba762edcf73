package runner

import (
	"context"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/clock"
)

// A Handle is a run that is under way or parked here, or has ended.
type Handle struct {
	runner *Runner
	id     string
	under  context.Context        // that the run was started with
	done   *clock.Promise[ending] // of the loop that the run had then; nil: it was parked
	queued bool
	begun  *engine.Event // RunStarted; nil: it was not begun by this
}

// ending is how a loop ended: err says why it did before the run did, unless that is parked.
type ending struct {
	outcome engine.Outcome
	err     error
	parked  bool
}

// ID is the run's id.
func (h *Handle) ID() string { return h.id }

// Queued says whether the run had to wait for its turn when this process took it up.
func (h *Handle) Queued() bool { return h.queued }

// Begun is the run's RunStarted, for a Handle of who began it; nil otherwise.
func (h *Handle) Begun() *engine.Event { return h.begun }

// Wait waits for the run's end; on virtual time, as a party. The error is ErrStopped when the
// context that the run was started with has ended, the journal's when it could not be read or written, and
// context.Cause(ctx) when ctx ends first: then the run goes on.
func (h *Handle) Wait(ctx context.Context) (engine.Outcome, error) {
	end, done := ending{parked: true}, h.done
	for end.parked {
		if done == nil {
			done = h.runner.ahead(h.id)
		}
		if done == nil {
			end = h.runner.behind(ctx, h)
			break
		}
		var err error
		if end, err = done.Await(ctx); err != nil {
			return engine.Outcome{}, err
		}
		done = nil
	}
	return end.outcome, end.err
}

// Cancel asks the run to end: steps under way are ended early, finally blocks run. A second
// request changes nothing. It does not wait.
func (h *Handle) Cancel(reason string) {
	h.runner.ask(h.id, engine.Event{Kind: engine.CancelRequested, Reason: reason})
}

// Pause asks for no further step to begin until Resume; what is under way goes on. It does not wait.
func (h *Handle) Pause(reason string) {
	h.runner.ask(h.id, engine.Event{Kind: engine.PauseRequested, Reason: reason})
}

// Resume lets a paused run go on. It does not wait.
func (h *Handle) Resume() { h.runner.ask(h.id, engine.Event{Kind: engine.ResumeRequested}) }
