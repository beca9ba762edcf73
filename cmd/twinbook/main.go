// Command twinbook runs runbooks for device fleets.
//
// This package is the command line and nothing else: flags in, text out. It is the only place that
// reads flags, environment and configuration, and the only one that puts the parts together (wire.go).
// What a workflow means is decided in package engine; how devices are reached, in hub.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/twinbook/twinbook/internal/warden"
)

func main() {
	warden.Ward() // over a command of an exec step, if that is what this process was started for
	collectAt(400)
	os.Exit(Main())
}

// collectAt says by how much of what is kept memory may grow before garbage is collected. Runs make much
// garbage and keep little: at 400 % they need a fifth less processor time. A simulator keeps a whole fleet.
// GOGC in the environment still says otherwise.
func collectAt(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// Main is the whole program but for the exit itself; it returns the exit code.
func Main() int {
	// A reader that went away must not end a run half-way: writing to it fails, and the run's end says so.
	signal.Ignore(syscall.SIGPIPE)
	last := &parting{}
	ctx, cancel := context.WithCancelCause(withParting(context.Background(), last))
	defer cancel(nil)
	stop := onSignals(cancel, last)
	defer stop()
	return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv)
}

// sameSignal is how long another signal is the first one: timeout(1) sends its own to the process, and then to its
// group. Nobody asks twice so soon.
const sameSignal = 50 * time.Millisecond

// onSignals cancels with an interrupted at the first signal and leaves at once at the second.
func onSignals(cancel context.CancelCauseFunc, last *parting) (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		first, open := <-signals
		if !open {
			return
		}
		cancel(interrupted{signal: first})
		began := time.Now()
		for second := range signals {
			if time.Since(began) < sameSignal {
				continue
			}
			last.leave()
			os.Exit(interrupted{signal: second}.code())
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}
