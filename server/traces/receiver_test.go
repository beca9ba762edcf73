package traces

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A receiver is a collector of traces that speaks OTLP over HTTP, and keeps what it is sent.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex // guards what follows
	resource map[string]string
	spans    []*otlp.Span
	bytes    strings.Builder // all that came, unpacked
	requests int
	headers  http.Header // of the last one
}

// receive starts a receiver, and has the environment name it.
func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) { r.take(t, w, request) }))
	t.Cleanup(r.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	return r
}

func (r *receiver) take(t *testing.T, w http.ResponseWriter, request *http.Request) {
	body := io.Reader(request.Body)
	if request.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			t.Error(err)
			return
		}
		body = unzipped
	}
	text, err := io.ReadAll(body)
	var export collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(text, &export)
	}
	if err != nil || request.URL.Path != "/v1/traces" || request.Header.Get("Content-Type") != "application/x-protobuf" {
		t.Errorf("%s of %s: %v", request.URL.Path, request.Header.Get("Content-Type"), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	r.headers = request.Header
	r.bytes.Write(text)
	for _, resource := range export.ResourceSpans {
		r.resource = attributesOf(resource.Resource.Attributes)
		for _, scope := range resource.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// all are the spans that came.
func (r *receiver) all() []*otlp.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spans
}

func attributesOf(list []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range list {
		switch v := a.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			all[a.Key] = v.StringValue
		default:
			all[a.Key] = strings.TrimSpace(a.Value.String())
		}
	}
	return all
}

func open(t testing.TB, c Config) *Traces {
	t.Helper()
	c.Env = os.LookupEnv
	if !Wanted(c.Env) {
		t.Fatal("the environment names a collector, and none is wanted")
	}
	traces, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return traces
}
