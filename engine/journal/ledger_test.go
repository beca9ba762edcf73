package journal_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
)

func TestCommitsAreTold(t *testing.T) {
	var mu sync.Mutex
	var commits []journal.Commit
	j := open(t, filepath.Join(t.TempDir(), "journal.db"), journal.Options{Committed: func(c journal.Commit) {
		mu.Lock()
		defer mu.Unlock()
		commits = append(commits, c)
	}})
	begin(t, j, "r1", journal.Standing{})
	for i := range 3 {
		if err := j.AppendLater("r1", done(fmt.Sprint(i)), journal.Standing{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Append(t.Context(), "r1", ended(), journal.Standing{}); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), "r1", ended(), journal.Standing{}); err == nil { // it is refused, alone in its commit
		t.Error("it ended twice")
	}
	mu.Lock()
	defer mu.Unlock()
	tasks := 0
	for _, c := range commits {
		tasks += c.Tasks
		if c.Took <= 0 || c.Took > time.Minute {
			t.Errorf("commit %+v", c)
		}
	}
	if tasks != 6 || len(commits) < 3 {
		t.Errorf("commits %+v, want six tasks in three or more", commits)
	}
}

func TestOldAuditEntriesGo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, file, journal.Options{})
	now := time.Now()
	for i := range 500 {
		j.Audit(journal.AuditEntry{Time: now.Add(-48 * time.Hour), Who: fmt.Sprint(i)})
	}
	j.Audit(journal.AuditEntry{Time: now, Who: "new"})
	begin(t, j, "old", journal.Standing{}) // it is not about runs
	j.Close()
	j = open(t, file, journal.Options{Keep: journal.Retention{Audit: 24 * time.Hour}})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		all, err := j.AuditTrail(t.Context(), journal.AuditFilter{})
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 1 && all[0].Who == "new" && all[0].Seq == 501 {
			break
		}
		if len(all) == 0 || time.Now().After(deadline) {
			t.Fatalf("%d entries are left, want the new one", len(all))
		}
	}
	if _, err := j.Run(t.Context(), "old"); err != nil {
		t.Error(err)
	}
}

// TestAuditSurvivesClosing: nobody has waited for the last entries.
func TestAuditSurvivesClosing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, file, journal.Options{})
	const n = 5000 // more than may wait at once
	for i := range n {
		j.Audit(journal.AuditEntry{Time: time.Unix(1e9, 0), Who: fmt.Sprint(i)})
	}
	j.Close()
	look := open(t, file, journal.Options{ReadOnly: true})
	look.Audit(journal.AuditEntry{Who: "nobody"})
	all, err := look.AuditTrail(t.Context(), journal.AuditFilter{})
	if err != nil || len(all) != n {
		t.Fatalf("%d entries, %v, want %d", len(all), err, n)
	}
	for i, e := range all {
		if e.Who != fmt.Sprint(n-1-i) {
			t.Fatalf("entry %d is of %s", i, e.Who)
		}
	}
	if err := look.Mark(t.Context(), journal.Mark{Scope: "s", Name: "n", Time: time.Now()}); err == nil {
		t.Error("a mark was set in a journal that is open for reading only")
	}
	if counts, err := look.Counts(t.Context()); err != nil || counts != (journal.Counts{}) {
		t.Errorf("%+v, %v", counts, err)
	}
}
