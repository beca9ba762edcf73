package journal_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/journal/journaltest"
)

func open(t testing.TB, file string, o journal.Options) *journal.SQLite {
	t.Helper()
	j, err := journal.OpenSQLite(t.Context(), file, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil && !strings.Contains(err.Error(), "closed") {
			t.Error(err)
		}
	})
	return j
}

func TestSQLite(t *testing.T) {
	journaltest.Exercise(t, func(t *testing.T) journaltest.Journal {
		return open(t, filepath.Join(t.TempDir(), "deep", "er", "journal.db"), journal.Options{})
	})
}
