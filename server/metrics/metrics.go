// Package metrics counts what an operator wants to be woken for, in Prometheus' format.
//
// It is told what happens by those who do it: Observe by the runner, Committed by the journal, Fired by the scheduler,
// Hub by hubs, Middleware by HTTP. It keeps numbers and nothing of a single run. How many runs wait, and for what, is
// asked of the journal when somebody scrapes, at most once in a few seconds.
//
// How many series there are does not depend on what happens: a label has the name of a workflow, an action, a hub, a
// route or one of a fixed list of words, never an id, a path or a device. What there may be very many of ends, after
// so many, as "other".
//
// It is no history, and not where one run is looked at: see packages traces and logs, and the journal.
package metrics

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Config is what Metrics needs; all of it may be left out.
type Config struct {
	Version string // of the program

	// Counts says how many runs there are that have not ended. It may fail; it should return when ctx ends.
	Counts func(ctx context.Context) (Counts, error)

	LinesDropped func() int64 // log lines that nobody wrote, since the start
	SpansDropped func() int64 // spans that nobody was sent, since the start
}

// Metrics are the numbers of one server. Its methods may be called from many places at once, and do not wait.
type Metrics struct {
	registry  *prometheus.Registry
	runs      runMetrics
	steps     stepMetrics
	hubs      hubMetrics
	starts    startMetrics
	requests  requestMetrics
	journal   journalMetrics
	workflows *names
}

// New makes the numbers of a server, all of them zero.
func New(c Config) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), workflows: newNames(mostWorkflows)}
	m.runs = newRunMetrics(m.registry)
	m.steps = newStepMetrics(m.registry)
	m.hubs = newHubMetrics(m.registry)
	m.starts = newStartMetrics(m.registry)
	m.requests = newRequestMetrics(m.registry)
	m.journal = newJournalMetrics(m.registry)
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(c.Version),
	)
	if c.Counts != nil {
		m.registry.MustRegister(newCensus(m.registry, c.Counts))
	}
	counted(m.registry, "twinbook_log_lines_dropped_total", "Log lines that were left out because they came faster than they could be written.", c.LinesDropped)
	counted(m.registry, "twinbook_trace_spans_dropped_total", "Spans that were left out because the collector of traces was slow or could not be reached.", c.SpansDropped)
	return m
}

// Handler answers scrapes. Two are answered at the same time, others are told to come back.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: 2,
		Timeout:             10 * time.Second,
		ErrorHandling:       promhttp.ContinueOnError,
	})
}

// buildInfo is the usual way to see what runs where: a number that is always 1, and labels.
func buildInfo(version string) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "twinbook_build_info", Help: "Always 1; the labels say which program this is.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	g.Set(1)
	return g
}

// counted makes a counter of a number that somebody else counts.
func counted(r prometheus.Registerer, name, help string, count func() int64) {
	if count == nil {
		return
	}
	r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(count()) }))
}

// counter, gauge and histogram make and register what they are named for; with labels, a family of them.
func counter(r prometheus.Registerer, name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	r.MustRegister(c)
	return c
}

func gauge(r prometheus.Registerer, name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	r.MustRegister(g)
	return g
}

func histogram(r prometheus.Registerer, name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	r.MustRegister(h)
	return h
}
