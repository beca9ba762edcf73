package main

import (
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// A reporter shows a run: what happens, and how it ended. All but interrupting are called one at a
// time and in order.
type reporter interface {
	begin(header)
	update(runner.Update)
	interrupting(why string) // somebody wants something of the run: a signal, or another process
	end(summary)
	left(s summary, why error) // the run stops here without having ended
}

// A header is what is known of a run when this process begins to drive it.
type header struct {
	program *engine.Program
	hubs    []openHub // the run's own first
	start   engine.RunStart
	began   time.Time

	recorded bool                // the journal outlives this process
	command  func(string) string // how to call the program so that it finds the same journal
	past     []engine.Note       // what happened before this process drove it
	resumed  time.Time           // it goes on since then; zero: it begins
	again    bool                // what begin says has been said: the run is shown anew after a while
	queued   string              // why it waits for its turn; empty: it does not
	admitted time.Time           // of one that did: when its turn came
	kept     int                 // answers of the run that this one tries again
}

// A summary is how a run ended.
type summary struct {
	header
	outcome engine.Outcome
	ended   time.Time
	signal  string // why it was cancelled, where a signal did
}

// took is how long the run took until some time, without the time in which it waited for its turn.
func (h header) took(until time.Time) time.Duration {
	if !h.admitted.IsZero() {
		return until.Sub(h.admitted)
	}
	return until.Sub(h.began)
}

// waitsForTurn says whether nothing of the run has begun.
func (h header) waitsForTurn() bool { return h.start.Queued && h.admitted.IsZero() }

// silent shows nothing.
type silent struct{}

func (silent) begin(header)         {}
func (silent) update(runner.Update) {}
func (silent) interrupting(string)  {}
func (silent) end(summary)          {}
func (silent) left(summary, error)  {}
