package metrics

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// runMetrics are about whole runs.
type runMetrics struct {
	started  *prometheus.CounterVec
	resumed  prometheus.Counter
	ended    *prometheus.CounterVec
	took     *prometheus.HistogramVec
	queued   prometheus.Observer
	deserted prometheus.Counter
}

var (
	// runBuckets reach from a run that reads one twin to a rollout of a week.
	runBuckets = []float64{0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600}

	outcomes = []string{string(engine.Succeeded), string(engine.Failed), string(engine.Cancelled)}
	triggers = []string{"schedule", "webhook", "twin", "message", "api", "command line"}
)

func newRunMetrics(r prometheus.Registerer) runMetrics {
	return runMetrics{
		started:  counter(r, "twinbook_runs_started_total", "Runs that were asked for here, also those that had to wait for their turn.", "workflow", "trigger"),
		resumed:  counter(r, "twinbook_runs_resumed_total", "Runs that another process had begun, or this one before it was started anew, and that went on here.").WithLabelValues(),
		ended:    counter(r, "twinbook_runs_ended_total", "Runs that ended here, by how they ended.", "workflow", "outcome"),
		took:     histogram(r, "twinbook_run_duration_seconds", "How long runs took, from their first step to their end.", runBuckets, "workflow"),
		queued:   histogram(r, "twinbook_run_queue_duration_seconds", "How long runs that had to wait for their turn waited for it.", runBuckets).WithLabelValues(),
		deserted: counter(r, "twinbook_runs_deserted_total", "Runs that could not go on here without having ended: their journal could not be read or written, or another process took them over.").WithLabelValues(),
	}
}

// Observe is told what happens in runs.
func (m *Metrics) Observe(u runner.Update) {
	switch {
	case u.Note != nil && u.Note.Kind == engine.NoteAdmitted:
		m.runs.queued.Observe(seconds(u.Time.Sub(u.Asked)))
	case u.Note != nil:
		m.steps.observe(u.Note)
	case u.Start != nil && u.Resumed:
		m.runs.resumed.Inc()
	case u.Start != nil:
		m.runs.started.WithLabelValues(m.workflow(u.Start.Workflow), oneOf(triggerOf(u.Start), triggers)).Inc()
	case u.End != nil && u.Info != nil:
		workflow := m.workflow(u.Info.Workflow)
		m.runs.ended.WithLabelValues(workflow, oneOf(string(u.End.Status), outcomes)).Inc()
		if !u.Began.IsZero() { // it was not cancelled while it waited for its turn
			m.runs.took.WithLabelValues(workflow).Observe(seconds(u.Time.Sub(u.Began)))
		}
	case u.Err != nil && !errors.Is(u.Err, runner.ErrStopped):
		m.runs.deserted.Inc()
	}
}

// workflow is the label of a workflow. How its runs may end is there from the beginning, so that the first failure
// is seen as an increase from zero.
func (m *Metrics) workflow(name string) string {
	label, first := m.workflows.label(name)
	if first {
		for _, outcome := range outcomes {
			m.runs.ended.WithLabelValues(label, outcome)
		}
	}
	return label
}

// triggerOf is what started a run: the kind that run.trigger has, or that it is.
func triggerOf(start *engine.RunStart) string {
	switch t := start.Trigger.(type) {
	case string:
		return t
	case map[string]any:
		kind, _ := t["kind"].(string)
		return kind
	}
	return ""
}

// seconds are never negative: a machine's clock may have been set back.
func seconds(d time.Duration) float64 { return max(d, 0).Seconds() }
