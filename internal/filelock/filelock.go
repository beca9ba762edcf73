// Package filelock says which process has a thing, by a lock on a file that the system gives back when the
// process ends, however it ends.
//
// The file holds the number of the process, to be read by those who come too late. It is no lock between the
// goroutines of one process, and none between machines.
package filelock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// ErrHeld is what Acquire says when another has the lock.
var ErrHeld = errors.New("another process has it")

// Acquire takes the lock of a file, which it makes if need be, for as long as the file is open. ErrHeld: another
// has it. An error that is errors.ErrUnsupported: this system or this disk has no such locks.
func Acquire(path string) (*os.File, error) {
	f, err := tryLock(path)
	if err != nil {
		return nil, err
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Holder is the number of the process that took the lock of a file last, or 0 if the file does not say.
func Holder(path string) int {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, 20))
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil {
		return 0
	}
	return pid
}

// Held says whether somebody has the lock of a file now. Nobody has one of a file that is not there. Many may ask
// at the same time, and do not keep each other from taking it for longer than they ask.
func Held(path string) (bool, error) {
	f, err := tryShare(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if errors.Is(err, ErrHeld) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, f.Close()
}
