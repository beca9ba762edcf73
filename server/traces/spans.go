package traces

import (
	"strings"
	"time"

	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	resources "go.opentelemetry.io/proto/otlp/resource/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
)

// longestValue is how long an attribute may be, in bytes: a device's id comes out of an expression.
const longestValue = 512

// An envelope is what stands around spans: who sends them.
type envelope struct {
	resource *resources.Resource
	scope    *common.InstrumentationScope
}

func newEnvelope(about *resource.Resource, version string) envelope {
	e := envelope{resource: &resources.Resource{}, scope: &common.InstrumentationScope{Name: "github.com/twinbook/twinbook", Version: version}}
	for _, kv := range about.Attributes() {
		e.resource.Attributes = append(e.resource.Attributes, text(string(kv.Key), kv.Value.String()))
	}
	return e
}

func (e envelope) around(spans []*otlp.Span) []*otlp.ResourceSpans {
	return []*otlp.ResourceSpans{{Resource: e.resource, ScopeSpans: []*otlp.ScopeSpans{{Scope: e.scope, Spans: spans}}}}
}

// span is what a collector is sent.
func (f *fact) span() *otlp.Span {
	id := spanOf(f.trace, f.at)
	s := &otlp.Span{
		TraceId: f.trace[:], SpanId: id[:], Name: clean(f.name()), Kind: otlp.Span_SPAN_KIND_INTERNAL, Attributes: f.attributes(),
		StartTimeUnixNano: nanoseconds(f.from), EndTimeUnixNano: nanoseconds(f.to), Status: &otlp.Status{},
	}
	s.EndTimeUnixNano = max(s.EndTimeUnixNano, s.StartTimeUnixNano) // a machine's clock may have been set back
	if f.what == aRun {
		s.Links = f.links()
	} else {
		around := spanOf(f.trace, f.in)
		s.ParentSpanId = around[:]
	}
	if f.world {
		s.Kind = otlp.Span_SPAN_KIND_CLIENT
	}
	if f.kind != "" {
		s.Status.Code, s.Status.Message = otlp.Status_STATUS_CODE_ERROR, clean(strings.TrimSuffix(string(f.kind)+" at "+f.where, " at "))
	}
	return s
}

// name is the same for very many spans: what is of one run, device or item stands in attributes.
func (f *fact) name() string {
	switch f.what {
	case aRun:
		return "run " + f.workflow
	case aWait:
		return "wait for a turn"
	case anAttempt:
		return "attempt"
	}
	return strings.TrimSuffix(f.action+" "+f.step, " ")
}

func (f *fact) attributes() []*common.KeyValue {
	list := make([]*common.KeyValue, 0, 10)
	add := func(name, value string) {
		if value != "" {
			list = append(list, text(name, value))
		}
	}
	count := func(name string, n int) {
		list = append(list, &common.KeyValue{Key: name, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: int64(n)}}})
	}
	add("twinbook.run", f.run)
	add("twinbook.workflow", f.workflow)
	add("twinbook.file", f.file)
	if f.what == aStep || f.what == anAttempt {
		add("twinbook.address", string(f.at))
	}
	add("twinbook.action", f.action)
	add("twinbook.step", f.step)
	add("twinbook.device", f.device)
	add("twinbook.hub", f.hub)
	add("twinbook.outcome", string(f.outcome))
	add("error.type", string(f.kind))
	switch {
	case f.what == anAttempt:
		count("twinbook.attempt", f.attempt)
	case f.attempt > 1:
		count("twinbook.attempts", f.attempt)
	}
	if f.tolerated > 0 {
		count("twinbook.tolerated", f.tolerated)
	}
	return list
}

func text(name, value string) *common.KeyValue {
	return &common.KeyValue{Key: name, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: clean(value)}}}
}

// clean is a text as a collector takes it: of a bounded length, and UTF-8, without which it would refuse the whole batch.
func clean(text string) string {
	if len(text) > longestValue {
		text = text[:longestValue]
	}
	return strings.ToValidUTF8(text, "")
}

// nanoseconds are never before 1970, which unsigned numbers cannot tell.
func nanoseconds(t time.Time) uint64 {
	if t.Unix() < 0 {
		return 0
	}
	return uint64(t.UnixNano())
}

// links are the traces that belong to that of a run.
func (f *fact) links() []*otlp.Span_Link {
	var links []*otlp.Span_Link
	link := func(to trace.SpanContext, what string) {
		id, span := to.TraceID(), to.SpanID()
		links = append(links, &otlp.Span_Link{TraceId: id[:], SpanId: span[:], Attributes: []*common.KeyValue{text("twinbook.link", what)}})
	}
	if f.retryOf != "" {
		link(rootOf(f.retryOf), "retryOf")
	}
	if f.parent != "" {
		link(rootOf(f.parent), "parent")
	}
	if caller := parse(f.caller); caller.IsValid() {
		link(caller, "caller")
	}
	return links
}
