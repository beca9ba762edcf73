package library

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/twinbook/twinbook/engine"
)

// A file is a workflow file, or was one.
type file struct {
	path    string
	read    map[string]int // the versions of all that was read for it; nil: it has to be compiled
	program *engine.Program
	loaded  time.Time
	broken  error
	since   time.Time // that it is broken
}

// A looking is one look at the folder.
type looking struct {
	*Library
	now time.Time // on the machine's clock, as file times are

	reading sync.Mutex // guards contents while several files are compiled
}

// look brings all up to date with the folder, and says whether something is different.
func (l *Library) look(ctx context.Context) (changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.shelf.Load()
	found, err := find(l.dir)
	if l.mislay(err); err == nil {
		l.looks++
		l.found = found
		k := &looking{Library: l, now: time.Now()}
		k.forget()
		k.compileAll(ctx, k.stale())
		k.tidy()
	}
	after := l.arrange()
	l.shelf.Store(after)
	return l.tell(before, after)
}

// mislay notes that the folder cannot be read, or that it can be again.
func (l *Library) mislay(err error) {
	if err != nil && l.away == nil {
		l.since = l.config.Clock.Now()
	}
	l.away = err
}

// forget drops the files that are not there any more. Those in a folder that cannot be read stay, and are reported.
func (k *looking) forget() {
	there := map[string]bool{}
	for _, path := range k.found.files {
		there[path] = true
	}
	for path, f := range k.files {
		if there[path] {
			continue
		}
		if why := k.closedTo(path); why != nil {
			f.blame(why, k.config.Clock.Now())
			f.read = nil
		} else {
			delete(k.files, path)
		}
	}
}

// closedTo is why a file cannot be found, if it is in a folder that cannot be read.
func (k *looking) closedTo(path string) error {
	for folder, why := range k.found.closed {
		if within(folder, path) {
			return why
		}
	}
	return nil
}

// stale are the files that have to be compiled, since something that was read for them has changed. A file that was a
// workflow and is nothing we know is one with a fault: perhaps somebody is writing it.
func (k *looking) stale() (all []*file) {
	for _, path := range k.found.files {
		c, f := k.content(path), k.files[path]
		kind := k.config.Kind(c.text)
		switch {
		case errors.Is(c.err, fs.ErrNotExist), c.err == nil && kind != "workflow" && (kind != "" || f == nil || f.program == nil):
			delete(k.files, path)
			continue
		case f == nil:
			f = &file{path: path}
			k.files[path] = f
		}
		if f.read == nil || k.outdated(f) {
			all = append(all, f)
		}
	}
	return all
}

func (k *looking) outdated(f *file) bool {
	for path, version := range f.read {
		if k.content(path).version != version {
			return true
		}
	}
	return false
}

// content is what a file says in this look, in which it is read once.
func (k *looking) content(path string) *content {
	c := k.contents[path]
	if c == nil {
		c = &content{}
		k.contents[path] = c
	}
	if c.look != k.looks {
		c.look = k.looks
		c.refresh(path, k.now)
	}
	return c
}

// compileAll compiles files, as many at a time as there are processors.
func (k *looking) compileAll(ctx context.Context, files []*file) {
	next := make(chan *file)
	var all sync.WaitGroup
	for range min(len(files), runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for f := range next {
				k.compile(f)
			}
		})
	}
	for _, f := range files {
		if ctx.Err() == nil {
			next <- f
		}
	}
	close(next)
	all.Wait()
}

// compile makes a new version of a file, or says what is wrong with it.
func (k *looking) compile(f *file) {
	f.read = map[string]int{}
	read := func(path string) ([]byte, error) {
		k.reading.Lock()
		defer k.reading.Unlock()
		c := k.content(path)
		f.read[path] = c.version
		return c.text, c.err
	}
	source, err := read(f.path)
	var p *engine.Program
	if err == nil {
		p, err = k.config.Compile(f.path, source, read)
	}
	if err != nil {
		f.blame(err, k.config.Clock.Now())
		return
	}
	f.broken = nil
	if f.program == nil || !sameSources(p, f.program) {
		f.program, f.loaded = p, k.config.Clock.Now()
	}
}

func (f *file) blame(err error, now time.Time) {
	if f.broken == nil {
		f.since = now
	}
	f.broken = err
}

func sameSources(a, b *engine.Program) bool {
	return slices.EqualFunc(a.Programs(), b.Programs(), func(a, b *engine.Program) bool { return a.File == b.File && a.Hash == b.Hash })
}

// tidy forgets the contents that nobody asked for in this look.
func (k *looking) tidy() {
	maps.DeleteFunc(k.contents, func(_ string, c *content) bool { return c.look != k.looks })
}

// arrange puts the files on a new shelf. Of those with the same workflow the one counts that did before, else the first
// that has no fault.
func (l *Library) arrange() *shelf {
	s, before := &shelf{byName: map[string]Entry{}}, l.shelf.Load()
	if l.away != nil {
		s.faults = append(s.faults, Fault{File: l.dir, Folder: true, Err: fmt.Errorf("the folder of workflows cannot be read, and all stays as it was: %w", l.away), Since: l.since})
	}
	files := slices.SortedFunc(maps.Values(l.files), func(a, b *file) int {
		return cmp.Or(cmp.Compare(before.order(a), before.order(b)), cmp.Compare(a.path, b.path))
	})
	for _, f := range files {
		s.put(f)
	}
	s.entries = slices.SortedFunc(maps.Values(s.byName), func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(s.faults, func(a, b Fault) int { return cmp.Compare(a.File, b.File) })
	return s
}

// order is which files come first for the shelf after this one: those that count, then those without a fault.
func (s *shelf) order(f *file) int {
	switch {
	case f.program != nil && s.byName[f.program.Workflow.Name].File == f.path:
		return 0
	case f.broken == nil:
		return 1
	}
	return 2
}

func (s *shelf) put(f *file) {
	used := ""
	if f.program != nil {
		e := Entry{Name: f.program.Workflow.Name, File: f.path, Program: f.program, Loaded: f.loaded, Broken: f.broken}
		first, taken := s.byName[e.Name]
		switch {
		case !taken:
			s.byName[e.Name] = e
			used = e.Name
		case f.broken == nil:
			s.faults = append(s.faults, Fault{File: f.path, Err: &DoubledError{Name: e.Name, File: f.path, Counts: first.File}, Since: f.loaded})
		}
	}
	if f.broken != nil {
		s.faults = append(s.faults, Fault{File: f.path, Workflow: used, Err: f.broken, Since: f.since})
	}
}
