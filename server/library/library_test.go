package library

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/steps"
)

// longest is how long a test waits for what must come.
const longest = 20 * time.Second

var leading = regexp.MustCompile(`(?m)^(workflow|suite|simulator|hubs):`)

func kind(source []byte) string {
	if m := leading.FindSubmatch(source); m != nil {
		return string(m[1])
	}
	return ""
}

func compile(file string, source []byte, read func(string) ([]byte, error)) (*engine.Program, error) {
	p, problems := engine.Compile(file, source, engine.Options{Types: steps.All().Types, Read: read})
	return p, problems.Err()
}

// A shelfTest is a Library in a folder of its own.
type shelfTest struct {
	t   *testing.T
	dir string
	*Library
	news chan struct{}
	log  *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// open reads a folder with some files, and watches it unless still.
func open(t *testing.T, dir string, still bool, files map[string]string) *shelfTest {
	t.Helper()
	s := &shelfTest{t: t, dir: dir, news: make(chan struct{}, 1), log: &lockedBuffer{}}
	for name, text := range files {
		s.write(name, text)
	}
	l, err := Open(t.Context(), Config{
		Dir: dir, Kind: kind, Compile: compile, Log: slog.New(slog.NewTextHandler(s.log, nil)), Every: time.Hour,
		Changed: func() {
			select {
			case s.news <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Library = l; !still {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		t.Cleanup(func() {
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	return s
}

func (s *shelfTest) path(name string) string { return filepath.Join(s.dir, name) }

func (s *shelfTest) write(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// replace writes a file as editors do: another one takes its place at once.
func (s *shelfTest) replace(name, text string) {
	s.t.Helper()
	s.write(name+"~tmp", text)
	if err := os.Rename(s.path(name+"~tmp"), s.path(name)); err != nil {
		s.t.Fatal(err)
	}
}

// await waits until the library is in a state that is named by text().
func (s *shelfTest) await(want string) {
	s.t.Helper()
	if !s.awaitNews(func() bool { return s.text() == want }) {
		s.t.Fatalf("the library is\n%s\nand should be\n%s\nlog:\n%s", s.text(), want, s.log)
	}
}

// awaitNews waits until something holds.
func (s *shelfTest) awaitNews(holds func() bool) bool {
	late := time.After(longest)
	for !holds() {
		select {
		case <-s.news:
		case <-late:
			return false
		}
	}
	return true
}

// text is "name(message of its first step)" of all workflows, each with ! if its file is broken, then the faulty files.
func (s *shelfTest) text() string {
	var all []string
	for _, e := range s.Workflows() {
		text := e.Name + "(" + message(e.Program) + ")"
		if e.Broken != nil {
			text += "!"
		}
		if got, ok := s.Workflow(e.Name); !ok || got.Program != e.Program {
			s.t.Errorf("Workflow(%s) is of %s, want %s", e.Name, got.File, e.File)
		}
		all = append(all, text)
	}
	for _, f := range s.Faults() {
		name, err := filepath.Rel(s.dir, f.File)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, "fault:"+filepath.ToSlash(name)+":"+f.Workflow)
	}
	return strings.Join(all, " ")
}

var logged = regexp.MustCompile(`log: (\w+)`)

func message(p *engine.Program) string {
	var all []string
	for _, each := range p.Programs() {
		if m := logged.FindSubmatch(each.Source); m != nil {
			all = append(all, string(m[1]))
		}
	}
	return strings.Join(all, "+")
}

func workflow(name, message string) string {
	return fmt.Sprintf("version: 1\nworkflow: %s\nsteps:\n  - log: %s\n", name, message)
}

func calling(name, file string) string {
	return fmt.Sprintf("version: 1\nworkflow: %s\nsteps:\n  - log: caller\n  - call: { workflow: %s }\n", name, file)
}
