package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/server"
	"github.com/twinbook/twinbook/steps"
)

// A reach is the world of a server: what its runs reach. It grows when a workflow, or a run from the journal, names
// what no other did before; what is in it stays.
type reach struct {
	app   *app
	clock clock.Clock
	usual string // the hub of runs that name none
	now   atomic.Pointer[reached]

	mu     sync.Mutex // guards config; one grows at a time
	config *configuration
}

// A reached is a reach at one time. Nobody changes it.
type reached struct {
	*world
	steps *steps.World
}

func (a *app) newReach(config *configuration, usual string, observe hubObserver) *reach {
	r := &reach{app: a, clock: clock.Real(), usual: usual, config: config}
	r.put(&world{clock: r.clock, observe: observe, open: map[string]openHub{}, fleets: map[string]steps.Fleet{}, secrets: map[string]string{}, allowed: config.commands})
	return r
}

// put makes a world the one of whatever begins from now on; what is under way keeps the one before.
func (r *reach) put(w *world) {
	client := newHTTPClient()
	if now := r.now.Load(); now != nil {
		client = now.steps.HTTP
	}
	r.now.Store(&reached{w, steps.NewWorld(steps.World{Clock: r.clock, Hubs: w.fleets, HTTP: client, Secrets: w.secrets, Commands: w.allowed})})
}

// larger is a world with the same in it, which may be changed. mu is held.
func (r *reach) larger() *world {
	w := r.now.Load().world
	return &world{clock: r.clock, observe: w.observe, open: maps.Clone(w.open), fleets: maps.Clone(w.fleets), secrets: maps.Clone(w.secrets), allowed: w.allowed}
}

// admit makes the reach large enough for runs of a program. The error is why they cannot be: a secret that is not
// there, a hub that cannot be opened. A hub that is down is no reason.
func (r *reach) admit(ctx context.Context, p *engine.Program) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.config.checkUses(p).Err(); err != nil {
		return err
	}
	secrets, err := r.app.readSecrets(r.config, p)
	if err != nil {
		return err
	}
	now, w := r.now.Load(), r.larger()
	maps.Copy(w.secrets, secrets)
	for _, use := range p.Hubs() {
		if err := r.app.openIn(ctx, w, use.Name, *r.config.find(use.Name)); err != nil {
			r.adopt(now, w) // what was opened before it has to be closed some day
			return err
		}
	}
	r.adopt(now, w)
	return nil
}

// adopt puts a world that is different from the one there is. mu is held.
func (r *reach) adopt(now *reached, w *world) {
	if len(w.open) != len(now.open) || !maps.Equal(w.secrets, now.secrets) {
		r.put(w)
	}
}

// with is the reach with hubs in it, which are opened if need be; an empty name stands for none.
func (r *reach) with(ctx context.Context, names ...string) (*reached, error) {
	for _, name := range names {
		if _, ok := r.now.Load().open[name]; ok || name == "" {
			continue
		}
		if err := r.openHub(ctx, name); err != nil {
			return nil, err
		}
	}
	return r.now.Load(), nil
}

func (r *reach) openHub(ctx context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.config.find(name)
	if h == nil {
		return fmt.Errorf("%w: the configuration has no %q (%s)", server.ErrNoHub, name, r.config.hubHint())
	}
	now, w := r.now.Load(), r.larger()
	if err := r.app.openIn(context.WithoutCancel(ctx), w, name, *h); err != nil {
		return err
	}
	r.adopt(now, w)
	return nil
}

// watchAll has who told of all twins of a hub.
func (r *reach) watchAll(name string, who hub.Onlooker) (stop func(), err error) {
	now, err := r.with(context.Background(), name)
	if err != nil {
		return nil, err
	}
	return now.fleets[name].Twins.WatchAll(0, who), nil
}

// knows says whether there is a hub of this name.
func (r *reach) knows(hub string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config.find(hub) != nil
}

func (r *reach) close() { r.now.Load().close() }

// Hub is a hub by its name, opened if need be; of the empty name, the one of runs that name none.
func (r *reach) Hub(ctx context.Context, name string) (hub.Hub, string, error) {
	name = cmp.Or(name, r.usual)
	now, err := r.with(ctx, name)
	if err != nil {
		return nil, "", err
	}
	return now.open[name].Hub, name, nil
}

