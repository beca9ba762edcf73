package main

import (
	"context"
	"errors"
	"os"
	"syscall"
)

// The exit codes, besides those of signals.
const (
	exitOK     = 0
	exitFailed = 1 // a run or an assertion failed
	exitUsage  = 2 // a bad file, flag or configuration: nothing was touched
	exitNoHub  = 3 // the hub could not be reached, or refused us, before the first effect
)

// A coded error ends the program with its code. Without one, an error of a command is a usage error.
type coded struct {
	code int
	err  error // nil: what is wrong has been said already
}

func (c coded) Error() string {
	if c.err == nil {
		return ""
	}
	return c.err.Error()
}

func (c coded) Unwrap() error { return c.err }

// exitCode is the code that an error of a command means.
func exitCode(err error) int {
	var c coded
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &c):
		return c.code
	}
	return exitUsage
}

// interrupted is the cause of a context that a signal has ended.
type interrupted struct{ signal os.Signal }

func (i interrupted) Error() string {
	if i.signal == syscall.SIGTERM {
		return "ended by SIGTERM"
	}
	return "interrupted by Ctrl-C"
}

// code is 128 and the signal's number, as shells have it.
func (i interrupted) code() int {
	if i.signal == syscall.SIGTERM {
		return 143
	}
	return 130
}

// interruption is the signal that has ended ctx, if one has.
func interruption(ctx context.Context) (interrupted, bool) {
	var i interrupted
	return i, errors.As(context.Cause(ctx), &i)
}

// stopped is the error of a command that ctx has ended.
func stopped(ctx context.Context) error {
	if i, ok := interruption(ctx); ok {
		return coded{i.code(), i}
	}
	return context.Cause(ctx)
}
