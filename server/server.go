package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/server/access"
)

// A Server answers requests. It is an http.Handler.
type Server struct {
	Config
	mux     *http.ServeMux
	known   map[string]bool // patterns
	handler http.Handler
	feeds   *feeds
	heavy   chan struct{} // places for those who make a large document
	refused *refusals
	checks  chan struct{} // places for those who have a file compiled
}

// How many requests may do at the same time what takes memory or time. Those who have files compiled are apart, so that
// they do not hold up who looks at a run.
const (
	mostHeavy  = 4 // read a whole run
	mostChecks = 2 // compile a file
)

// New makes a Server.
func New(c Config) *Server {
	c.complete()
	s := &Server{
		Config: c, mux: http.NewServeMux(), known: map[string]bool{},
		feeds: newFeeds(c.Journal, c.Readers), refused: newRefusals(c.Clock, c.Journal.Audit),
		heavy: make(chan struct{}, mostHeavy), checks: make(chan struct{}, mostChecks),
	}
	for _, r := range routes {
		s.handle(r)
	}
	if c.Metrics != nil {
		s.handle(route{pattern: metricsPattern, role: access.Viewer, answer: func(s *Server, c *call) error {
			if _, err := c.query(); err != nil {
				return err
			}
			c.toTake()
			s.Metrics.ServeHTTP(c.w, c.Request)
			return nil
		}})
	}
	s.handler = http.HandlerFunc(s.dispatch)
	if c.Measure != nil {
		s.handler = c.Measure(s.Route, s.handler)
	}
	return s
}

// HTTP is an http.Server that answers with s, and drops who is too slow. Its Shutdown ends streams of events.
func (s *Server) HTTP() *http.Server {
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      2 * s.Patience, // longer than a body is waited for that nobody reads: of what is answered here; the others have theirs when they begin to write
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	h.RegisterOnShutdown(s.Stop)
	return h
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Stop ends all streams of events; there are none from then on.
func (s *Server) Stop() { s.feeds.stop() }

// Observe is for the runner to tell what happens in runs, so that streams of events need not wait until the journal is
// looked at the next time. It does not wait.
func (s *Server) Observe(u runner.Update) { s.feeds.poke(u.Run) }

// Route is the pattern by which a request is answered; empty: there is none.
func (s *Server) Route(r *http.Request) string {
	if _, pattern := s.mux.Handler(r); s.known[pattern] && canonical(r.URL.EscapedPath()) {
		return pattern
	}
	return ""
}

// canonical says whether the mux would take a path as it is, and not redirect to another one.
func canonical(p string) bool {
	clean := path.Clean("/" + p)
	return p == clean || p == clean+"/"
}

// dispatch has the mux answer what it has a route for, and says of all else what is wrong as a Problem.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	defer s.recovered(w, r)
	if r.ContentLength != 0 { // what nobody reads must not hold the connection either
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.Patience))
	}
	if s.Route(r) != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	s.Gate.Shield(http.HandlerFunc(s.astray)).ServeHTTP(w, r)
}

// astray answers what has no route. The mux's own answer knows whether there are routes of other methods.
func (s *Server) astray(w http.ResponseWriter, r *http.Request) {
	a := &allowing{header: http.Header{}}
	s.mux.ServeHTTP(a, r)
	if a.status != http.StatusMethodNotAllowed {
		plain(http.StatusNotFound, "there is nothing at this path").write(w, r)
		return
	}
	w.Header().Set("Allow", a.header.Get("Allow"))
	plain(http.StatusMethodNotAllowed, "at this path there is "+a.header.Get("Allow")).write(w, r)
}

// allowing hears what the mux would say.
type allowing struct {
	header http.Header
	status int
}

func (a *allowing) Header() http.Header         { return a.header }
func (a *allowing) WriteHeader(status int)      { a.status = status }
func (a *allowing) Write(p []byte) (int, error) { return len(p), nil }

// recovered is for a handler that panicked: that is our own bug, and ends its request only.
func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	s.Log.Error("a handler panicked", "method", r.Method, "path", r.URL.Path, "panic", cause, "stack", string(debug.Stack()))
	if w.Header().Get("Content-Type") != "" { // an answer has begun: nothing but its being cut says that it is none
		panic(http.ErrAbortHandler)
	}
	plain(http.StatusInternalServerError, "the server has a bug here; its log says more").write(w, r)
}

// handle adds a route to the mux.
func (s *Server) handle(r route) {
	s.known[r.pattern] = true
	answer := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		http.NewResponseController(w).SetWriteDeadline(time.Time{})
		who := access.From(req.Context())
		s.answer(r, &call{Request: req, w: w, who: who, by: who.String(), patience: s.Patience})
	})
	if r.role == "" {
		s.mux.Handle(r.pattern, s.Gate.Shield(answer))
	} else {
		s.mux.Handle(r.pattern, s.Gate.Protect(answer))
	}
}

// answer has a route's function answer a call, if who asks may have that.
func (s *Server) answer(r route, c *call) {
	var err error
	if r.role != "" && r.role != known && !c.who.May(r.role) {
		err = plain(http.StatusForbidden, c.by+" may not do this: it takes the role "+r.role)
	} else {
		err = r.answer(s, c)
	}
	if err != nil {
		p := problemOf(err)
		if _, unusable := journal.Unusable(err); unusable || p.Status == http.StatusInternalServerError {
			s.Log.Error("a request failed", "method", c.Method, "path", c.URL.Path, "error", err)
		}
		c.toTake()
		p.write(c.w, c.Request)
	}
	if r.action != "" && c.by != "" {
		s.audit(r, c, err)
	}
}

// audit notes who did what. Strangers are left out: they could fill the trail.
func (s *Server) audit(r route, c *call, err error) {
	e := journal.AuditEntry{
		Time: s.Clock.Now(), Who: c.by, Roles: c.who.Roles, From: host(c.RemoteAddr),
		Action: r.action, Target: c.target, Detail: c.detail, Result: "done",
	}
	if e.Target == "" {
		e.Target = c.named()
	}
	if err != nil {
		p := problemOf(err)
		e.Result = strings.ToValidUTF8(shortened(p.Error()), "")
		s.refused.note(e)
		return
	}
	s.Journal.Audit(e)
}

// named is what a path names: its run, device, hook or schedule.
func (c *call) named() string {
	if workflow := c.PathValue("workflow"); workflow != "" {
		return shortened(workflow + "/" + c.PathValue("schedule"))
	}
	for _, name := range []string{"run", "device", "hook"} {
		if value := c.PathValue(name); value != "" {
			return shortened(value)
		}
	}
	return ""
}

// host is the address without the port of a connection.
func host(remote string) string {
	if h, _, err := net.SplitHostPort(remote); err == nil {
		return h
	}
	return remote
}

// heavily does what takes much memory or time to read, beside few others.
func (s *Server) heavily(ctx context.Context, do func() error) error {
	return within(ctx, s.heavy, do)
}

// within does something when there is a place for it.
func within(ctx context.Context, places chan struct{}, do func() error) error {
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
		return do()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
