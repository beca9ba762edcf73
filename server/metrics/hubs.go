package metrics

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// hubMetrics are about what is asked of hubs, by runs, by those who wait for twins, and through the API.
type hubMetrics struct {
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	hubs     *names
}

// hubBuckets reach from a read on this machine to a device that takes all of the five minutes it may take.
var hubBuckets = []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}

// operations are what can be asked of a hub, as hub.Observed names them.
var operations = []string{"invoke", "twin", "updateTwin", "query", "send", waiting}

const (
	succeeded = "ok"

	// waiting is the operation that takes as long as nothing happens, which is no latency.
	waiting = "telemetry"
)

func newHubMetrics(r prometheus.Registerer) hubMetrics {
	return hubMetrics{
		requests: counter(r, "twinbook_hub_requests_total", "Requests to hubs, by what came of them: ok, or the kind of the error.", "hub", "operation", "result"),
		took:     histogram(r, "twinbook_hub_request_duration_seconds", "How long hubs took to answer; of a method call, with the time that the device took.", hubBuckets, "hub", "operation"),
		hubs:     newNames(mostHubs),
	}
}

// Hub is told that a hub answered, or did not: its name in the configuration, what was asked of it (such as
// "updateTwin"), how long that took, and the error, whose kind is asked by ErrorKind() string.
func (m *Metrics) Hub(hub, operation string, took time.Duration, err error) {
	operation = oneOf(operation, operations)
	hub, first := m.hubs.hubs.label(hub)
	if first { // so that the first throttle is seen as an increase from zero
		m.hubs.requests.WithLabelValues(hub, operation, "throttled")
	}
	m.hubs.requests.WithLabelValues(hub, operation, resultOf(err)).Inc()
	if operation != waiting {
		m.hubs.took.WithLabelValues(hub, operation).Observe(seconds(took))
	}
}

func resultOf(err error) string {
	if err == nil {
		return succeeded
	}
	var kinded interface{ ErrorKind() string }
	if errors.As(err, &kinded) {
		return errorKind(kinded.ErrorKind())
	}
	return other
}
