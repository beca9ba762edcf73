package metrics

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// lookAt is what a scrape says, without a network.
func lookAt(m *Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestTheJournalIsNotAskedByEachScrape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		m := New(Config{Counts: func(context.Context) (Counts, error) { asked++; return Counts{Unfinished: asked}, nil }})
		for range 100 {
			has(t, lookAt(m), "twinbook_runs_unfinished 1")
		}
		time.Sleep(countsKept)
		has(t, lookAt(m), "twinbook_runs_unfinished 2")
	})
}

func TestAJournalThatFailsHidesOnlyItsOwnNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken error
		m := New(Config{Counts: func(context.Context) (Counts, error) { return Counts{}, broken }})
		has(t, lookAt(m), "twinbook_runs_orphaned 0", "twinbook_journal_count_errors_total 0")
		broken = errors.New("disk I/O error")
		time.Sleep(countsKept)
		lookAt(m) // counts the failure while it answers
		text := lookAt(m)
		has(t, text, "twinbook_journal_count_errors_total 1", "twinbook_runs_deserted_total 0")
		if strings.Contains(text, "twinbook_runs_orphaned") {
			t.Errorf("an old number is shown:\n%s", about(text, "twinbook_runs"))
		}
	})
}

func TestAJournalThatHangsIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{Counts: func(ctx context.Context) (Counts, error) { <-ctx.Done(); return Counts{}, ctx.Err() }})
		began := time.Now()
		for range 2 { // the second has the answer that the first waited for
			has(t, lookAt(m), "twinbook_runs_deserted_total 0")
		}
		if took := time.Since(began); took != countsLimit {
			t.Errorf("it took %v, want %v", took, countsLimit)
		}
	})
}
