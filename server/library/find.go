package library

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A place is what find found: the files that may be ours, and the folders they can be in.
type place struct {
	files   []string         // in order
	folders []string         // with the folder itself
	closed  map[string]error // folders that could not be read, and why
}

// Find gives the YAML files of a folder and of all below it, in order: those whose names end in .yaml or .yml. What is
// hidden is left out, and so is what editors make for a moment. A link to a file is one; links to folders are not
// followed. The error is that the folder, or one below it, cannot be read.
func Find(dir string) ([]string, error) {
	p, err := find(dir)
	for _, folder := range slices.Sorted(maps.Keys(p.closed)) {
		return p.files, p.closed[folder]
	}
	return p.files, err
}

func find(dir string) (p place, err error) {
	p.closed = map[string]error{}
	root, err := os.Stat(dir)
	if err != nil {
		return p, err
	}
	if !root.IsDir() {
		return p, &fs.PathError{Op: "open", Path: dir, Err: errNoFolder}
	}
	// WalkDir does not follow dir itself if it is a link; with a separator at its end it is none.
	err = filepath.WalkDir(withSeparator(dir), func(path string, d fs.DirEntry, err error) error {
		path = filepath.Clean(path)
		switch inner := path != filepath.Clean(dir); {
		case err != nil && !inner:
			return err
		case err != nil:
			if !errors.Is(err, fs.ErrNotExist) { // else it has gone meanwhile
				p.closed[path] = err
			}
		case d.IsDir() && inner && hidden(d.Name()):
			return filepath.SkipDir
		case d.IsDir():
			p.folders = append(p.folders, path)
		case named(d.Name()) && regular(path, d):
			p.files = append(p.files, path)
		}
		return nil
	})
	return p, err
}

func withSeparator(dir string) string {
	if strings.HasSuffix(dir, string(filepath.Separator)) {
		return dir
	}
	return dir + string(filepath.Separator)
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// named says whether a file's name is one that workflows have.
func named(name string) bool {
	ext := filepath.Ext(name)
	return (ext == ".yaml" || ext == ".yml") && !hidden(name) && !strings.HasPrefix(name, "#") && !strings.HasPrefix(name, "~")
}

// regular says whether an entry is a file or a link to one: Kubernetes mounts a ConfigMap as links.
func regular(path string, d fs.DirEntry) bool {
	if d.Type()&fs.ModeSymlink == 0 {
		return d.Type().IsRegular()
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
