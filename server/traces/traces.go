// Package traces sends what happens in runs to a collector of OpenTelemetry traces: one trace a run, a span a step.
//
// Nothing is kept of a run that is under way. A span is made when what it is about has ended, from the times that the
// update about that end has; its id, that of the span around it and that of the trace follow from the run's id and the
// step's address. So a run that waits for weeks costs nothing, and what happens before and after a restart, or on
// another server, is one trace. The span of the run itself comes last.
//
// Times are those of the run's events. Attributes are names, addresses and kinds: no inputs, no payloads, no messages.
//
// Observe does not wait: it leaves a note for the one goroutine that makes spans and sends them in batches. Spans that
// a slow collector leaves too many of are dropped and counted; one that cannot be reached is said so once in a while,
// and not for each batch.
package traces

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/twinbook/twinbook/engine/runner"
)

// Config is what Traces needs.
type Config struct {
	Env     func(name string) (value string, set bool) // the environment's OTEL_… variables; those about the connection are read by OpenTelemetry's library as well
	Version string                                     // of the program
	Log     *slog.Logger                               // hears that the collector cannot be reached; nil: nobody does
}

// Traces sends spans, until Close. Its methods may be called from many places at once.
type Traces struct {
	sampler sdk.Sampler
	queue   *queue
	sender  *sender
	refused atomic.Int64 // facts for which there was no room
}

// Open makes ready to send spans to where the environment says; nothing is sent yet. The error is about the
// environment. Call it only if that is Wanted.
func Open(ctx context.Context, c Config) (*Traces, error) {
	settings, err := settingsOf(c.Env)
	if err != nil {
		return nil, err
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "twinbook"), attribute.String("service.version", c.Version)),
		resource.WithFromEnv(), // the last one counts
	)
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	client := otlptracehttp.NewClient()
	if err := client.Start(ctx); err != nil {
		return nil, fmt.Errorf("the connection to the collector of traces: %w", err)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	t := &Traces{sampler: settings.sampler, queue: newQueue(settings.most, settings.batch)}
	t.sender = newSender(t.queue, client, newEnvelope(about, c.Version), settings, c.Log)
	go t.sender.run()
	return t, nil
}

// Observe is told what happens in runs.
func (t *Traces) Observe(u runner.Update) {
	if u.Info == nil || u.Note == nil && u.End == nil {
		return
	}
	f := fact{trace: traceOf(u.Run), run: u.Run, workflow: u.Info.Workflow}
	if t.sampler.ShouldSample(sdk.SamplingParameters{TraceID: f.trace}).Decision == sdk.Drop {
		return
	}
	if !f.learn(u) {
		return
	}
	if f.what == aStep && f.attempt > 1 {
		last := f
		last.inAttempt(u.Note)
		t.put(&last)
	}
	t.put(&f)
}

func (t *Traces) put(f *fact) {
	if !t.queue.put(f) {
		t.refused.Add(1)
	}
}

// Dropped is how many spans will not be sent, since there was no room for them or they could not be.
func (t *Traces) Dropped() int64 { return t.refused.Load() + t.sender.dropped.Load() }

// Close sends what waits, until ctx ends. The error says how many spans were lost in that.
func (t *Traces) Close(ctx context.Context) error {
	before := t.sender.dropped.Load()
	t.queue.close()
	select {
	case <-t.sender.ended:
	case <-ctx.Done():
		t.sender.cancel()
		<-t.sender.ended
	}
	if left := t.sender.dropped.Load() - before; left > 0 {
		return fmt.Errorf("%d spans could not be sent: %w", left, t.sender.failure)
	}
	return nil
}
