package journal

import (
	"errors"
	"os"
	"path/filepath"
)

// makeFile makes an empty file, which is an empty journal, unless there is one.
func makeFile(file string) error {
	folders, err := makeFolders(filepath.Dir(file))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		if err = isFile(file); err == nil {
			protect(file)
		}
		return err
	}
	if err != nil {
		return err
	}
	for _, folder := range folders {
		syncFolder(folder)
	}
	return f.Close()
}

// makeFolders makes a folder and those above it, and gives all that have got a new entry or will get one.
func makeFolders(dir string) ([]string, error) {
	folders := []string{dir}
	for above := dir; ; {
		if _, err := os.Stat(above); !errors.Is(err, os.ErrNotExist) || filepath.Dir(above) == above {
			break
		}
		above = filepath.Dir(above)
		folders = append(folders, above)
	}
	return folders, os.MkdirAll(dir, 0o700)
}

// syncFolder has a folder's new entries outlive a loss of power, on systems that can do so by the folder.
func syncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		f.Sync()
		f.Close()
	}
}

// resolve finds the file behind symbolic links, beside which SQLite has its log and drivers have their locks.
func (s *SQLite) resolve() error {
	file, err := filepath.EvalSymlinks(s.file)
	if err != nil {
		return err
	}
	s.file = file
	if s.made, err = os.Stat(file); err != nil {
		return err
	}
	return alone(file)
}

// errLinked is about a file that can be reached by a name beside which others do not find the log: what they keep there
// would be lost.
var errLinked = errors.New("it has several names, and each would have a log of its own")

// protect takes an empty file, of which a journal is about to be made, from all but its user. Where that is not
// possible, as with one of another user, it is as private as that user wanted it.
func protect(file string) {
	if info, err := os.Stat(file); err == nil && info.Size() == 0 {
		os.Chmod(file, 0o600)
	}
}

// isFile says what is wrong if that is a folder or a device.
func isFile(file string) error {
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		err = errNoFile
	}
	return err
}

var errNoFile = errors.New("it is no file")

// same says what is wrong if the journal's file is no longer where it was: what is kept in one that was removed is lost.
func (s *SQLite) same() error {
	info, err := os.Stat(s.file)
	if err == nil && os.SameFile(info, s.made) {
		return nil
	}
	return errMoved
}

var errMoved = errors.New("it was removed or replaced while it was in use")
