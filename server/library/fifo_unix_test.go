//go:build unix

package library

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// A called file that would make its reader wait is not opened.
func TestAPipeIsNoFile(t *testing.T) {
	s := &shelfTest{t: t, dir: t.TempDir()}
	s.write("a.yaml", calling("a", "b.yaml"))
	if err := syscall.Mkfifo(s.path("b.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, s.dir, true, nil)
	if f := s.Faults(); s.text() != "fault:a.yaml:" || !strings.Contains(f[0].Err.Error(), "is no file") {
		t.Errorf("it is %s: %v", s.text(), f)
	}
}

// What may not be read is reported.
func TestAFolderThatMayNotBeRead(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read everything")
	}
	s := open(t, t.TempDir(), true, map[string]string{"sub/a.yaml": workflow("a", "one"), "b.yaml": workflow("b", "one")})
	if err := os.Chmod(s.path("sub"), 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(s.path("sub"), 0o700)
	s.look(t.Context())
	if s.text() != "a(one)! b(one) fault:sub/a.yaml:a" {
		t.Errorf("it is %s", s.text())
	}
	if err := os.Chmod(s.path("sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.look(t.Context())
	if s.text() != "a(one) b(one)" {
		t.Errorf("it is %s", s.text())
	}
}
