package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// journalMetrics are about the journal's commits.
type journalMetrics struct {
	took  prometheus.Observer
	tasks prometheus.Observer
}

var (
	commitBuckets = []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5}
	taskBuckets   = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000}
)

func newJournalMetrics(r prometheus.Registerer) journalMetrics {
	return journalMetrics{
		took:  histogram(r, "twinbook_journal_commit_duration_seconds", "How long the journal's commits took, until they were on disk.", commitBuckets).WithLabelValues(),
		tasks: histogram(r, "twinbook_journal_commit_tasks", "How many wishes to keep something shared a commit.", taskBuckets).WithLabelValues(),
	}
}

// Committed is told that the journal made a commit: how long that took, and for how many at once.
func (m *Metrics) Committed(took time.Duration, tasks int) {
	m.journal.took.Observe(seconds(took))
	m.journal.tasks.Observe(float64(tasks))
}