// Prepare makes the reach large enough for runs of a program on a hub, and says where their hubs are.
func (r *reach) Prepare(ctx context.Context, p *engine.Program, name string) (own string, hosts map[string]string, err error) {
	if _, own, err = r.Hub(ctx, name); err != nil {
		return "", nil, err
	}
	if err = r.admit(ctx, p); err != nil {
		return "", nil, err
	}
	own = p.HomeHub(own)
	return own, r.now.Load().hosts(own, p), nil
}

// Secret is a secret of the configuration.
func (r *reach) Secret(name string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	from := r.config.secret(name)
	if from == nil {
		return "", fmt.Errorf("the secret %s is not in the configuration", name)
	}
	return r.app.readSecret(*from)
}

// Compile makes a program of a workflow file, and holds the hubs it names against the configuration.
func (r *reach) Compile(file string, source []byte, read func(path string) ([]byte, error)) (*engine.Program, error) {
	p, problems := engine.Compile(file, source, engine.Options{Types: steps.All().Types, Read: read})
	if err := problems.Err(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return p, r.config.checkUses(p).Err()
}

// compileAdmitted is Compile for a file of the library: runs of it can begin, and its triggers be followed.
func (r *reach) compileAdmitted(file string, source []byte, read func(path string) ([]byte, error)) (*engine.Program, error) {
	p, err := r.Compile(file, source, read)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	err = r.config.checkSecrets(p).Err()
	r.mu.Unlock()
	if err != nil {
		return nil, err
	}
	for _, use := range p.TriggerSecrets() {
		if _, err := r.Secret(use.Name); err != nil {
			return nil, fmt.Errorf("secret %s: %w", use.Name, err)
		}
	}
	return p, r.admit(context.Background(), p)
}

// Stored makes a program of what the journal keeps of a run. The error is that the run cannot go on.
func (r *reach) Stored(sources []journal.Source) (*engine.Program, error) {
	p, err := compileStored(sources)
	if err != nil {
		return nil, err
	}
	if err := r.admit(context.Background(), p); err != nil {
		return nil, err
	}
	return p, nil
}

// do carries out a step of a run.
func (r *reach) do(ctx context.Context, run engine.RunStart, c engine.Command, waiting func(string)) (any, error) {
	now, err := r.forStep(ctx, run, c)
	if err != nil {
		return nil, err
	}
	return now.steps.Do(ctx, run, c, waiting)
}

// watch begins a step of a run that waits for something outside.
func (r *reach) watch(run engine.RunStart, c engine.Command, waiting func(string), answer func(any, error)) (stop func(error)) {
	now, err := r.forStep(context.Background(), run, c)
	if err != nil {
		answer(nil, err)
		return func(error) {}
	}
	return now.steps.Watch(run, c, waiting, answer)
}

// forStep is the reach for a step of a run.
func (r *reach) forStep(ctx context.Context, run engine.RunStart, c engine.Command) (*reached, error) {
	now, err := r.with(ctx, run.Hub, c.Hub)
	if err == nil {
		err = now.astray(run)
	}
	if err != nil {
		return nil, &engine.Error{Kind: engine.KindInvalid, Message: err.Error()}
	}
	return now, nil
}

// reload takes another configuration, and what secrets are by now. What begins from now on has them; a secret that the
// configuration has no more stays for the runs that use it. The error is that a secret cannot be read; then nothing
// has changed. fixed says what changes at the next start only: hubs that are open.
func (r *reach) reload(config *configuration) (fixed []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.larger()
	var wrong []error
	for _, s := range config.secrets {
		if _, used := w.secrets[s.Name]; !used {
			continue
		}
		text, err := r.app.readSecret(s.Value)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("secret %s: %w", s.Name, err))
		}
		w.secrets[s.Name] = text
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	for _, name := range slices.Sorted(maps.Keys(w.open)) {
		was, is := r.config.find(name), config.find(name)
		if is == nil || was != nil && *is != *was {
			fixed = append(fixed, "hub "+name)
		}
	}
	r.config, w.allowed = config, config.commands
	r.put(w)
	return fixed, nil
}
