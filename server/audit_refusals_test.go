package server

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/clock"
)

func TestRefusalsOfOneCallerAreSummedUp(t *testing.T) {
	loop := clock.NewLoop(time.Date(2026, 3, 1, 2, 30, 0, 0, time.UTC))
	if err := loop.Run(t.Context(), func(ctx context.Context) {
		var kept []journal.AuditEntry
		f := newRefusals(loop, func(e journal.AuditEntry) { kept = append(kept, e) })
		for i := range 2000 {
			f.note(journal.AuditEntry{Who: "viewer", Target: fmt.Sprint(i), Result: "Forbidden"})
		}
		f.note(journal.AuditEntry{Who: "another", Result: "Forbidden"})
		if len(kept) != refusalsEach+1 {
			t.Errorf("%d entries, want %d", len(kept), refusalsEach+1)
		}
		clock.Sleep(ctx, loop, 2*refusalsIn)
		if last := kept[len(kept)-1]; len(kept) != refusalsEach+2 || last.Target != "1999" || last.Detail != "the last of 1950 more requests within a minute that were not done" {
			t.Errorf("%d entries, the last %+v", len(kept), last)
		}
		f.note(journal.AuditEntry{Who: "viewer", Target: "later"})
		if kept[len(kept)-1].Target != "later" || len(f.who) != 1 {
			t.Errorf("a minute later: %+v, and %d callers are known", kept[len(kept)-1], len(f.who))
		}
	}); err != nil {
		t.Error(err)
	}
}
