package journal_test

import (
	"testing"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/journal/journaltest"
)

func TestMemory(t *testing.T) {
	journaltest.Exercise(t, func(*testing.T) journaltest.Journal { return journal.NewMemory() })
}
