package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/twinbook/twinbook/server/access"
)

// listenForReloads keeps a SIGHUP until somebody hears it. Without that, one that comes while the server starts or
// ends would end it at once.
func (s *service) listenForReloads() {
	s.hangups = make(chan os.Signal, 1)
	signal.Notify(s.hangups, syscall.SIGHUP)
	s.atEnd(func() error {
		signal.Stop(s.hangups)
		return nil
	})
}

// hearReloads reads the configuration again at each SIGHUP.
func (s *service) hearReloads(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.hangups:
			s.supervisor.reloading()
			s.reload(ctx)
			s.supervisor.ready(s.status())
		}
	}
}

// reload takes the configuration as it is now, or, if anything is wrong with it, goes on with the one it has.
func (s *service) reload(ctx context.Context) {
	next, err := s.serveSettings(s.flags)
	if err != nil {
		s.keepsOld(err)
		return
	}
	if err := s.take(ctx, next); err != nil {
		s.keepsOld(err)
	}
}

func (s *service) keepsOld(err error) {
	var wrong wrongSettings
	if !errors.As(err, &wrong) {
		wrong = wrongSettings{err}
	}
	for _, each := range wrong {
		s.log.Error("the configuration is wrong, and the one before stays in use", "error", each)
	}
}

// take puts other settings into force. What can be refused comes first.
func (s *service) take(ctx context.Context, next serveSettings) error {
	admit, err := s.gate.Prepare(access.Config{Tokens: next.tokens, OIDC: next.oidc})
	if err != nil {
		return err
	}
	fixed, err := s.reach.reload(next.config)
	if err != nil {
		return err
	}
	admit()
	if s.cert != nil && s.settings.cert == next.cert && s.settings.key == next.key {
		if err := s.cert.Reload(); err != nil {
			return err
		}
	}
	if err := s.library.Reload(ctx, next.workflows); err != nil {
		return err
	}
	s.level.Set(next.logLevel)
	s.settings.grace = next.grace
	s.log.Info("the configuration was read again", "workflows", len(s.library.Workflows()), "faults", len(s.library.Faults()))
	if fixed = append(fixed, s.settings.fixed(next)...); len(fixed) > 0 {
		slices.Sort(fixed)
		s.log.Warn("what has changed in the configuration and takes a restart", "keys", fixed)
	}
	return nil
}

// fixed are the keys that differ and that a reload does not change.
func (s serveSettings) fixed(next serveSettings) (keys []string) {
	for _, k := range []struct {
		key  string
		same bool
	}{
		{"serve.listen", s.listen == next.listen}, {"serve.tls", s.cert == next.cert && s.key == next.key},
		{"serve.log.format", s.logFormat == next.logFormat},
		{"defaultHub", s.hub == next.hub}, {"journal", s.config.journal == next.config.journal},
	} {
		if !k.same {
			keys = append(keys, k.key)
		}
	}
	return keys
}
