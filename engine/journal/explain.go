package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// A fileError says which file an error is about, what is wrong with it, and what to do.
type fileError struct {
	file   string
	wrong  string // what is wrong, in words without the file's name; empty: err says it
	advice string // what to do; empty: nobody knows
	err    error
}

func (e *fileError) Error() string {
	switch {
	case e.wrong != "":
		return fmt.Sprintf("journal %s: %s; %s (%v)", e.file, e.wrong, e.advice, e.err)
	case e.advice != "":
		return fmt.Sprintf("journal %s: %v; %s", e.file, e.err, e.advice)
	}
	return fmt.Sprintf("journal %s: %v", e.file, e.err)
}

func (e *fileError) Unwrap() error { return e.err }

// Unusable says whether an error is that the file of a journal cannot be used at present, as when the disk is full, and
// not about something in it. why is in words without the file's name; it may be empty.
func Unusable(err error) (why string, yes bool) {
	var e *fileError
	if !errors.As(err, &e) || isAbout(err) || isDamage(err) {
		return "", false
	}
	return e.wrong, true
}

// explain gives a *fileError for an error, or nil for none.
func explain(file string, err error) error {
	if err == nil {
		return nil
	}
	if codeOf(err) == lib.SQLITE_CANTOPEN {
		err = withCause(err)
	}
	wrong, advice := adviceFor(err)
	return &fileError{file, wrong, advice, err}
}

// withCause adds to an error of SQLite, which does not say why a file cannot be opened, that none can be. The journal
// itself must not be opened to find out.
func withCause(err error) error {
	f, cause := os.Open(os.DevNull)
	if cause == nil {
		f.Close()
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}

// adviceFor is what an error means, in case it does not say so itself, and what to do.
func adviceFor(err error) (wrong, advice string) {
	const another = "choose another file"
	switch {
	case errors.Is(err, errForeign), errors.Is(err, errNoFile):
		return "", another
	case errors.Is(err, errNewer):
		return "", "update twinbook, or " + another
	case errors.Is(err, errOlder):
		return "", "open it once where it can be written, which brings it up to date"
	case errors.Is(err, errEmpty):
		return "", "twinbook run FILE makes a journal of it"
	case errors.Is(err, errLogUnread):
		return "", "copy the file, and the one whose name ends in -wal with it, to where this user may write, and use the copy"
	case errors.Is(err, errUnnumbered):
		return "", "restore it from a backup, or " + another
	case errors.Is(err, errDamaged):
		return "", "twinbook runs export --all has the other runs for a new journal; or restore the file from a backup"
	case errors.Is(err, errLinked):
		return "", "remove the other names (hard links), or where it is mounted alone, mount the folder that it is in"
	case errors.Is(err, errMoved):
		return "", "start again; what goes on in this process cannot be kept"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "", "raise the limit (ulimit -n), or end programs that have many files open"
	case errors.Is(err, fs.ErrPermission):
		return "", "this user may not read and write there; " + another
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EROFS),
		errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.ELOOP):
		return "", another
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "", "make room on the disk"
	}
	return adviceForCode(codeOf(err), another)
}

// adviceForCode has the words for SQLite's result codes.
func adviceForCode(code int, another string) (wrong, advice string) {
	switch code {
	case lib.SQLITE_FULL:
		return "the disk is full, so nothing more can be kept", "make room"
	case lib.SQLITE_READONLY:
		return "it cannot be written", "see to its rights and those of its folder, or " + another
	case lib.SQLITE_CANTOPEN:
		return "it cannot be opened", "it must be a file, in a folder that this user may write to"
	case lib.SQLITE_PERM, lib.SQLITE_AUTH:
		return "this user may not use it", another
	case lib.SQLITE_CORRUPT:
		return "it is damaged", "twinbook runs export --all has what can be read for a new journal; or restore it from a backup"
	case lib.SQLITE_NOTADB:
		return "it is no journal", another
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return "another process has kept it locked for too long", "end that process, or try again later"
	case lib.SQLITE_PROTOCOL:
		return "its locks do not work", "it must lie on a disk of this machine, not on a network"
	case lib.SQLITE_IOERR:
		return "the disk does not do what it should", "see to the disk; the file must lie on one of this machine, not on a network"
	case lib.SQLITE_NOMEM:
		return "there is too little memory", "end other programs"
	case lib.SQLITE_TOOBIG:
		return "an event is too big to be kept", "keep the outputs of steps below 1 MiB"
	}
	return "", ""
}

// explainTask explains what is about the file, and leaves what is about a run or the caller.
func explainTask(file string, err error) error {
	for _, about := range []error{errDamaged, errClosed, errMoved, errNoLock, fs.ErrNotExist} {
		if errors.Is(err, about) {
			return explain(file, err)
		}
	}
	if codeOf(err) != 0 {
		return explain(file, err)
	}
	return err
}

// codeOf is SQLite's primary result code of an error, or 0.
func codeOf(err error) int { return extendedCodeOf(err) & 0xff }

func extendedCodeOf(err error) int {
	var failure *sqlite.Error
	if errors.As(err, &failure) {
		return failure.Code()
	}
	return 0
}

func isBusy(err error) bool {
	return codeOf(err) == lib.SQLITE_BUSY || codeOf(err) == lib.SQLITE_LOCKED
}

// isAbout says whether an error is about one of the things that were done, and not about the file.
func isAbout(err error) bool {
	switch codeOf(err) {
	case lib.SQLITE_CONSTRAINT, lib.SQLITE_TOOBIG, lib.SQLITE_MISMATCH, lib.SQLITE_ERROR, lib.SQLITE_RANGE, lib.SQLITE_MISUSE:
		return true
	}
	return false
}

// isDamage says whether something cannot be read as it was written, in the file or in a run.
func isDamage(err error) bool {
	return errors.Is(err, errDamaged) || codeOf(err) == lib.SQLITE_CORRUPT
}

// cannotShare says whether a file could not be read only because nothing can be written beside it.
func cannotShare(err error) bool {
	switch codeOf(err) {
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		return true
	}
	return false
}
