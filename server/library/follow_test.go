package library

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
)

func TestReadsWorkflowsAndNothingElse(t *testing.T) {
	s := open(t, t.TempDir(), true, map[string]string{
		"a.yaml": workflow("a", "one"), "deep/er/b.yml": workflow("b", "two"),
		"a_test.yaml": "version: 1\nsuite: tests\n", "sim.yaml": "version: 1\nsimulator: plant\n", "twinbook.yaml": "version: 1\nhubs: {}\n",
		"pod.yaml": "kind: Pod\n", "empty.yaml": "", "notes.txt": workflow("notes", "x"),
		".a.yaml": workflow("c", "x"), ".git/a.yaml": workflow("d", "x"), "#a.yaml#": workflow("e", "x"), "#a.yaml": workflow("e", "x"),
		"a.yaml~": workflow("f", "x"), "~a.yaml": workflow("f", "x"), ".a.yaml.swp": workflow("g", "x"), "4913": workflow("h", "x"),
	})
	if got, want := s.text(), "a(one) b(two)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, ok := s.Workflow("c"); ok {
		t.Error("there is a workflow c")
	}
}

func TestAFolderThatIsNotThereIsAnError(t *testing.T) {
	for _, dir := range []string{filepath.Join(t.TempDir(), "nowhere"), "library_test.go"} {
		if _, err := Open(t.Context(), Config{Dir: dir, Kind: kind, Compile: compile}); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: the error is %v", dir, err)
		}
	}
}

func TestFollowsFiles(t *testing.T) {
	s := open(t, t.TempDir(), false, map[string]string{"a.yaml": workflow("a", "one")})
	s.await("a(one)")
	s.replace("a.yaml", workflow("a", "two"))
	s.await("a(two)")
	s.write("a.yaml", workflow("a", "three"))
	s.await("a(three)")
	s.write("new/er/b.yaml", workflow("b", "one"))
	s.await("a(three) b(one)")
	s.replace("new/er/b.yaml", workflow("b", "two"))
	s.await("a(three) b(two)")
	s.write("a.yaml", workflow("other", "three"))
	s.await("b(two) other(three)")
	if err := os.RemoveAll(s.path("new")); err != nil {
		t.Fatal(err)
	}
	s.await("other(three)")
	if err := os.Rename(s.path("a.yaml"), s.path("z.yml")); err != nil {
		t.Fatal(err)
	}
	s.write("b.yaml", workflow("b", "again"))
	s.await("b(again) other(three)")
	if e, _ := s.Workflow("other"); e.File != s.path("z.yml") {
		t.Errorf("its file is %s", e.File)
	}
	s.write("z.yml", "version: 1\nsuite: tests\n")
	s.await("b(again)")
}

