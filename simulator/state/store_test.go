package state

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

type contents map[string]string // values by kind and key

func mustOpen(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustWrite(t testing.TB, s *Store, changes ...Change) {
	t.Helper()
	if err := s.Write(changes...); err != nil {
		t.Fatal(err)
	}
}

func mustClose(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, s *Store) contents {
	t.Helper()
	all := contents{}
	for r, err := range s.Records() {
		if err != nil {
			t.Fatal(err)
		}
		all[r.Kind+" "+r.Key] = string(r.Value)
	}
	return all
}

func want(t testing.TB, s *Store, all contents) {
	t.Helper()
	if got := read(t, s); !maps.Equal(got, all) {
		t.Errorf("records %v, want %v", got, all)
	}
}

func TestWhatIsWrittenIsThereAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet")
	s := mustOpen(t, dir)
	want(t, s, contents{})
	mustWrite(t, s, Change{"twin", "dev-1", map[string]any{"a": "tab\tline\n", "b": nil}})
	mustWrite(t, s, Change{"twin", "dev 2/ä", 1}, Change{"device", "dev-1", "x"})
	mustWrite(t, s, Change{"twin", "dev-1", []int{}}, Change{"device", "dev-1", nil}, Change{"device", "never", nil})
	mustWrite(t, s)
	all := contents{"twin dev-1": "[]", "twin dev 2/ä": "1"}
	want(t, s, all)
	mustClose(t, s)
	s = mustOpen(t, dir)
	want(t, s, all)
	mustWrite(t, s, Change{"device", "dev-1", true})
	mustClose(t, s)
	all["device dev-1"] = "true"
	want(t, mustOpen(t, dir), all)
}

func TestRecordsComeInTheOrderOfTheirLastWrite(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	for _, key := range []string{"a", "b", "c", "a"} {
		mustWrite(t, s, Change{"k", key, 1})
	}
	var got string
	for r := range s.Records() {
		got += r.Key
	}
	if got != "bca" {
		t.Errorf("order %s, want bca", got)
	}
	for range s.Records() {
		break // and nothing is held
	}
	mustWrite(t, s, Change{"k", "d", 1})
}

func TestOnlyTheOwnerCanRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("has no such modes")
	}
	dir := filepath.Join(t.TempDir(), "state")
	s := mustOpen(t, dir)
	mustWrite(t, s, Change{"k", "a", "secret"})
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		info, _ := e.Info()
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestBadRecordsAreRefused(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	for _, c := range []Change{{"", "a", 1}, {"k", "", 1}, {"k\t", "a", 1}, {"k", "a\nb", 1}, {"k", "a", func() {}}, {"k", "a", strings.Repeat("x", maxLine)}} {
		if err := s.Write(Change{"k", "good", 1}, c); err == nil {
			t.Errorf("%q %q was written", c.Kind, c.Key)
		}
	}
	want(t, s, contents{})
	long := strings.Repeat("x", maxLine-100)
	mustWrite(t, s, Change{"k", "a", long})
	mustClose(t, s)
	want(t, mustOpen(t, s.Dir()), contents{"k a": `"` + long + `"`})
}

func TestOneFolderOneSimulator(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	_, err := Open(dir)
	wantError(t, err, dir, fmt.Sprintf("another simulator (process %d) has it open", os.Getpid()), "choose another folder")
	mustClose(t, s)
	mustClose(t, mustOpen(t, dir))
	os.WriteFile(filepath.Join(dir, lockName), []byte("left by a process that was killed"), 0o600)
	mustOpen(t, dir)
}

func wantError(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

func TestFoldersThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(file)
	wantError(t, err, "state folder "+file, "choose a folder that can be written")
	_, err = Open(filepath.Join(file, "below"))
	wantError(t, err, "choose a folder that can be written")
	if os.Getuid() == 0 {
		return // may write anywhere
	}
	closed := t.TempDir()
	os.Chmod(closed, 0o500)
	_, err = Open(closed)
	wantError(t, err, "state folder "+closed, "may not read and write files there", "permission denied", "choose a folder that can be written")
}

