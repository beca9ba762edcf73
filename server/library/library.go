// Package library is the folder of workflows that a server offers, as it is now.
//
// It reads the folder and all below it, compiles what is a workflow, and watches for changes. The promises:
//
//   - A file that is wrong is reported, and the version it had before stays in use until it is mended or removed.
//   - A workflow changes with the files it calls. All that is compiled in one look has the same version of each.
//   - Of two files with a workflow of the same name one counts, the one that had it first, and the other is reported.
//   - Nothing that happens to the folder ends the server: if it is gone, all stays as it was until it is back.
//
// Runs do not need it: each keeps the sources it began with. When to start one, and who may, is decided elsewhere.
package library

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/clock"
)

// Config is what a Library needs; Dir, Kind and Compile must be set.
type Config struct {
	Dir string

	// Kind is what a file is by its text: "workflow", something else, or empty: none of ours.
	Kind func(source []byte) string

	// Compile makes a program of a workflow file; read gives it the files that it calls. It is called from several
	// places at once.
	Compile func(file string, source []byte, read func(path string) ([]byte, error)) (*engine.Program, error)

	// Changed is called after a look that found something else than the one before. It must not wait for the Library.
	Changed func()

	Clock clock.Clock   // of Loaded and Since; nil: the machine's
	Log   *slog.Logger  // nil: nothing is told
	Every time.Duration // how often to look where the system does not tell of changes; zero: 30 s
}

// A Library is a folder of workflows. Its methods may be called from many places at once.
type Library struct {
	config Config
	shelf  atomic.Pointer[shelf] // what the last look found
	asked  chan struct{}         // somebody wants a look now

	mu       sync.Mutex // guards what follows: one look at a time
	dir      string
	looks    int
	found    place
	contents map[string]*content // of files, by their paths
	files    map[string]*file    // that are workflows, or were
	away     error               // why the folder cannot be read
	since    time.Time           // when that began
}

// An Entry is a workflow of the folder.
type Entry struct {
	Name, File string
	Program    *engine.Program
	Loaded     time.Time // when this version was first seen
	Broken     error     // what is wrong with the file as it is now; Program is the version before
}

// A Fault is a file that is not in use as it is now.
type Fault struct {
	File     string
	Workflow string // whose version before is in use; empty: nothing of the file is
	Folder   bool   // it is the folder itself, all of which stays in use
	Err      error  // engine.Problems, a *DoubledError, or that it cannot be read
	Since    time.Time
}

// A DoubledError says that two files have a workflow of the same name.
type DoubledError struct {
	Name   string
	File   string // does not count
	Counts string // the file that does: the one that did before, else the first by its path
}

func (e *DoubledError) Error() string {
	return fmt.Sprintf("two files have a workflow %q: %s, which counts, and %s, which does not; give one of them another name", e.Name, e.Counts, e.File)
}

// A shelf is what there is to have after a look.
type shelf struct {
	entries []Entry // by name
	byName  map[string]Entry
	faults  []Fault // by file
}

// Open reads the folder. The error is that it cannot be read; files with faults are none.
func Open(ctx context.Context, c Config) (*Library, error) {
	if c.Clock == nil {
		c.Clock = clock.Real()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Changed == nil {
		c.Changed = func() {}
	}
	if c.Every <= 0 {
		c.Every = 30 * time.Second
	}
	l := &Library{config: c, dir: c.Dir, asked: make(chan struct{}, 1), contents: map[string]*content{}, files: map[string]*file{}}
	l.shelf.Store(&shelf{})
	l.look(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return l, l.away
}

// Workflow is the one of a name.
func (l *Library) Workflow(name string) (Entry, bool) {
	e, ok := l.shelf.Load().byName[name]
	return e, ok
}

// Workflows are all, by name. The caller does not change the list.
func (l *Library) Workflows() []Entry { return l.shelf.Load().entries }

// Faults are the files that are not in use as they are now, by path. The caller does not change the list.
func (l *Library) Faults() []Fault { return l.shelf.Load().faults }

// Reload forgets what is known of files and looks at a folder, which may be another one, with what Compile knows by
// now. Files that are as they were keep their versions, unless they compile no more. The error is that the folder
// cannot be read; then all stays as it was.
func (l *Library) Reload(ctx context.Context, dir string) error {
	if _, err := find(dir); err != nil {
		return err
	}
	l.mu.Lock()
	l.dir = dir
	for _, f := range l.files {
		f.read = nil
	}
	l.mu.Unlock()
	if l.look(ctx) {
		l.config.Changed()
	}
	select {
	case l.asked <- struct{}{}: // the watch follows
	default:
	}
	return nil
}
