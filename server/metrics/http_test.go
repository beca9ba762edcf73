package metrics

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// listen serves a mux as the server does: what wraps requests anew stands between the middleware and the mux.
func listen(t *testing.T, m *Metrics, mux *http.ServeMux) *httptest.Server {
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { mux.ServeHTTP(w, r.WithContext(r.Context())) })
	server := httptest.NewUnstartedServer(m.Middleware(routeOf(mux), inner))
	server.Config.ErrorLog = nil
	server.Start()
	t.Cleanup(server.Close)
	server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return server
}

func get(t *testing.T, server *httptest.Server, method, path string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := server.Client().Do(r)
	if err != nil {
		return nil
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

func TestRequestsAreCountedByTheirRoute(t *testing.T) {
	m, mux := New(Config{}), http.NewServeMux()
	mux.HandleFunc("GET /runs/{id}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "fine") })
	mux.HandleFunc("POST /runs", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusCreated) })
	mux.HandleFunc("GET /folder/{id}/", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /early", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
	})
	mux.HandleFunc("GET /odd", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(999) })
	mux.HandleFunc("POST /panics", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("GET /panics-late", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "half"); panic(http.ErrAbortHandler) })
	server := listen(t, m, mux)
	for i := range 20 {
		get(t, server, "GET", fmt.Sprintf("/runs/r%d", i))
		get(t, server, "GET", fmt.Sprintf("/secret/%d", i))
		get(t, server, "GET", fmt.Sprintf("/folder/f%d", i))     // redirected to the path that it names
		get(t, server, "GET", fmt.Sprintf("//GET%%20x/f%d", i))  // cleaned
		get(t, server, "CONNECT", fmt.Sprintf("/folder/f%d", i)) // which a mux treats in a way of its own
	}
	get(t, server, "POST", "/runs")
	get(t, server, "DELETE", "/runs")
	get(t, server, "GET", "/early")
	get(t, server, "GET", "/odd")
	get(t, server, "POST", "/panics")
	get(t, server, "GET", "/panics-late")
	text := scrape(t, m)
	has(t, text,
		`twinbook_http_requests_total{code="200",route="GET /runs/{id}"} 20`,
		`twinbook_http_request_duration_seconds_count{route="GET /runs/{id}"} 20`,
		`twinbook_http_requests_total{code="201",route="POST /runs"} 1`,
		`twinbook_http_requests_total{code="405",route="other"} 21`,
		`twinbook_http_requests_total{code="418",route="GET /early"} 1`,
		`twinbook_http_requests_total{code="other",route="GET /odd"} 1`,
		`twinbook_http_requests_total{code="aborted",route="POST /panics"} 1`,
		`twinbook_http_requests_total{code="aborted",route="GET /panics-late"} 1`,
		`twinbook_http_requests_in_flight 0`,
	)
	for line := range strings.Lines(about(text, "twinbook_http_requests_total")) {
		if strings.Contains(line, "f1") || strings.Contains(line, "secret") || strings.Contains(line, "r1") {
			t.Errorf("a path became a label: %s", line)
		}
	}
}

func TestReadersOfEventsAreCountedWhileTheyRead(t *testing.T) {
	m, mux, over := New(Config{}), http.NewServeMux(), make(chan struct{})
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		fmt.Fprint(w, "data: 1\n\n")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-over
	})
	server := listen(t, m, mux)
	answer := get(t, server, "GET", "/events")
	if line, err := bufio.NewReader(answer.Body).ReadString('\n'); err != nil || line != "data: 1\n" {
		t.Fatalf("%q, %v: the flush did not come through", line, err)
	}
	has(t, scrape(t, m), "twinbook_event_stream_readers 1", "twinbook_http_requests_in_flight 1")
	close(over)
	server.Close() // returns when the handler has
	text := scrape(t, m)
	has(t, text, "twinbook_event_stream_readers 0", "twinbook_http_requests_in_flight 0", `twinbook_http_requests_total{code="200",route="GET /events"} 1`)
	if strings.Contains(text, "twinbook_http_request_duration_seconds_count") {
		t.Errorf("a stream has a latency:\n%s", about(text, "twinbook_http_request_duration"))
	}
}
