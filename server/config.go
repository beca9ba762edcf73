package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/internal/record"
	"github.com/twinbook/twinbook/server/access"
	"github.com/twinbook/twinbook/server/library"
)

// Config is what a Server needs. Starter, Journal and Gate must be set.
type Config struct {
	Starter *Starter
	Journal Journal
	Gate    *access.Gate

	// Ready says why the server cannot do its work now, for /readyz; nil: it can.
	Ready func(context.Context) error

	// Metrics answers /metrics; nil: there is no such page.
	Metrics http.Handler

	// Measure stands around all that is answered; route is the pattern by which a request is answered, empty if
	// there is none. nil: nothing does.
	Measure func(route func(*http.Request) string, next http.Handler) http.Handler

	// Caller names the trace that a request is a part of, or none, and Trace that of a run, each as a traceparent. nil:
	// nobody traces runs.
	Caller func(http.Header) string
	Trace  func(run string) string

	// Delivered is told what became of each request to a webhook that there is. It must not wait. nil: nobody wants to know.
	Delivered func(Delivery)

	Clock clock.Clock  // nil: the machine's
	Log   *slog.Logger // nil: nothing is logged

	Heartbeat time.Duration // how often a stream of events without events says that it lives; 0: 15 s
	Patience  time.Duration // how long a client may take to send a body, to take an answer, or, of a stream, what it is sent at once; 0: 30 s
	Readers   int           // how many streams of events there may be at once; 0: 5,000
}

// A Journal is what the server reads of one, and what it asks; its methods are described in package journal.
type Journal interface {
	record.Journal
	Ask(ctx context.Context, r journal.Request) error
	Schedules(ctx context.Context) ([]journal.ScheduleState, error)
	PauseSchedule(ctx context.Context, id string, paused bool, by string, now time.Time) error
	AskBackfill(ctx context.Context, id string, b journal.Backfill) (journal.Backfill, error)
	Audit(e journal.AuditEntry)
	AuditTrail(ctx context.Context, f journal.AuditFilter) ([]journal.AuditEntry, error)
}

// A Library has the workflows of the server.
type Library interface {
	Workflow(name string) (library.Entry, bool)
	Workflows() []library.Entry // by name
	Faults() []library.Fault    // files that are not in use as they are now
}

// A Runner begins runs; its methods are described in package runner.
type Runner interface {
	StartAs(ctx context.Context, p *engine.Program, start engine.RunStart, a runner.Admission) (*runner.Handle, error)
	Retry(ctx context.Context, run string, again []string, hosts map[string]string, by string) (*runner.Handle, error)
}

// A World is what runs reach, and what reads their files.
type World interface {
	// Hub is a hub of the configuration, and its name there; of the empty name the one that runs have unless somebody
	// says another. An error that is ErrNoHub: the configuration has no such hub.
	Hub(ctx context.Context, name string) (hub.Hub, string, error)

	// Prepare makes ready what runs of a program need: the hub of that name, those that its steps name, secrets. own is the hub
	// that the run is listed under (engine.Program.HomeHub), hosts are where the hubs are. The error says what is missing; ErrNoHub
	// as above.
	Prepare(ctx context.Context, p *engine.Program, name string) (own string, hosts map[string]string, err error)

	// Secret is a secret of the configuration.
	Secret(name string) (string, error)

	// Compile makes a program of a workflow file; read gives it the files that it calls. The error is engine.Problems where
	// the file is wrong.
	Compile(file string, source []byte, read func(path string) ([]byte, error)) (*engine.Program, error)

	// Stored makes a program of the sources that the journal keeps.
	Stored(sources []journal.Source) (*engine.Program, error)
}

// ErrNoHub is in the error of a World about a hub that the configuration does not have.
var ErrNoHub = errors.New("there is no such hub")

func (c *Config) complete() {
	if c.Clock == nil {
		c.Clock = clock.Real()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Ready == nil {
		c.Ready = func(context.Context) error { return nil }
	}
	if c.Delivered == nil {
		c.Delivered = func(Delivery) {}
	}
	if c.Heartbeat <= 0 {
		c.Heartbeat = 15 * time.Second
	}
	if c.Patience <= 0 {
		c.Patience = 30 * time.Second
	}
	if c.Readers <= 0 {
		c.Readers = 5000
	}
}
