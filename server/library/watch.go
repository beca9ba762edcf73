package library

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Changes come in bursts: a look waits until there was none for quiet, but no longer than patience.
const (
	quiet    = 100 * time.Millisecond
	patience = time.Second
)

// Run watches the folder until ctx ends. Where the system cannot tell of changes, as over many networks, the folder is
// looked at from time to time all the same.
func (l *Library) Run(ctx context.Context) error {
	slow := time.NewTicker(l.config.Every)
	defer slow.Stop()
	w := watch{library: l}
	defer w.close()
	for w.follow(); ctx.Err() == nil; {
		// First watch, then look: what changes in between is seen. A look may find folders that were not watched.
		if l.look(ctx) {
			l.config.Changed()
		}
		if !w.follow() {
			w.wait(ctx, slow.C)
		}
	}
	return nil
}

// A watch is the system's word about folders.
type watch struct {
	library *Library
	watcher *fsnotify.Watcher // nil: there is none
	folders map[string]os.FileInfo
	refused bool // the system does not watch for us, which has been said
}

// follow watches the folders that there are now, and says whether they are others than before. One that was removed
// and made again is another one.
func (w *watch) follow() (others bool) {
	now := w.library.folders()
	others = len(now) != len(w.folders)
	for path, info := range now {
		others = others || w.folders[path] == nil || !os.SameFile(info, w.folders[path])
	}
	if others {
		w.close()
		w.folders = now
		w.open()
	}
	return others
}

func (w *watch) open() {
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		w.watcher = watcher
		for path := range w.folders {
			if e := watcher.Add(path); e != nil && !os.IsNotExist(e) {
				err = e
			}
		}
	}
	if err != nil && !w.refused {
		w.refused = true
		w.library.config.Log.Warn("the system does not tell of all changes in the folder of workflows, so it is looked at from time to time",
			"every", w.library.config.Every.String(), "error", err.Error())
	}
}

func (w *watch) close() {
	if w.watcher != nil {
		w.watcher.Close()
		w.watcher = nil
	}
}

// wait returns when it is time to look: something has happened in the folders and has come to rest, somebody asks for
// it, or the last look is long ago.
func (w *watch) wait(ctx context.Context, slow <-chan time.Time) {
	var events <-chan fsnotify.Event
	var lost <-chan error // more has happened than the system could tell
	if w.watcher != nil {
		events, lost = w.watcher.Events, w.watcher.Errors
	}
	var rest, latest <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-slow:
			return
		case <-w.library.asked:
			return
		case <-lost:
			return
		case <-rest:
			return
		case <-latest:
			return
		case e := <-events:
			if !w.matters(e) {
				continue
			}
			rest = time.After(quiet)
			if latest == nil {
				latest = time.After(patience)
			}
		}
	}
}

// matters says whether an event may change what there is: not what is written to other files, nor what happens beside
// the folder.
func (w *watch) matters(e fsnotify.Event) bool {
	name, folder := filepath.Base(e.Name), w.library.folder()
	switch {
	case filepath.Dir(e.Name) == filepath.Dir(folder):
		return e.Name == folder
	case e.Op == fsnotify.Write || e.Op == fsnotify.Chmod:
		return named(name) || filepath.Ext(name) == "" // perhaps a folder
	}
	return true
}

// folder is where it is in the file system, so that the folder above can be told from those in it.
func (l *Library) folder() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	folder, err := filepath.Abs(l.dir)
	if err != nil {
		return l.dir
	}
	return folder
}

// folders are those to watch: all below the folder, the one above, in which it may be removed, made again or linked to
// another one, and hidden ones with files that are called.
func (l *Library) folders() map[string]os.FileInfo {
	paths := []string{filepath.Dir(l.folder())}
	l.mu.Lock()
	paths = append(paths, l.found.folders...)
	for path := range l.contents {
		paths = append(paths, filepath.Dir(path))
	}
	l.mu.Unlock()
	slices.Sort(paths)
	all := map[string]os.FileInfo{}
	for _, path := range slices.Compact(paths) {
		if info, err := os.Stat(path); err == nil {
			all[path] = info
		}
	}
	return all
}
