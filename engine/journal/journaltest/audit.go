package journaltest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
)

func auditIsKept(t *testing.T, j Journal) {
	trail := func(f journal.AuditFilter, want string) []journal.AuditEntry {
		t.Helper()
		all, err := j.AuditTrail(t.Context(), f)
		got := ""
		for _, e := range all {
			got += e.Action + " "
		}
		if err != nil || all == nil || got != want {
			t.Errorf("filter %+v: %q, %v, want %q", f, got, err, want)
		}
		return all
	}
	trail(journal.AuditFilter{}, "")
	for i := range 6 {
		roles := []string{"operator", "viewer"}[:i%3]
		j.Audit(journal.AuditEntry{
			Seq: 99, Time: start.Add(time.Duration(i) * time.Second), Who: fmt.Sprint("w", i%2), Roles: roles, From: "127.0.0.1:1",
			Action: fmt.Sprint("a", i), Target: fmt.Sprint("t", i%3), Detail: "d", Result: "done",
		})
		if len(roles) > 0 {
			roles[0] = "changed" // the caller's own affair
		}
	}
	all := trail(journal.AuditFilter{}, "a5 a4 a3 a2 a1 a0 ")
	for i, e := range all {
		n := 5 - i
		want := journal.AuditEntry{
			Seq: e.Seq, Time: start.Add(time.Duration(n) * time.Second), Who: fmt.Sprint("w", n%2), Roles: append([]string{}, []string{"operator", "viewer"}[:n%3]...),
			From: "127.0.0.1:1", Action: fmt.Sprint("a", n), Target: fmt.Sprint("t", n%3), Detail: "d", Result: "done",
		}
		if !reflect.DeepEqual(e, want) || i > 0 && e.Seq >= all[i-1].Seq {
			t.Errorf("entry %+v, want %+v", e, want)
		}
	}
	trail(journal.AuditFilter{Limit: 2}, "a5 a4 ")
	trail(journal.AuditFilter{Limit: 2, Before: all[1].Seq}, "a3 a2 ")
	trail(journal.AuditFilter{Before: all[5].Seq}, "")
	trail(journal.AuditFilter{Who: "w1"}, "a5 a3 a1 ")
	trail(journal.AuditFilter{Target: "t0"}, "a3 a0 ")
	trail(journal.AuditFilter{Who: "w0", Target: "t0"}, "a0 ")
	trail(journal.AuditFilter{Since: start.Add(4 * time.Second)}, "a5 a4 ")
	trail(journal.AuditFilter{Who: "nobody"}, "")
}

// auditComesFirst: what a caller does after it has noted that is not there without the note.
func auditComesFirst(t *testing.T, j Journal) {
	atOnce(8, func(i int) {
		id := fmt.Sprint("r", i)
		j.Audit(journal.AuditEntry{Time: start, Who: "w", Target: id, Action: "runs.start"})
		if _, err := j.Begin(t.Context(), beginning(begun(id))); err != nil {
			t.Error(err)
		}
		if all, err := j.AuditTrail(t.Context(), journal.AuditFilter{Target: id}); err != nil || len(all) != 1 {
			t.Errorf("%+v, %v", all, err)
		}
	})
}
