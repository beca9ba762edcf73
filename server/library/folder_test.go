package library

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Kubernetes mounts a ConfigMap as links to a hidden folder, and replaces the link to that.
func TestFollowsAConfigMap(t *testing.T) {
	s := &shelfTest{t: t, dir: t.TempDir()}
	s.write("..1/a.yaml", workflow("a", "one"))
	link := func(old, name string) {
		t.Helper()
		if err := os.Symlink(old, s.path(name+".tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(s.path(name+".tmp"), s.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	link("..1", "..data")
	link("..data/a.yaml", "a.yaml")
	s = open(t, s.dir, false, nil)
	s.await("a(one)")
	s.write("..2/a.yaml", workflow("a", "two"))
	link("..2", "..data")
	s.await("a(two)")
}

func TestFollowsALinkToTheFolder(t *testing.T) {
	above := t.TempDir()
	for _, n := range []string{"one", "two"} {
		s := &shelfTest{t: t, dir: filepath.Join(above, n)}
		s.write("a.yaml", workflow("a", n))
	}
	current := filepath.Join(above, "current")
	if err := os.Symlink("one", current); err != nil {
		t.Fatal(err)
	}
	s := open(t, current, false, nil)
	s.await("a(one)")
	if err := errors.Join(os.Symlink("two", current+".tmp"), os.Rename(current+".tmp", current)); err != nil {
		t.Fatal(err)
	}
	s.await("a(two)")
	s.replace("a.yaml", workflow("a", "three"))
	s.await("a(three)")
}

func TestAFolderThatIsGoneTakesNothingWithIt(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "flows"), false, map[string]string{"a.yaml": workflow("a", "one"), "b/b.yaml": workflow("b", "one")})
	if err := os.Rename(s.dir, s.dir+".old"); err != nil {
		t.Fatal(err)
	}
	s.await("a(one) b(one) fault:.:")
	if text := s.Faults()[0].Err.Error(); !strings.Contains(text, "stays as it was") {
		t.Errorf("the fault is %s", text)
	}
	s.write("a.yaml", workflow("a", "two"))
	s.await("a(two)")
	s.replace("a.yaml", workflow("a", "three"))
	s.await("a(three)")
	log := s.log.String()
	for _, want := range []string{`msg="folder not readable"`, `inUse="all that was in it"`, `msg="folder readable again"`} {
		if !strings.Contains(log, want) {
			t.Errorf("there is no %s in\n%s", want, log)
		}
	}
	if strings.Contains(log, "nothing of it") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestAFolderNamedByADot(t *testing.T) {
	t.Chdir(t.TempDir())
	s := open(t, ".", false, map[string]string{"a.yaml": workflow("a", "one")})
	s.await("a(one)")
	s.replace("a.yaml", workflow("a", "two"))
	s.await("a(two)")
}
