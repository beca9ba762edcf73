package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine/schedule"
)

// A fact is something that people want to know of a server that begins.
type fact struct{ name, text string }

// announce says that the server takes work, and what it found.
func (s *service) announce(ctx context.Context) {
	facts := s.facts(ctx)
	if s.settings.logFormat == "json" {
		var all []any
		for _, f := range facts {
			all = append(all, f.name, f.text)
		}
		s.log.Info("ready", all...)
		return
	}
	fmt.Fprintf(s.out, "twinbook serve · %s\n", s.url())
	for _, f := range facts[1:] {
		fmt.Fprintf(s.out, "  %-10s %s\n", f.name, clean(f.text))
	}
	s.log.Info("ready", facts[0].name, facts[0].text)
}

func (s *service) facts(ctx context.Context) []fact {
	schedules := schedulesOf(s.library.Workflows(), func(string, ...any) {}) // what is wrong with them has been said
	file := s.journalFile
	if file == "" {
		file = "in memory: it ends with this process"
	}
	return []fact{
		{"url", s.url()},
		{"workflows", s.loaded()},
		{"schedules", s.nextFire(ctx, schedules, s.reach.clock.Now())},
		{"hub", hubTitle([]openHub{s.reach.now.Load().open[s.reach.usual]})},
		{"journal", file},
		{"access", s.whoMay()},
	}
}

// loaded is which workflows there are.
func (s *service) loaded() string {
	text := counted(len(s.library.Workflows()), "workflow") + " in " + s.settings.workflows
	if n := len(s.library.Faults()); n > 0 {
		text += "; " + counted(n, "file") + " with a fault, see the log"
	}
	return text
}

// nextFire is how many schedules there are, and which of them is the first to begin a run.
func (s *service) nextFire(ctx context.Context, all []schedule.Schedule, now time.Time) string {
	paused := map[string]bool{}
	states, err := s.journal.Schedules(ctx)
	if err != nil {
		return err.Error()
	}
	for _, state := range states {
		paused[state.ID] = state.Paused
	}
	text, first, firstID := counted(len(all), "schedule"), schedule.Time{}, ""
	for i := range all {
		t, ok := all[i].Next(now)
		if ok && !paused[all[i].ID] && (firstID == "" || t.Due.Before(first.Due)) {
			first, firstID = t, all[i].ID
		}
	}
	if firstID != "" {
		text += "; the next is " + firstID + " at " + first.Due.Format("2006-01-02 15:04:05 MST")
	}
	return text
}

// whoMay is who may come in.
func (s *service) whoMay() string {
	if !s.settings.authenticated() {
		return "whoever is on this machine may do everything, and nobody else may come in (there are no tokens and no oidc)"
	}
	var who []string
	if n := len(s.settings.tokens); n > 0 {
		who = append(who, "who has one of "+counted(n, "token"))
	}
	if s.settings.oidc != nil {
		who = append(who, "who has a token of "+s.settings.oidc.Issuer)
	}
	text := strings.Join(who, ", and ")
	if s.cert == nil && !onThisMachine(s.listener) {
		text += "; tokens cross the network in clear text, unless a proxy before it has TLS"
	}
	return text
}
