//go:build linux

package journal_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/twinbook/twinbook/engine/journal"
)

// limited fills its journal until the system refuses to let the files grow, as a disk that fails does, and then has room again.
func limited(t *testing.T, file string) {
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	j := open(t, file, journal.Options{})
	begin(t, j, "r1", journal.Standing{})
	narrow := limit
	narrow.Cur = 1 << 20
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &narrow); err != nil {
		t.Fatal(err)
	}
	kept := 0
	for ; ; kept++ {
		if err := j.Append(t.Context(), "r1", big(kept), journal.Standing{}); err != nil {
			wantWords(t, err, "journal "+file, "the disk", "see to the disk")
			break
		}
	}
	if events, err := j.Events(t.Context(), "r1", 2); err != nil || len(events) != kept {
		t.Errorf("%d events, %v, want the %d that were acknowledged", len(events), err, kept)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := j.Append(t.Context(), "r1", big(kept), journal.Standing{}); err != nil {
			t.Fatalf("with room again: %v", err)
		}
		kept++
	}
	j.Close()
	j = open(t, file, journal.Options{})
	if events, err := j.Events(t.Context(), "r1", 2); err != nil || len(events) != kept {
		t.Errorf("opened again: %d events, %v, want %d", len(events), err, kept)
	}
}

func TestFilesThatMayNotGrow(t *testing.T) {
	if os.Getenv("JOURNAL_ROLE") == "limited" {
		limited(t, os.Getenv("JOURNAL_FILE"))
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestFilesThatMayNotGrow$")
	child.Env = append(os.Environ(), "JOURNAL_ROLE=limited", fmt.Sprint("JOURNAL_FILE=", filepath.Join(t.TempDir(), "journal.db")))
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
