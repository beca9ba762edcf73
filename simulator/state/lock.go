package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// errHeld is what tryLock says when another has the lock.
var errHeld = errors.New("another has it")

// acquire takes the folder's lock for as long as the file is open, which the system closes when its process ends,
// however it does. The file holds the process's number, to be read by those who come too late.
func acquire(path string) (*os.File, error) {
	f, err := tryLock(path)
	if errors.Is(err, errHeld) {
		return nil, fmt.Errorf("%s has it open; end that, or choose another folder", holder(path))
	}
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

func holder(path string) string {
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		text, _ := io.ReadAll(io.LimitReader(f, 20))
		if pid, err := strconv.Atoi(string(bytes.TrimSpace(text))); err == nil {
			return fmt.Sprintf("another simulator (process %d)", pid)
		}
	}
	return "another simulator"
}