func TestABrokenFileKeepsItsVersion(t *testing.T) {
	s := open(t, t.TempDir(), false, map[string]string{"a.yaml": workflow("a", "one"), "never.yaml": "version: 1\nworkflow: never\nsteps: []\n"})
	s.await("a(one) fault:never.yaml:")
	before, _ := s.Workflow("a")
	s.replace("a.yaml", "version: 1\nworkflow: a\nsteps:\n  - lgo: two\n")
	s.await("a(one)! fault:a.yaml:a fault:never.yaml:")
	e, _ := s.Workflow("a")
	var problems engine.Problems
	if !errors.As(e.Broken, &problems) || problems[0].Rule != "unknown-action" || e.Program != before.Program || !e.Loaded.Equal(before.Loaded) {
		t.Errorf("the entry is %+v", e)
	}
	for name, text := range map[string]string{"emptied": "", "cut": "version: 1\nworkfl", "no YAML": "workflow: [\x00"} {
		was := s.Faults()[0].Err
		s.write("a.yaml", text)
		s.awaitNews(func() bool { return !sameError(s.Faults()[0].Err, was) })
		if e, _ := s.Workflow("a"); s.text() != "a(one)! fault:a.yaml:a fault:never.yaml:" || e.Program != before.Program {
			t.Errorf("%s: it is %s", name, s.text())
		}
	}
	s.replace("a.yaml", workflow("a", "two"))
	s.await("a(two) fault:never.yaml:")
	if e, _ := s.Workflow("a"); !e.Loaded.After(before.Loaded) {
		t.Error("it was not loaded anew")
	}
	s.replace("never.yaml", workflow("never", "ok"))
	s.await("a(two) never(ok)")
	if log := s.log.String(); strings.Count(log, "file not in use") != 5 || !strings.Contains(log, `a.yaml:4:5: unknown action \"lgo\"`) || !strings.Contains(log, "no longer faulty") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestABrokenFileThatIsRemovedGoes(t *testing.T) {
	s := open(t, t.TempDir(), false, map[string]string{"a.yaml": workflow("a", "one")})
	s.write("a.yaml", "version: 1\nworkflow: a\n")
	s.await("a(one)! fault:a.yaml:a")
	if err := os.Remove(s.path("a.yaml")); err != nil {
		t.Fatal(err)
	}
	s.await("")
}

func TestOneOfTwoFilesOfAWorkflowCounts(t *testing.T) {
	s := open(t, t.TempDir(), false, map[string]string{"b.yaml": workflow("a", "second"), "c.yaml": workflow("a", "third")})
	s.await("a(second) fault:c.yaml:")
	// The file that counts goes on to, whatever the names of copies, and while it has a fault.
	s.write("a.yaml", workflow("a", "first"))
	s.await("a(second) fault:a.yaml: fault:c.yaml:")
	var doubled *DoubledError
	if f := s.Faults()[0]; !errors.As(f.Err, &doubled) || doubled.Counts != s.path("b.yaml") || doubled.File != s.path("a.yaml") ||
		!strings.Contains(f.Err.Error(), s.path("a.yaml")) || !strings.Contains(f.Err.Error(), s.path("b.yaml")) {
		t.Errorf("the fault is %+v", f)
	}
	s.write("b.yaml", "version: 1\nworkflow: a\n")
	s.await("a(second)! fault:a.yaml: fault:b.yaml:a fault:c.yaml:")
	s.write("b.yaml", workflow("a", "mended"))
	s.await("a(mended) fault:a.yaml: fault:c.yaml:")
	// Where it has gone, the first by its path that has no fault.
	s.write("a.yaml", "version: 1\nworkflow: a\n")
	s.await("a(mended) fault:a.yaml: fault:c.yaml:")
	if err := os.Remove(s.path("b.yaml")); err != nil {
		t.Fatal(err)
	}
	s.await("a(third) fault:a.yaml:")
	s.write("a.yaml", workflow("other", "first"))
	s.await("a(third) other(first)")
	if log := s.log.String(); !strings.Contains(log, `level=INFO msg="workflow added" workflow=other`) || strings.Contains(log, `msg="workflow added" workflow=a `) {
		t.Errorf("the log is\n%s", log)
	}
}

func TestCalledFiles(t *testing.T) {
	s := open(t, t.TempDir(), false, map[string]string{
		"a.yaml": calling("a", "sub/b.yaml"), "sub/b.yaml": calling("b", "c.yaml"), "sub/c.yaml": workflow("c", "one"), "d.yaml": workflow("d", "alone"),
	})
	s.await("a(caller+caller+one) b(caller+one) c(one) d(alone)")
	d, _ := s.Workflow("d")
	s.replace("sub/c.yaml", workflow("c", "two"))
	s.await("a(caller+caller+two) b(caller+two) c(two) d(alone)")
	if now, _ := s.Workflow("d"); now.Program != d.Program {
		t.Error("d was compiled again")
	}
	s.write("sub/c.yaml", "version: 1\nworkflow: c\n")
	s.await("a(caller+caller+two)! b(caller+two)! c(two)! d(alone) fault:a.yaml:a fault:sub/b.yaml:b fault:sub/c.yaml:c")
	if err := os.Remove(s.path("sub/c.yaml")); err != nil {
		t.Fatal(err)
	}
	s.await("a(caller+caller+two)! b(caller+two)! d(alone) fault:a.yaml:a fault:sub/b.yaml:b")
	s.write("sub/c.yaml", workflow("c", "three"))
	s.await("a(caller+caller+three) b(caller+three) c(three) d(alone)")
}

// A file that keeps its size and its time is read all the same while it is young.
func TestAChangeThatDoesNotShow(t *testing.T) {
	s := open(t, t.TempDir(), true, map[string]string{"a.yaml": workflow("a", "one")})
	info, err := os.Stat(s.path("a.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("a.yaml", workflow("a", "two"))
	if err := os.Chtimes(s.path("a.yaml"), time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if !s.look(t.Context()) || s.text() != "a(two)" {
		t.Errorf("it is %s", s.text())
	}
}

// Nothing is read or compiled again that has not changed.
func TestALookAtTheSame(t *testing.T) {
	s := open(t, t.TempDir(), true, map[string]string{"a.yaml": calling("a", "b.yaml"), "b.yaml": workflow("b", "one"), "c.yaml": "version: 1\nworkflow: c\n"})
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"a.yaml", "b.yaml", "c.yaml"} {
		if err := os.Chtimes(s.path(name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	s.look(t.Context())
	before, log := slices.Clone(s.Workflows()), s.log.String()
	s.config.Compile = func(file string, _ []byte, _ func(string) ([]byte, error)) (*engine.Program, error) {
		t.Errorf("%s was compiled", file)
		return nil, errors.New("no")
	}
	same := func(a, b Entry) bool { return a.Program == b.Program && a.Loaded.Equal(b.Loaded) }
	if s.look(t.Context()) || !slices.EqualFunc(before, s.Workflows(), same) || s.log.String() != log {
		t.Errorf("it is %s, log:\n%s", s.text(), s.log)
	}
	for path, c := range s.contents {
		if c.version != 1 || c.info == nil {
			t.Errorf("%s is of version %d, known: %v", path, c.version, c.info != nil)
		}
	}
}

func TestReload(t *testing.T) {
	s := open(t, t.TempDir(), false, map[string]string{"a.yaml": workflow("a", "one"), "b.yaml": workflow("b", "one")})
	a, _ := s.Workflow("a")
	if err := s.Reload(t.Context(), s.path("nowhere")); err == nil || s.text() != "a(one) b(one)" {
		t.Errorf("%v: %s", err, s.text())
	}
	if err := s.Reload(t.Context(), s.dir); err != nil {
		t.Fatal(err)
	}
	if now, _ := s.Workflow("a"); now.Program != a.Program || !now.Loaded.Equal(a.Loaded) {
		t.Error("a is another one after it was compiled anew")
	}
	other := &shelfTest{t: t, dir: t.TempDir()}
	other.write("x.yaml", workflow("x", "one"))
	if err := s.Reload(t.Context(), other.dir); err != nil {
		t.Fatal(err)
	}
	s.await("x(one)")
	other.replace("x.yaml", workflow("x", "two"))
	s.await("x(two)")
}

// Whoever reads while files change has one of their versions, and never a call of another version than it came with.
func TestReadersSeeWholeVersions(t *testing.T) {
	s := open(t, t.TempDir(), false, map[string]string{"a.yaml": calling("a", "b.yaml"), "b.yaml": workflow("b", "v0")})
	const last = 30
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				a, _ := s.Workflow("a")
				if n := len(a.Program.Programs()); n != 2 {
					t.Errorf("a has %d programs", n)
				}
				if strings.HasSuffix(message(a.Program), fmt.Sprint("+v", last)) {
					return
				}
			}
		})
	}
	for i := range last + 1 {
		s.replace("b.yaml", workflow("b", fmt.Sprint("v", i)))
	}
	s.await(fmt.Sprintf("a(caller+v%d) b(v%[1]d)", last))
	readers.Wait()
}
