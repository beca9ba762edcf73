package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
)

// adopted are the ids that Adopt gives.
func adopted(t testing.TB, j *journal.SQLite) string {
	t.Helper()
	var ids []string
	for run, err := range j.Adopt(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if run.Driver != "this process" {
			t.Errorf("run %s was adopted and is driven by %q", run.ID, run.Driver)
		}
		ids = append(ids, run.ID)
	}
	return strings.Join(ids, " ")
}

func TestALivingDriverKeepsItsRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	a, b := open(t, file, journal.Options{}), open(t, file, journal.Options{})
	begin(t, a, "r1", journal.Standing{})
	if err := b.Claim(t.Context(), "r1"); !errors.Is(err, journal.ErrDriven) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("claim: %v, want ErrDriven and who does", err)
	}
	if got := adopted(t, b); got != "" {
		t.Errorf("adopted %q", got)
	}
	if err := b.Append(t.Context(), "r1", done("a"), journal.Standing{}); !errors.Is(err, journal.ErrLost) {
		t.Errorf("append to another's run: %v, want ErrLost", err)
	}
	if run, err := b.Run(t.Context(), "r1"); err != nil || !strings.HasPrefix(run.Driver, fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("run %+v, %v, want its driver's number", run, err)
	}
	if err := a.Append(t.Context(), "r1", done("a"), journal.Standing{}); err != nil {
		t.Error(err)
	}
}

func TestRunsOfOneWhoLeftCanBeClaimedOrAdopted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	a, b := open(t, file, journal.Options{}), open(t, file, journal.Options{})
	for i := range 4 {
		begin(t, a, fmt.Sprint("r", i), journal.Standing{Parked: i == 1})
	}
	a.Close()
	if run, err := b.Run(t.Context(), "r1"); err != nil || run.Driver != "" {
		t.Errorf("run %+v, %v, want nobody to drive it", run, err)
	}
	if err := b.Claim(t.Context(), "r2"); err != nil {
		t.Fatal(err)
	}
	if err := b.Append(t.Context(), "r2", done("a"), journal.Standing{}); err != nil {
		t.Error(err)
	}
	if err := b.Append(t.Context(), "r1", done("a"), journal.Standing{}); !errors.Is(err, journal.ErrLost) {
		t.Errorf("append to a run that nobody drives: %v, want ErrLost", err)
	}
	if got := adopted(t, b); got != "r2 r0 r3 r1" {
		t.Errorf("adopted %q", got)
	}
	if err := b.Append(t.Context(), "r1", done("a"), journal.Standing{}); err != nil {
		t.Errorf("after it was adopted: %v", err)
	}
}

// TestACopyHasNoDrivers: nobody drives the runs of a copy, though the process that drives those of the original lives,
// and keeps its lock.
func TestACopyHasNoDrivers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	a := open(t, file, journal.Options{})
	begin(t, a, "r1", journal.Standing{})
	for _, end := range []string{"", "-wal"} {
		write(t, filepath.Join(filepath.Dir(file), "backup.db"+end), read(t, file+end))
	}
	copied := filepath.Join(filepath.Dir(file), "backup.db")
	if run, err := open(t, copied, journal.Options{ReadOnly: true}).Run(t.Context(), "r1"); err != nil || run.Driver != "" {
		t.Errorf("run %+v, %v, want nobody to drive it", run, err)
	}
	b := open(t, copied, journal.Options{Lease: time.Nanosecond})
	if err := b.Claim(t.Context(), "r1"); err != nil {
		t.Errorf("claim: %v", err)
	}
	if err := b.Append(t.Context(), "r1", ended(), journal.Standing{}); err != nil {
		t.Error(err)
	}
	if locks, err := filepath.Glob(file + "-driver-*"); err != nil || len(locks) != 1 {
		t.Errorf("locks %v, %v, want that of the original", locks, err)
	}
	if err := open(t, file, journal.Options{}).Claim(t.Context(), "r1"); !errors.Is(err, journal.ErrDriven) {
		t.Errorf("claim in the original: %v, want ErrDriven", err)
	}
}

