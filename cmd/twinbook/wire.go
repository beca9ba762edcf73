package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
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
	return p, c.checkUses(p).Err()
}

// A world is what runs reach: hubs, secrets and other servers. It knows, too, whether a hub refused us
// before anything was done.
type world struct {
	clock   clock.Clock
	open    map[string]openHub // by the names that runs have for them
	fleets  map[string]steps.Fleet
	secrets map[string]string
	allowed map[string]steps.AllowedCommand
	observe hubObserver     // is told of each request to a hub; nil: nobody is
	chosen  map[string]bool // hubs of runs that go on, of which somebody has said which ones they are now

	refused atomic.Bool // a hub could not be reached, or did not let us in
	touched atomic.Bool // an effect has happened, or may have
}

// A hubObserver is told of requests to hubs, as a hub.Observer is, with the hub's name.
type hubObserver func(name, operation string, took time.Duration, err error)

// openWorld makes everything ready that programs need, each of which runs on the hub that stands beside it.
// Nothing is touched yet.
func (a *app) openWorld(ctx context.Context, config *configuration, needs ...need) (*world, error) {
	w := &world{clock: clock.Real(), open: map[string]openHub{}, fleets: map[string]steps.Fleet{}, secrets: map[string]string{}, allowed: config.commands, chosen: map[string]bool{}}
	for _, n := range needs {
		if err := a.widen(ctx, w, config, n); err != nil {
			w.close()
			return nil, err
		}
	}
	return w, nil
}

// A need is a program and the hub that its runs are on.
type need struct {
	program *engine.Program
	name    string // that runs have for their hub
	hub     hubConfig
}

// widen makes a world large enough for one more program.
func (a *app) widen(ctx context.Context, w *world, config *configuration, n need) error {
	secrets, err := a.readSecrets(config, n.program)
	if err != nil {
		return err
	}
	maps.Copy(w.secrets, secrets)
	if err := a.openIn(ctx, w, n.name, n.hub); err != nil {
		return err
	}
	for _, use := range n.program.Hubs() {
		if h := config.find(use.Name); h != nil {
			if err := a.openIn(ctx, w, use.Name, *h); err != nil {
				return err
			}
		}
	}
	return nil
}

// openIn opens a hub under a name, unless it is open already.
func (a *app) openIn(ctx context.Context, w *world, name string, h hubConfig) error {
	if _, ok := w.open[name]; ok {
		return nil
	}
	opened, err := a.open(ctx, w.clock, h)
	if err != nil {
		return err
	}
	opened.name = name
	if w.observe != nil {
		opened.Hub = hub.Observed(w.clock, opened.Hub, func(operation string, took time.Duration, err error) { w.observe(name, operation, took, err) })
	}
	w.open[name] = opened
	w.fleets[name] = steps.NewFleet(w.clock, opened.Hub)
	return nil
}

// hubsOf are the hubs that a run may touch: its own first, then those that steps name.
func (w *world) hubsOf(own string, p *engine.Program) []openHub {
	hubs := []openHub{w.open[own]}
	for _, use := range p.Hubs() {
		named := func(h openHub) bool { return h.name == use.Name }
		if h, ok := w.open[use.Name]; ok && !slices.ContainsFunc(hubs, named) {
			hubs = append(hubs, h)
		}
	}
	return hubs
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
	for _, h := range w.open {
		h.close()
	}
}

// readSecrets reads the secrets that a program uses, and no other.
func (a *app) readSecrets(config *configuration, p *engine.Program) (map[string]string, error) {
	secrets := map[string]string{}
	var problems engine.Problems
	var wrong []error
	for _, use := range p.Secrets() {
		named := config.secret(use.Name)
		if named == nil {
			problems = append(problems, unknownSecret(p, use))
			continue
		}
		if _, done := secrets[use.Name]; done {
			continue
		}
		text, err := a.readSecret(*named)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("secret %s: %w", use.Name, err))
		}
		secrets[use.Name] = text
	}
	return secrets, errors.Join(problems.Err(), errors.Join(wrong...))
}

func unknownSecret(p *engine.Program, use engine.Use) engine.Problem {
	return p.Problem(use.Pos, len(use.Name), "unknown-secret",
		fmt.Sprintf("write in %s: secrets: { %s: { env: NAME } }", defaultConfig, use.Name),
		fmt.Sprintf("the secret %s is not in the configuration", use.Name))
}

func (a *app) readSecret(o origin) (string, error) {
	text, err := a.read(o)
	if err == nil && utf8.RuneCountInString(text) < engine.ShortestSecret {
		err = fmt.Errorf("it has fewer than %d characters, so it would stand in ordinary words and cannot be hidden where it is shown; use a longer one", engine.ShortestSecret)
	}
	return text, err
}

// hosts says where the hubs are that a run may touch, by the names it has for them.
func (w *world) hosts(own string, p *engine.Program) map[string]string {
	hosts := map[string]string{}
	for _, h := range w.hubsOf(own, p) {
		hosts[h.name] = h.title
	}
	return hosts
}

// astray says which hub of a run is no longer where it was when the run began: what is left to do would be done
// to other devices.
func (w *world) astray(run engine.RunStart) error {
	for _, name := range slices.Sorted(maps.Keys(run.Hosts)) {
		h, ok := w.open[name]
		if was := run.Hosts[name]; ok && h.title != was && !w.chosen[name] {
			return fmt.Errorf("run %s began when the hub %s was %s, and now that is %s: it would go on with other devices; %s", run.ID, name, was, h.title, remedy(run, name))
		}
	}
	return nil
}

// remedy says what to do about a hub that is no longer where it was.
func remedy(run engine.RunStart, name string) string {
	if name == run.Hub {
		return "if it is the same hub at another address, --hub " + shellWord(name) + " says so"
	}
	return "give it the address that it had"
}

// newRunner makes the runner of runs that are kept in a journal; those that only wait leave memory.
func (w *world) newRunner(j journal.Journal, observe func(runner.Update)) *runner.Runner {
	reach := steps.NewWorld(steps.World{Clock: w.clock, Hubs: w.fleets, HTTP: newHTTPClient(), Secrets: w.secrets, Commands: w.allowed})
	return runner.New(runner.Config{
		Clock: w.clock, Journal: j, Observe: observe, Program: compileStored, Park: true,
		Do: func(ctx context.Context, run engine.RunStart, c engine.Command, waiting func(string)) (any, error) {
			if err := w.astray(run); err != nil {
				return nil, &engine.Error{Kind: engine.KindInvalid, Message: err.Error()}
			}
			value, err := reach.Do(ctx, run, c, waiting)
			w.learn(c.Type, c.Delivery, err)
			return value, err
		},
		Watch: func(run engine.RunStart, c engine.Command, waiting func(string), answer func(any, error)) (stop func(error)) {
			if err := w.astray(run); err != nil {
				answer(nil, &engine.Error{Kind: engine.KindInvalid, Message: err.Error()})
				return func(error) {}
			}
			t, delivery := c.Type, c.Delivery // and not the command, which is large, for as long as the watch lasts
			return reach.Watch(run, c, waiting, func(value any, err error) {
				w.learn(t, delivery, err)
				answer(value, err)
			})
		},
	})
}

// learn remembers of an attempt what decides between the exit codes 1 and 3.
func (w *world) learn(t *engine.StepType, delivery engine.Delivery, err error) {
	var failure *hub.Error
	switch {
	case err == nil || !errors.As(err, &failure):
		if delivery != engine.Read {
			w.touched.Store(true)
		}
	case failure.Sent:
		w.touched.Store(true)
	case t.NoDevice && !t.NeedsHub: // another server said so, not a hub
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
