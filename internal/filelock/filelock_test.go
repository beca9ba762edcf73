package filelock

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestOneHasTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held(t, path, false)
	f, err := Acquire(path)
	if err != nil {
		t.Fatal(err)
	}
	held(t, path, true)
	if _, err := Acquire(path); !errors.Is(err, ErrHeld) {
		t.Errorf("a second one: %v, want ErrHeld", err)
	}
	if pid := Holder(path); pid != os.Getpid() {
		t.Errorf("holder %d, want %d", pid, os.Getpid())
	}
	f.Close()
	held(t, path, false)
	again, err := Acquire(path)
	if err != nil {
		t.Fatal("after it was let go:", err)
	}
	again.Close()
}

func held(t *testing.T, path string, want bool) {
	t.Helper()
	for range 2 { // asking takes nothing away
		if got, err := Held(path); err != nil || got != want {
			t.Errorf("held: %v, %v, want %v", got, err, want)
		}
	}
}

func TestAskingMakesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held(t, path, false)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
	if pid := Holder(path); pid != 0 {
		t.Errorf("holder %d of no file", pid)
	}
}

func TestFilesThatCannotBeLocked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("no number"), 0o600); err != nil {
		t.Fatal(err)
	}
	if pid := Holder(file); pid != 0 {
		t.Errorf("holder %d of a file that has no number", pid)
	}
	path := filepath.Join(file, "lock")
	var wrong *os.PathError
	if _, err := Acquire(path); !errors.As(err, &wrong) || errors.Is(err, ErrHeld) {
		t.Errorf("below a file: %v, want a *PathError", err)
	}
	if _, err := Held(path); !errors.As(err, &wrong) {
		t.Errorf("below a file: %v, want a *PathError", err)
	}
}