func TestWritingAfterClose(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	mustClose(t, s)
	if err := s.Write(Change{"k", "a", 1}); !errors.Is(err, ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
	mustClose(t, s)
}

// A fullDisk takes some bytes and no more.
type fullDisk struct {
	logFile
	room   int
	noSync bool
}

func (f *fullDisk) Write(b []byte) (int, error) {
	if len(b) <= f.room {
		f.room -= len(b)
		return f.logFile.Write(b)
	}
	n, _ := f.logFile.Write(b[:f.room])
	f.room = 0
	return n, syscall.ENOSPC
}

func (f *fullDisk) Truncate(int64) error { return syscall.EIO }

func (f *fullDisk) Sync() error {
	if f.noSync {
		return syscall.EIO
	}
	return f.logFile.Sync()
}

func TestFullDisk(t *testing.T) {
	for room := range 34 { // bytes; two writes need so many
		s := mustOpen(t, t.TempDir())
		mustWrite(t, s, Change{"k", "a", 1}, Change{"k", "b", 2})
		s.log = &fullDisk{logFile: s.log, room: room}
		all := contents{"k a": "1", "k b": "2"}
		if err := s.Write(Change{"k", "a", 3}); err == nil {
			all["k a"] = "3"
		}
		err := s.Write(Change{"k", "b", 4})
		for range 2 {
			wantError(t, err, s.Dir(), "no space left", "what was written before is kept")
			err = s.Write(Change{"k", "c", 5})
		}
		want(t, s, all)
		wantError(t, s.Close(), "no space left")
		s = mustOpen(t, s.Dir())
		want(t, s, all)
		mustWrite(t, s, Change{"k", "c", 5})
		mustClose(t, s)
	}
}

// What is written to a file that was taken away would be lost without a word.
func TestLogThatIsTakenAway(t *testing.T) {
	for how, take := range map[string]func(dir string) error{
		"the folder is removed": os.RemoveAll,
		"the log is removed":    func(dir string) error { return os.Remove(filepath.Join(dir, logName)) },
		"the log is replaced": func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "copy"), []byte(header), 0o600), os.Rename(filepath.Join(dir, "copy"), filepath.Join(dir, logName)))
		},
	} {
		for _, pause := range []time.Duration{0, time.Hour} { // found by the background, or by Close
			s := mustOpen(t, t.TempDir())
			s.pause = pause
			if err := take(s.Dir()); err != nil {
				t.Skipf("%s: %v", how, err) // Windows does not let an open file go
			}
			mustWrite(t, s, Change{"k", "a", 1})
			if pause == 0 {
				s.tended.Wait()
				wantError(t, s.Write(Change{"k", "b", 1}), s.Dir(), "records.log was removed or replaced", "start the simulator again")
			}
			wantError(t, s.Close(), s.Dir(), "records.log was removed or replaced")
		}
	}
}

func TestEmptyLogIsANewOne(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, logName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, dir)
	mustWrite(t, s, Change{"k", "a", 1})
	mustClose(t, s)
	want(t, mustOpen(t, dir), contents{"k a": "1"})
}

func TestDiskThatDoesNotSync(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	s.pause = 0
	s.log = &fullDisk{logFile: s.log, room: 1000, noSync: true}
	mustWrite(t, s, Change{"k", "a", 1})
	s.tended.Wait()
	wantError(t, s.Write(Change{"k", "b", 1}), "input/output error")
	wantError(t, s.Close(), "input/output error")
}

func TestManyWriters(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	s.pause = 0
	var writers sync.WaitGroup
	all := contents{}
	for w := range 8 {
		key := fmt.Sprint("w", w)
		all["k "+key] = "999"
		writers.Go(func() {
			for i := range 1000 {
				if err := s.Write(Change{"k", key, i}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	mustClose(t, s)
	want(t, mustOpen(t, s.Dir()), all)
}
