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
	interrupting(why string) // a signal has come, and the run is about to end
	end(summary)
}

// A header is what is known of a run before its first step.
type header struct {
	program *engine.Program
	hubs    []openHub // the run's own first
}

// A summary is how a run ended.
type summary struct {
	header
	start   engine.RunStart
	outcome engine.Outcome
	began   time.Time
	ended   time.Time
	signal  string // why it was cancelled, where a signal did
}
