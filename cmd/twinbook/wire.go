package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/steps"
)

// compile reads a workflow and all that it calls, and holds the hubs it names against the configuration.
func compile(file string, c *configuration) (*engine.Program, error) {
	source, err := readSource(file)
	if err != nil {
		return nil, err
	}
	p, problems := engine.Compile(file, source, engine.Options{Types: steps.All().Types, Read: readSource})
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return p, c.checkHubs(p).Err()
}

// A world is what a run reaches: hubs, secrets and other servers. It knows, too, whether a hub refused us
// before anything was done.
type world struct {
	clock   clock.Clock
	hub     string // the run's
	fleets  map[string]steps.Fleet
	opened  []openHub
	secrets map[string]string

	refused atomic.Bool // a hub could not be reached, or did not let us in
	touched atomic.Bool // an effect has happened, or may have
}

// openWorld makes everything ready that a program needs. Nothing is touched yet.
func (a *app) openWorld(ctx context.Context, config *configuration, p *engine.Program, hubFlag string) (*world, error) {
	w := &world{clock: clock.Real(), fleets: map[string]steps.Fleet{}}
	var err error
	if w.secrets, err = a.readSecrets(config, p); err != nil {
		return nil, err
	}
	hubs, err := a.hubsOf(config, p, hubFlag)
	if err != nil {
		return nil, err
	}
	for i, h := range hubs {
		opened, err := a.open(ctx, w.clock, h)
		if err != nil {
			w.close()
			return nil, err
		}
		if i == 0 {
			w.hub = h.name
		}
		w.opened = append(w.opened, opened)
		w.fleets[h.name] = steps.NewFleet(w.clock, opened.Hub)
	}
	return w, nil
}

// hubsOf are the hubs of a run: its own first, then those that steps name.
func (a *app) hubsOf(config *configuration, p *engine.Program, flag string) ([]hubConfig, error) {
	own, err := a.chooseHub(config, flag)
	if err != nil {
		return nil, err
	}
	hubs := []hubConfig{own}
	for _, use := range p.Hubs() {
		named := func(h hubConfig) bool { return h.name == use.Name }
		if h := config.find(use.Name); h != nil && !slices.ContainsFunc(hubs, named) {
			hubs = append(hubs, *h)
		}
	}
	return hubs, nil
}

// hubTitle names the hubs of a run.
func hubTitle(hubs []openHub) string {
	names, real := make([]string, len(hubs)), false
	for i, h := range hubs {
		names[i] = h.title
		real = real || h.real
	}
	title := strings.Join(names, " and ")
	if !real {
		title += ": nothing real is touched"
	}
	return title
}

func (w *world) close() {
	for _, h := range w.opened {
		h.close()
	}
}

// readSecrets reads the secrets that a program uses, and no other.
func (a *app) readSecrets(config *configuration, p *engine.Program) (map[string]string, error) {
	secrets := map[string]string{}
	var problems engine.Problems
	var wrong []error
	for _, use := range p.Secrets() {
		i := slices.IndexFunc(config.secrets, func(s engine.Named[origin]) bool { return s.Name == use.Name })
		if i < 0 {
			problems = append(problems, p.Problem(use.Pos, len(use.Name), "unknown-secret",
				fmt.Sprintf("write in %s: secrets: { %s: { env: NAME } }", defaultConfig, use.Name),
				fmt.Sprintf("the secret %s is not in the configuration", use.Name)))
			continue
		}
		if _, done := secrets[use.Name]; done {
			continue
		}
		text, err := a.read(config.secrets[i].Value)
		if err == nil && utf8.RuneCountInString(text) < engine.ShortestSecret {
			err = fmt.Errorf("it has fewer than %d characters, so it would stand in ordinary words and cannot be hidden where it is shown; use a longer one", engine.ShortestSecret)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("secret %s: %w", use.Name, err))
		}
		secrets[use.Name] = text
	}
	return secrets, errors.Join(problems.Err(), errors.Join(wrong...))
}

// newRunner makes the runner of one run.
func (w *world) newRunner(observe func(runner.Update)) *runner.Runner {
	reach := steps.NewWorld(steps.World{
		Clock: w.clock, Hubs: w.fleets, HTTP: newHTTPClient(), Secrets: w.secrets,
	})
	return runner.New(runner.Config{
		Clock: w.clock, Journal: journal.NewMemory(), Observe: observe,
		Do: func(ctx context.Context, run engine.RunStart, c engine.Command, waiting func(string)) (any, error) {
			value, err := reach.Do(ctx, run, c, waiting)
			w.learn(c, err)
			return value, err
		},
	})
}

// learn remembers of an attempt what decides between the exit codes 1 and 3.
func (w *world) learn(c engine.Command, err error) {
	var failure *hub.Error
	switch {
	case err == nil || !errors.As(err, &failure):
		if c.Delivery != engine.Read {
			w.touched.Store(true)
		}
	case failure.Sent:
		w.touched.Store(true)
	case c.Type.NoDevice && !c.Type.NeedsHub: // another server said so, not a hub
	case failure.Kind == hub.Unavailable || failure.Kind == hub.Unauthorized:
		w.refused.Store(true)
	}
}

// newHTTPClient is for http steps: they end by their own timeouts.
func newHTTPClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	transport.ResponseHeaderTimeout = 0
	return &http.Client{Transport: transport, Timeout: 0}
}
