package traces

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// ended is the end of a run.
func ended(run string) runner.Update {
	return runner.Update{Run: run, Info: &begun, Asked: start, Time: start, End: &engine.Outcome{Status: engine.Succeeded}}
}

// A page is a log that may be written by several.
type page struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (p *page) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(line)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// until waits for a fact.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to pass that %s", what)
		}
	}
}

func TestACollectorThatIsDownIsSaidSoOnce(t *testing.T) {
	before := runtime.NumGoroutine()
	down, log := true, &page{}
	var mu sync.Mutex // guards down
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if down {
			http.Error(w, "no", http.StatusForbidden)
		}
	}))
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", server.URL+"/v1/traces")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	traces := open(t, Config{Log: slog.New(slog.NewTextHandler(log, nil))})
	for range 10 {
		traces.Observe(ended("r1"))
		until(t, "the batch has failed", func() bool { return traces.queue.held() == 0 })
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || traces.Dropped() != 10 {
		t.Errorf("%d warnings, %d spans dropped:\n%s", n, traces.Dropped(), log)
	}
	mu.Lock()
	down = false
	mu.Unlock()
	traces.Observe(ended("r2"))
	until(t, "it says that traces are sent again", func() bool { return strings.Contains(log.String(), "sent again") })
	closeNow(t, traces)
	server.Close()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	until(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before+2 }) // the library keeps a connection for the next one
}

// TestACollectorThatHangsKeepsNobodyWaiting fills all the room there is, and then ends.
func TestACollectorThatHangsKeepsNobodyWaiting(t *testing.T) {
	const most = 1000
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", fmt.Sprint(most))
	before := runtime.NumGoroutine()
	var arrived sync.Once
	first, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Do(func() { close(first) })
		<-release
	}))
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	traces := open(t, Config{})
	traces.Observe(ended("r1"))
	<-first
	for range 2 * most {
		traces.Observe(ended("r1"))
	}
	if n := traces.Dropped(); n != most+1 {
		t.Errorf("%d spans were dropped, want %d", n, most+1)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := traces.Close(ctx)
	if err == nil || !strings.Contains(err.Error(), "1000 spans could not be sent") {
		t.Errorf("%v", err)
	}
	traces.Observe(ended("r2")) // which comes to nothing
	close(release)
	server.Close()
	until(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before+2 })
}

// held are the facts that wait or are being sent.
func (q *queue) held() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.facts) + q.taken
}
