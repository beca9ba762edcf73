package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// startMetrics are about what is to start runs: workflows, schedules and triggers.
type startMetrics struct {
	fires    *prometheus.CounterVec
	late     prometheus.Observer
	triggers *prometheus.CounterVec
	loaded   prometheus.Gauge
	broken   prometheus.Gauge

	scheduled *names
}

// What becomes of a schedule's time, or of what a trigger has seen.
const (
	Fired   = "fired"   // a run was begun
	Queued  = "queued"  // a run was begun that waits for its turn
	Skipped = "skipped" // nothing was to be done: another run was under way, or it had been begun before
	Dropped = "dropped" // a run should have been begun, and was not, since there is no room for it
	Refused = "refused" // who asked for it may not
	Failed  = "failed"  // a run should have been begun, and could not be
)

var (
	results     = []string{Fired, Queued, Skipped, Dropped, Refused, Failed}
	lateBuckets = []float64{0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 3600}
)

func newStartMetrics(r prometheus.Registerer) startMetrics {
	return startMetrics{
		fires:    counter(r, "twinbook_schedule_fires_total", "Times of schedules, by what became of them.", "workflow", "result"),
		late:     histogram(r, "twinbook_schedule_lateness_seconds", "How long after their time, with the jitter it has, schedules began their runs.", lateBuckets).WithLabelValues(),
		triggers: counter(r, "twinbook_trigger_fires_total", "What triggers have seen, by what became of it; of a webhook each request.", "trigger", "result"),
		loaded:   gauge(r, "twinbook_workflows", "Workflows that can be run."),
		broken:   gauge(r, "twinbook_workflows_broken", "Workflow files that are wrong as they are now."),

		scheduled: newNames(mostWorkflows),
	}
}

// Fired is told what became of a time of a schedule of this workflow: one of the words above. late counts if a run was
// begun: how long after the time at which it was due, jitter included. Of times that were made up for (missed while no
// server ran, or a backfill) it is negative: they say nothing about this server.
func (m *Metrics) Fired(workflow, result string, late time.Duration) {
	label, first := m.starts.scheduled.label(workflow)
	if first { // so that the first failure is seen as an increase from zero
		m.starts.fires.WithLabelValues(label, Failed)
	}
	m.starts.fires.WithLabelValues(label, oneOf(result, results)).Inc()
	if (result == Fired || result == Queued) && late >= 0 {
		m.starts.late.Observe(late.Seconds())
	}
}

// Triggered is told what became of something that a trigger ("webhook", "twin") has seen: one of the words above.
func (m *Metrics) Triggered(trigger, result string) {
	m.starts.triggers.WithLabelValues(oneOf(trigger, triggers), oneOf(result, results)).Inc()
}

// Workflows is told how many workflows there are, and how many files are wrong.
func (m *Metrics) Workflows(loaded, broken int) {
	m.starts.loaded.Set(float64(loaded))
	m.starts.broken.Set(float64(broken))
}
