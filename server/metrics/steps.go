package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinbook/twinbook/engine"
)

// stepMetrics are about steps, by what they do.
type stepMetrics struct {
	took    *prometheus.HistogramVec
	errors  *prometheus.CounterVec
	retries *prometheus.CounterVec
	actions *names
}

// stepBuckets reach from an assert to a wait for a device that reboots; what waits longer is no latency.
var stepBuckets = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800}

func newStepMetrics(r prometheus.Registerer) stepMetrics {
	return stepMetrics{
		took:    histogram(r, "twinbook_step_duration_seconds", "How long steps took, with all their attempts and the delays between them.", stepBuckets, "action", "outcome"),
		errors:  counter(r, "twinbook_step_errors_total", "Attempts of steps that failed, also those that were followed by another one.", "action", "kind"),
		retries: counter(r, "twinbook_step_retries_total", "Attempts of steps that were followed by another one.", "action"),
		actions: newNames(mostActions),
	}
}

// observe counts a note. What was kept of another run happened there.
func (s *stepMetrics) observe(n *engine.Note) {
	if n.Step == nil || n.Kept {
		return
	}
	switch n.Kind {
	case engine.NoteStepRetry:
		action, _ := s.actions.label(n.Step.Action)
		s.retries.WithLabelValues(action).Inc()
		s.failed(action, n)
	case engine.NoteStepEnded:
		if n.Status == engine.Skipped {
			return
		}
		action, _ := s.actions.label(n.Step.Action)
		s.took.WithLabelValues(action, oneOf(string(n.Status), outcomes)).Observe(seconds(n.Time.Sub(n.Started)))
		s.failed(action, n)
	}
}

// failed counts an attempt that failed. The failure of a block is that of a step inside it, which has been counted.
func (s *stepMetrics) failed(action string, n *engine.Note) {
	if n.Error != nil && n.Step.Do != nil {
		s.errors.WithLabelValues(action, errorKind(string(n.Error.Kind))).Inc()
	}
}

// errorKinds are the words that errors have for what they are.
var errorKinds = func() []string {
	var kinds []string
	for _, kind := range engine.ErrorKinds {
		kinds = append(kinds, string(kind))
	}
	return kinds
}()

func errorKind(kind string) string { return oneOf(kind, errorKinds) }