// TestHeirsOfHeirs: runs follow from driver to driver, though their rows are not touched.
func TestHeirsOfHeirs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	for i := range 5 {
		j := open(t, file, journal.Options{})
		if i > 0 {
			adopted(t, j)
		}
		begin(t, j, fmt.Sprint("r", i), journal.Standing{})
		for k := range i + 1 {
			if err := j.Append(t.Context(), fmt.Sprint("r", k), done("a"), journal.Standing{}); err != nil {
				t.Errorf("process %d, run %d: %v", i, k, err)
			}
		}
		j.Close()
	}
	j := open(t, file, journal.Options{})
	if err := j.Claim(t.Context(), "r2"); err != nil {
		t.Error(err)
	}
	if got := strings.Fields(adopted(t, j)); len(got) != 5 {
		t.Errorf("adopted %v, want all 5", got)
	}
	for k := range 5 {
		if err := j.Append(t.Context(), fmt.Sprint("r", k), ended(), journal.Standing{}); err != nil {
			t.Error(err)
		}
	}
	if got := adopted(t, j); got != "" {
		t.Errorf("adopted %q, though all have ended", got)
	}
}

// TestALateHeartbeat is a driver whose lock holds but that does not move: other processes may take its runs after the
// lease, and it learns so before it keeps anything else. It cannot be stopped within a process, so its heartbeat is set back.
func TestALateHeartbeat(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	a, b := open(t, file, journal.Options{Lease: time.Hour}), open(t, file, journal.Options{Lease: 20 * time.Millisecond})
	for _, id := range []string{"r1", "r2", "r3"} {
		begin(t, a, id, journal.Standing{})
	}
	if err := b.Claim(t.Context(), "r1"); !errors.Is(err, journal.ErrDriven) && err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for b.Claim(t.Context(), "r1") != nil {
		if time.Now().After(deadline) {
			t.Fatal("it is never dead")
		}
	}
	if err := a.AppendLater("r2", done("lost"), journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"r1", "r2"} {
		if err := a.Append(t.Context(), id, done("lost"), journal.Standing{}); !errors.Is(err, journal.ErrLost) {
			t.Errorf("run %s: %v, want ErrLost", id, err)
		}
	}
	begin(t, a, "new", journal.Standing{}) // it may begin others
	if err := a.Append(t.Context(), "new", done("a"), journal.Standing{}); err != nil {
		t.Error(err)
	}
	if err := a.Claim(t.Context(), "r3"); err != nil { // nobody has it
		t.Errorf("claim what is left: %v", err)
	}
	if got := strings.Fields(adopted(t, b)); !slices.Contains(got, "r1") || !slices.Contains(got, "r2") {
		t.Errorf("adopted %v, want r1 and r2 among them", got)
	}
	if events, err := b.Events(t.Context(), "r1", 2); err != nil || len(events) != 0 {
		t.Errorf("the old driver has kept %+v, %v", events, err)
	}
}

func TestRequestsReachTheDriver(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	a, b := open(t, file, journal.Options{Poll: 5 * time.Millisecond}), open(t, file, journal.Options{Poll: 5 * time.Millisecond})
	begin(t, a, "r1", journal.Standing{Parked: true})
	heardA, heardB := make(chan journal.Request, 100), make(chan journal.Request, 100)
	defer a.Listen(func(r journal.Request) { heardA <- r })()
	defer b.Listen(func(r journal.Request) { heardB <- r })()
	ask := func(kind engine.EventKind) {
		t.Helper()
		if err := b.Ask(t.Context(), journal.Request{Run: "r1", Kind: kind, By: "somebody", Time: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	ask(engine.PauseRequested)
	first := hear(t, heardA)
	if first.Kind != engine.PauseRequested || first.By != "somebody" {
		t.Errorf("heard %+v", first)
	}
	if err := a.Append(t.Context(), "r1", []engine.Event{{Time: time.Now(), Kind: first.Kind, Request: first.ID}}, journal.Standing{Paused: true}); err != nil {
		t.Fatal(err)
	}
	a.Close()
	ask(engine.CancelRequested) // nobody drives it
	if err := b.Claim(t.Context(), "r1"); err != nil {
		t.Fatal(err)
	}
	second := hear(t, heardB)
	if second.Kind != engine.CancelRequested || second.ID == first.ID {
		t.Errorf("heard %+v after %+v", second, first)
	}
	if again := hear(t, heardB); again.ID != second.ID { // it is not answered yet
		t.Errorf("heard %+v, want %+v once more", again, second)
	}
}

func hear(t *testing.T, from chan journal.Request) journal.Request {
	t.Helper()
	select {
	case r := <-from:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("no request was heard within 10 s")
		return journal.Request{}
	}
}

func TestTwoOpenANewFileAtOnce(t *testing.T) {
	for range 5 {
		file := filepath.Join(t.TempDir(), "journal.db")
		errs := make(chan error)
		for i := range 4 {
			go func() {
				j, err := journal.OpenSQLite(t.Context(), file, journal.Options{})
				if err == nil {
					begin(t, j, fmt.Sprint("r", i), journal.Standing{})
					err = j.Close()
				}
				errs <- err
			}()
		}
		for range 4 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	}
}
