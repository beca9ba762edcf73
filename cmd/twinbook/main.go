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
)

func main() {
	collectLess()
	os.Exit(Main())
}

// collectLess trades a little memory, which a command like this has, for a fifth of its processor time:
// runs make much garbage and keep little. GOGC in the environment still says otherwise.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// Main is the whole program but for the exit itself; it returns the exit code.
func Main() int {
	// A reader that went away must not end a run half-way: writing to it fails, and the run's end says so.
	signal.Ignore(syscall.SIGPIPE)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	stop := onSignals(cancel)
	defer stop()
	return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv)
}

// onSignals cancels with an interrupted at the first signal and leaves at once at the second.
func onSignals(cancel context.CancelCauseFunc) (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		first, open := <-signals
		if !open {
			return
		}
		cancel(interrupted{signal: first})
		if second, open := <-signals; open {
			os.Stderr.WriteString("\n") // below the live line
			os.Exit(interrupted{signal: second}.code())
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}
