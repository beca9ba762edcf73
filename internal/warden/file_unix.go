//go:build unix

package warden

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// mostLinks is as many as Linux itself follows.
const mostLinks = 40

// CheckFile says why the file at an absolute path must not be run: it is none that can be, or somebody else than root and this user could
// put another one in its place. Each folder on the way and each symbolic link is looked at, as ssh does with its keys, so that what was allowed
// by its path is what runs.
func CheckFile(path string) error {
	rest := parts(path)
	for at, links := "/", 0; ; {
		info, err := os.Lstat(at)
		if err != nil {
			return err
		}
		if err := safe(at, info); err != nil {
			return err
		}
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			if links++; links > mostLinks {
				return fmt.Errorf("%s: too many symbolic links", path)
			}
			target, err := os.Readlink(at)
			if err != nil {
				return err
			}
			if at = filepath.Dir(at); filepath.IsAbs(target) {
				at = "/"
			}
			rest = append(parts(target), rest...)
		case len(rest) == 0:
			return runnable(at, info)
		case !info.IsDir():
			return fmt.Errorf("%s is no folder", at)
		}
		if len(rest) == 0 { // a link to the folder it stands in
			return fmt.Errorf("%s is a folder", at)
		}
		at, rest = filepath.Join(at, rest[0]), rest[1:]
	}
}

// parts keeps "..", which behind a symbolic link is not what it seems.
func parts(path string) (list []string) {
	for part := range strings.SplitSeq(path, "/") {
		if part != "" && part != "." {
			list = append(list, part)
		}
	}
	return list
}

// safe says who else could replace what is at a path, or what is in it.
func safe(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: nobody can tell whose it is", path)
	}
	if stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to the user %d, who could put something else there; it must belong to root or to the user that twinbook runs as", path, stat.Uid)
	}
	mode := info.Mode()
	if mode&fs.ModeSymlink != 0 || mode.IsDir() && mode&fs.ModeSticky != 0 {
		return nil // a link has no mode of its own; where a folder is sticky, as /tmp, only owners replace files
	}
	if mode&0o002 != 0 || mode&0o020 != 0 && stat.Gid != 0 {
		return fmt.Errorf("others may write to %s (%s), and could put something else there; chmod go-w ends that", path, mode)
	}
	return nil
}

func runnable(path string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return fmt.Errorf("%s is a folder", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file", path)
	case unix.Access(path, unix.X_OK) != nil:
		return fmt.Errorf("%s may not be run by the user that twinbook runs as", path)
	}
	return nil
}
