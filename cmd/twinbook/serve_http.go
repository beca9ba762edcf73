package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"syscall"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/server"
	"github.com/twinbook/twinbook/server/access"
	"github.com/twinbook/twinbook/server/traces"
)

// openGate makes ready what lets people and programs in: who may, and the certificate.
func (s *service) openGate() error {
	var wrong wrongSettings
	var err error
	s.gate, err = access.New(access.Config{Tokens: s.settings.tokens, OIDC: s.settings.oidc, Refused: s.turnedAway})
	wrong.add(err)
	if s.settings.cert != "" {
		s.cert, err = access.OpenCertificate(s.settings.cert, s.settings.key, nil, s.log)
		wrong.add(err)
	}
	return errors.Join(wrong...)
}

// turnedAway is told of requests that are not let in, as far as their number is bounded.
func (s *service) turnedAway(r *http.Request, f *access.Refusal) {
	s.log.Warn("a request was refused", "from", r.RemoteAddr, "method", r.Method, "path", r.URL.Path, "status", f.Status, "because", f.Detail)
}

// openDoor listens. Nobody is answered before the server runs.
func (s *service) openDoor() (err error) {
	if s.listener, err = net.Listen("tcp", s.settings.listen); err != nil {
		return explainServe(s.settings.listen, err)
	}
	s.atEnd(func() error {
		s.listener.Close() // unless the HTTP server has
		return nil
	})
	return nil
}

// explainServe says why an address cannot be listened on.
func explainServe(address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is taken by another program (another twinbook serve?); --listen 127.0.0.1:0 picks a free port", address)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("this user may not listen on %s; choose a port above 1023 with --listen, and let a proxy pass it on", address)
	}
	return fmt.Errorf("listen on %s: %w", address, err)
}

// url is where the server is reached.
func (s *service) url() string {
	if s.cert != nil {
		return "https://" + s.listener.Addr().String()
	}
	return "http://" + s.listener.Addr().String()
}

// openAPI makes what answers requests.
func (s *service) openAPI() {
	c := server.Config{
		Starter: s.starter, Journal: s.journal, Gate: s.gate, Ready: s.notReady,
		Metrics: s.metrics.Handler(), Measure: s.metrics.Middleware, Delivered: s.delivered, Clock: s.reach.clock, Log: s.log,
	}
	if s.traces != nil {
		c.Caller, c.Trace = traces.Caller, traces.Traceparent
	}
	s.api = server.New(c)
}

// onThisMachine says whether only this machine reaches a listener.
func onThisMachine(l net.Listener) bool { return access.Loopback(l.Addr().String()) }

// answer starts to answer requests; ended gets why that has ended.
func (s *service) answer(h *http.Server) (ended <-chan error) {
	done := make(chan error, 1)
	h.Handler = s.turnAway(h.Handler)
	s.http = h
	go func() {
		if s.cert == nil {
			done <- h.Serve(s.listener)
			return
		}
		h.TLSConfig = s.cert.TLS()
		done <- h.ServeTLS(s.listener, "", "")
	}()
	return done
}

// comeBack is when somebody who is turned away may try again: the server starts or ends.
const comeBack = "5"

// turnAway refuses what would change something while the server does not take work. Reading goes on.
func (s *service) turnAway(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if reads || s.phase.is(ready) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", comeBack)
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusServiceUnavailable)
		json.NewEncoder(w).Encode(map[string]any{
			"title": http.StatusText(http.StatusServiceUnavailable), "status": http.StatusServiceUnavailable, "detail": s.notReady(r.Context()).Error(),
		})
	})
}

var (
	errStarting = errors.New("the server is starting, and takes no work yet")
	errDraining = errors.New("the server is about to end, and takes no more work")
)

// notReady says why the server takes no work, or nil.
func (s *service) notReady(ctx context.Context) error {
	switch {
	case s.phase.is(draining):
		return errDraining
	case !s.phase.is(ready):
		return errStarting
	}
	if why := s.unwritten.Load(); why != nil {
		return fmt.Errorf("the journal cannot be written: %w", *why)
	}
	if _, err := s.journal.Runs(ctx, journal.Filter{Limit: 1}); err != nil {
		return fmt.Errorf("the journal cannot be read: %w", err)
	}
	return nil
}

// stopHTTP ends all connections.
func (s *service) stopHTTP() {
	if err := inTime(s.http.Shutdown); err != nil {
		s.http.Close()
	}
}
