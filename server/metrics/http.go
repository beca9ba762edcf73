package metrics

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// requestMetrics are about HTTP requests to the server.
type requestMetrics struct {
	answered *prometheus.CounterVec
	took     *prometheus.HistogramVec
	inFlight prometheus.Gauge
	readers  prometheus.Gauge
	routes   *names
}

var requestBuckets = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10}

func newRequestMetrics(r prometheus.Registerer) requestMetrics {
	return requestMetrics{
		answered: counter(r, "twinbook_http_requests_total", "Requests that were answered, by the route's pattern and the status.", "route", "code"),
		took:     histogram(r, "twinbook_http_request_duration_seconds", "How long requests took until the end of their answer; streams of events are left out.", requestBuckets, "route"),
		inFlight: gauge(r, "twinbook_http_requests_in_flight", "Requests that are being answered, streams of events included."),
		readers:  gauge(r, "twinbook_event_stream_readers", "Clients that read a stream of events."),
		routes:   newNames(mostRoutes),
	}
}

// Middleware counts the requests that next answers. route says by which pattern a request is routed, as
// http.ServeMux.Handler does. Only patterns that name their method ("GET /api/v1/runs/{id}") count as such: what a mux
// says of a redirect is the path that was asked for.
func (m *Metrics) Middleware(route func(*http.Request) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, pattern, answer := time.Now(), m.requests.route(route(r)), &answer{ResponseWriter: w, metrics: &m.requests}
		m.requests.inFlight.Inc()
		defer func() { m.requests.done(pattern, answer, time.Since(began)) }()
		next.ServeHTTP(answer, r)
		answer.whole = true
	})
}

func (m *requestMetrics) route(pattern string) string {
	method, _, named := strings.Cut(pattern, " ")
	if !named || strings.Contains(method, "/") {
		return other
	}
	label, _ := m.routes.label(pattern)
	return label
}

func (m *requestMetrics) done(route string, a *answer, took time.Duration) {
	m.inFlight.Dec()
	m.answered.WithLabelValues(route, a.label()).Inc()
	if a.stream {
		m.readers.Dec()
		return
	}
	m.took.WithLabelValues(route).Observe(seconds(took))
}

// An answer remembers what the handler said.
type answer struct {
	http.ResponseWriter
	metrics *requestMetrics
	code    int
	stream  bool // of events
	whole   bool // the handler came to its end
}

func (a *answer) label() string {
	switch {
	case !a.whole:
		return "aborted" // the handler panicked: whatever it wrote, the connection is cut
	case a.code == 0:
		return "200" // a handler that writes nothing answers that
	case a.code > 599:
		return other
	}
	return strconv.Itoa(a.code)
}

func (a *answer) WriteHeader(code int) {
	if a.code == 0 && code >= 200 { // what is below comes before the answer
		a.code = code
		if kind, _, _ := mime.ParseMediaType(a.Header().Get("Content-Type")); kind == "text/event-stream" {
			a.stream = true
			a.metrics.readers.Inc()
		}
	}
	a.ResponseWriter.WriteHeader(code)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.code == 0 {
		a.WriteHeader(http.StatusOK)
	}
	return a.ResponseWriter.Write(p)
}

// Flush is for handlers that ask for an http.Flusher; FlushError and Unwrap are for http.ResponseController.
func (a *answer) Flush() { a.FlushError() }

func (a *answer) FlushError() error {
	if a.code == 0 {
		a.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
