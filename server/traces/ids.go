package traces

import (
	"context"
	"crypto/sha256"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/twinbook/twinbook/engine"
)

// traceOf is the trace of a run: the same wherever the run is driven, and nobody's who does not know the run's id.
func traceOf(run string) trace.TraceID {
	sum := sha256.Sum256([]byte("twinbook run " + run))
	return trace.TraceID(sum[:16])
}

// spanOf is the span of a step, or with no address that of the run.
func spanOf(id trace.TraceID, at engine.Address) trace.SpanID {
	var space [128]byte
	sum := sha256.Sum256(append(append(space[:0], id[:]...), at...))
	return trace.SpanID(sum[:8])
}

// rootOf is how others refer to the span of a run.
func rootOf(run string) trace.SpanContext {
	id := traceOf(run)
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: spanOf(id, ""), TraceFlags: trace.FlagsSampled, Remote: true})
}

// header is where a trace is named, by the W3C's Trace Context.
const header = "traceparent"

// Caller is the traceparent of a request, if it has one that is right, or empty. A run that the request begins keeps it
// in its trigger, as `traceparent`: then the run's trace has a link to the caller's. It is no part of that, since it may
// end weeks after the request.
func Caller(h http.Header) string {
	text := h.Get(header)
	if !parse(text).IsValid() {
		return ""
	}
	return text
}

func parse(traceparent string) trace.SpanContext {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{header: traceparent})
	return trace.SpanContextFromContext(ctx)
}

// Traceparent names the trace of a run, for an answer's header of that name.
func Traceparent(run string) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), rootOf(run)), carrier)
	return carrier[header]
}
