//go:build unix

package journal

import (
	"os"
	"syscall"
)

// alone says what is wrong if a file has further names.
func alone(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if about, ok := info.Sys().(*syscall.Stat_t); ok && about.Nlink > 1 {
		return errLinked
	}
	return mountedAlone(file)
}
