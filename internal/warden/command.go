package warden

import (
	"errors"
	"fmt"
	"time"
)

// ErrUnsupported is that this system cannot end a command with all that it has started.
var ErrUnsupported = errors.New("commands can be run on Linux, macOS and other Unix systems only")

// A Command is what to run.
type Command struct {
	Path  string   // absolute; it is neither looked for nor given to a shell
	Args  []string // without the command's own name
	Env   []string // NAME=VALUE, and nothing else
	Dir   string   // absolute
	Stdin []byte

	Most int // how many bytes are kept of stdout, the first, and of stderr, the last
}

// A Result is how a command ended.
type Result struct {
	ExitCode       int // 128 and the signal's number if a signal ended it, as shells have it
	Stdout, Stderr Output
}

// An Output is what a command has written.
type Output struct {
	Text []byte
	Cut  bool // there was more: behind it in stdout, before it in stderr
}

// A StartError is why a command was not started: nothing has happened.
type StartError struct{ Err error }

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

func notStarted(format string, args ...any) *StartError {
	return &StartError{fmt.Errorf(format, args...)}
}

// patience is how long a command may go on after it was told to end, and what it leaves behind after its own end.
// After that, all of it is killed.
const patience = 3 * time.Second

// stubborn is how long killed processes may take to go. Those that cannot be killed are left then.
const stubborn = time.Second
