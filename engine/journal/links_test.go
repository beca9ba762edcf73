package journal_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/twinbook/twinbook/engine/journal"
)

// TestTwoNamesByALink has two processes reach the same journal by different names: they find each other's locks.
func TestTwoNamesByALink(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "real", "journal.db"), filepath.Join(dir, "link", "other.db")
	a := open(t, file, journal.Options{})
	begin(t, a, "r1", journal.Standing{})
	if err := os.Mkdir(filepath.Dir(link), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Skip(err)
	}
	b := open(t, link, journal.Options{})
	if b.File() != a.File() {
		t.Errorf("file %s, want %s", b.File(), a.File())
	}
	if err := b.Claim(t.Context(), "r1"); !errors.Is(err, journal.ErrDriven) {
		t.Errorf("claim: %v, want ErrDriven", err)
	}
	if run, err := open(t, link, journal.Options{ReadOnly: true}).Run(t.Context(), "r1"); err != nil || run.Driver == "" {
		t.Errorf("run %+v, %v, want its driver", run, err)
	}
}

// TestALockFileThatIsGone: only a heartbeat that is old as well makes its driver a dead one.
func TestALockFileThatIsGone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	a := open(t, file, journal.Options{})
	begin(t, a, "r1", journal.Standing{})
	locks, err := filepath.Glob(file + "-driver-*")
	if err != nil || len(locks) != 1 {
		t.Fatalf("locks %v, %v", locks, err)
	}
	if err := os.Remove(locks[0]); err != nil {
		t.Skip(err)
	}
	b := open(t, file, journal.Options{})
	if err := b.Claim(t.Context(), "r1"); !errors.Is(err, journal.ErrDriven) {
		t.Errorf("claim: %v, want ErrDriven", err)
	}
	if err := a.Append(t.Context(), "r1", done("a"), journal.Standing{}); err != nil {
		t.Error(err)
	}
}

func TestHardLinks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	open(t, file, journal.Options{}).Close()
	if err := os.Link(file, file+".2"); err != nil || runtime.GOOS == "windows" {
		t.Skip("no hard links: ", err)
	}
	for _, readOnly := range []bool{false, true} {
		_, err := journal.OpenSQLite(t.Context(), file, journal.Options{ReadOnly: readOnly})
		wantWords(t, err, "journal "+file, "several names", "remove the other names")
	}
	if err := os.Remove(file + ".2"); err != nil {
		t.Fatal(err)
	}
	begin(t, open(t, file, journal.Options{}), "r1", journal.Standing{})
}

// TestMountedAlone needs the rights to mount.
func TestMountedAlone(t *testing.T) {
	dir := t.TempDir()
	file, mounted := filepath.Join(dir, "journal.db"), filepath.Join(dir, "mounted", "journal.db")
	open(t, file, journal.Options{}).Close()
	if err := os.Mkdir(filepath.Dir(mounted), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, mounted, nil)
	if out, err := exec.Command("mount", "--bind", file, mounted).CombinedOutput(); err != nil {
		t.Skipf("%v: %s", err, out)
	}
	defer exec.Command("umount", mounted).Run()
	_, err := journal.OpenSQLite(t.Context(), mounted, journal.Options{})
	wantWords(t, err, "journal "+mounted, "mount the folder")
	begin(t, open(t, file, journal.Options{}), "r1", journal.Standing{})
}

// TestALogOnAReadOnlyDisk needs the rights to mount: what a killed process left is not read without its log.
func TestALogOnAReadOnlyDisk(t *testing.T) {
	from, dir := t.TempDir(), t.TempDir()
	j := open(t, filepath.Join(from, "journal.db"), journal.Options{})
	begin(t, j, "r1", journal.Standing{})
	killed := filepath.Join(dir, "journal.db")
	for _, end := range []string{"", "-wal"} {
		write(t, killed+end, read(t, j.File()+end))
	}
	if out, err := exec.Command("mount", "--bind", dir, dir).CombinedOutput(); err != nil {
		t.Skipf("%v: %s", err, out)
	}
	defer exec.Command("umount", dir).Run()
	if out, err := exec.Command("mount", "-o", "remount,ro,bind", dir).CombinedOutput(); err != nil {
		t.Skipf("%v: %s", err, out)
	}
	_, err := journal.OpenSQLite(t.Context(), killed, journal.Options{ReadOnly: true})
	wantWords(t, err, "journal "+killed, "log beside it", "copy the file")
}

// TestAChangedSource: a workflow that is not the one a run was begun with must not go on as if it were.
func TestAChangedSource(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, file, journal.Options{})
	begin(t, j, "r1", journal.Standing{})
	if err := j.Append(t.Context(), "r1", ended(), journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	raw(t, file, "UPDATE sources SET text = CAST(replace(CAST(text AS TEXT), 'reboot', 'REBOOT') AS BLOB)").Close()
	_, err := j.Sources(t.Context(), "r1")
	wantWords(t, err, "journal "+j.File(), "run r1", "reboot.yaml", "not as it was written", "restore")
	var b strings.Builder
	wantWords(t, j.Export(t.Context(), &b, "r1"), "run r1", "reboot.yaml")
}
