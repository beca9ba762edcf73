package traces

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
)

// sayAgain is how long nobody is told again that the collector cannot be reached.
const sayAgain = 10 * time.Minute

// A sender is the goroutine that makes spans of facts and sends them.
type sender struct {
	queue    *queue
	client   otlptrace.Client
	envelope envelope
	settings settings
	log      *slog.Logger
	dropped  atomic.Int64
	ctx      context.Context // ends when nobody waits any more for what is being sent
	cancel   context.CancelFunc
	ended    chan struct{}

	// What follows belongs to the goroutine.
	failing bool
	failure error
	said    time.Time
	lost    int // since the collector could be reached
}

func newSender(q *queue, client otlptrace.Client, e envelope, s settings, log *slog.Logger) *sender {
	out := &sender{queue: q, client: client, envelope: e, settings: s, log: log, ended: make(chan struct{})}
	out.ctx, out.cancel = context.WithCancel(context.Background())
	return out
}

// run sends until the queue is closed and empty.
func (s *sender) run() {
	defer close(s.ended)
	var facts []fact
	for s.wait() {
		facts = s.queue.take(facts[:0])
		for batch := range slices.Chunk(facts, s.queue.batch) {
			s.send(batch)
			s.queue.done(len(batch))
		}
		clear(facts)
	}
	s.client.Stop(s.ctx) // has nothing to say but that ctx has ended
	s.cancel()
}

// wait returns when there is something to send, and says false if there never will be.
func (s *sender) wait() bool {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	late, waited := false, false
	for {
		some, enough, closed := s.queue.look()
		switch {
		case closed || enough || some && late:
			return some
		case some && !waited:
			waited = true
			timer.Reset(s.settings.delay)
		}
		select {
		case <-s.queue.wake:
		case <-timer.C:
			late = waited
		}
	}
}

// send sends a batch. What cannot be sent is lost: runs that nobody can see are better than runs that wait.
func (s *sender) send(batch []fact) {
	ctx, cancel := context.WithTimeout(s.ctx, s.settings.timeout)
	defer cancel()
	spans := make([]*otlp.Span, len(batch))
	for i := range batch {
		spans[i] = batch[i].span()
	}
	err := s.client.UploadTraces(ctx, s.envelope.around(spans))
	if err != nil {
		s.dropped.Add(int64(len(batch)))
		s.lost += len(batch)
	}
	s.failure = err
	s.say(err)
}

func (s *sender) say(err error) {
	switch {
	case s.ctx.Err() != nil: // Close says it
	case err == nil && s.failing:
		s.failing = false
		s.log.Info("traces are sent again", "lost", s.lost)
		s.lost = 0
	case err != nil && (!s.failing || time.Since(s.said) >= sayAgain):
		s.failing, s.said = true, time.Now()
		s.log.Warn("traces could not be sent; runs go on without", "error", err.Error(), "lost", s.lost)
	}
}
