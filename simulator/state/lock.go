package state

import (
	"errors"
	"fmt"
	"os"

	"github.com/twinbook/twinbook/internal/filelock"
)

// acquire takes the folder's lock for as long as the file is open, which the system closes when its process ends,
// however it does.
func acquire(path string) (*os.File, error) {
	f, err := filelock.Acquire(path)
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("%s has it open; end that, or choose another folder", holder(path))
	}
	return f, err
}

func holder(path string) string {
	if pid := filelock.Holder(path); pid != 0 {
		return fmt.Sprintf("another simulator (process %d)", pid)
	}
	return "another simulator"
}
