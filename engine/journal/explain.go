package journal

import (
	"errors"
	"fmt"
	"io/fs"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// codeOf is SQLite's primary result code of an error, or 0.
func codeOf(err error) int {
	var failure *sqlite.Error
	if errors.As(err, &failure) {
		return failure.Code() & 0xff
	}
	return 0
}

func isBusy(err error) bool { return codeOf(err) == lib.SQLITE_BUSY || codeOf(err) == lib.SQLITE_LOCKED }

// explain says which file an error is about, and what to do.
func explain(file string, err error) error {
	if err == nil {
		return nil
	}
	advice := ""
	switch {
	case errors.Is(err, errForeign):
		advice = "choose another file"
	case errors.Is(err, errNewer):
		advice = "update twinbook, or choose another file"
	case errors.Is(err, fs.ErrPermission):
		advice = "this user may not use it; choose a file that can be written"
	}
	switch codeOf(err) {
	case lib.SQLITE_FULL:
		advice = "the disk is full; make room"
	}
	if advice == "" {
		return fmt.Errorf("journal %s: %w", file, err)
	}
	return fmt.Errorf("journal %s: %w; %s", file, err, advice)
}

// isAbout says whether an error is about one of the things that were done, and not about the file.
func isAbout(err error) bool {
	switch codeOf(err) {
	case lib.SQLITE_CONSTRAINT, lib.SQLITE_TOOBIG, lib.SQLITE_MISMATCH, lib.SQLITE_ERROR, lib.SQLITE_RANGE, lib.SQLITE_MISUSE:
		return true
	}
	return false
}

// explainTask explains what is about the file, and leaves what is about a run.
func explainTask(file string, err error) error {
	if codeOf(err) != 0 || errors.Is(err, errDamaged) || errors.Is(err, errClosed) {
		return explain(file, err)
	}
	return err
}
