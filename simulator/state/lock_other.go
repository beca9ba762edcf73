//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package state

import (
	"errors"
	"os"
)

func tryLock(path string) (*os.File, error) {
	return nil, &os.PathError{Op: "lock", Path: path, Err: errors.ErrUnsupported}
}
