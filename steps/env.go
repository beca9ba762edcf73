package steps

import (
	"cmp"
	"context"
	"fmt"
	nethttp "net/http"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

// Env is what one attempt of a step may use.
type Env struct {
	Clock   clock.Clock
	Hub     hub.Hub
	HubName string // in the configuration
	Twins   *hub.Watcher
	Device  string        // empty: none in scope
	Timeout time.Duration // of the attempt
	HTTP    *nethttp.Client
	// Commands are what exec may run, by their names.
	Commands map[string]AllowedCommand
	margin   int    // see marginFor
	Key      string // names this step of this run, the same in each attempt, for servers that take an idempotency key
	audience
}

// An audience is people who are told what a waiting step sees.
type audience struct {
	Mask *engine.Masker // of the world's secrets: expressions see no secret that a device or server echoes
	told func(what string)
}

// Waiting tells what a waiting step sees.
func (a audience) Waiting(what string) { a.told(a.Mask.Text(what)) }

func (e Env) target(module string) hub.Target { return hub.Target{Device: e.Device, Module: module} }

// A World is what the steps of a process reach, whatever runs they belong to.
type World struct {
	Clock   clock.Clock
	Hubs    map[string]Fleet
	HTTP    *nethttp.Client
	Secrets map[string]string

	Commands map[string]AllowedCommand // what exec may run, by their names

	catalog engine.Catalog[Env]
	mask    *engine.Masker
	margin  int
}

// A Fleet is a hub with the watcher that everybody who waits for its twins shares.
type Fleet struct {
	Hub   hub.Hub
	Twins *hub.Watcher
}

// NewFleet makes the fleet of a hub.
func NewFleet(c clock.Clock, h hub.Hub) Fleet {
	return Fleet{Hub: h, Twins: hub.NewWatcher(c, h, hub.WatchOptions{})}
}

// NewWorld is a World with every step type.
func NewWorld(w World) *World {
	w.catalog = All()
	w.mask = engine.NewMasker(w.Secrets)
	w.margin = marginFor(w.Secrets)
	return &w
}

// Do carries out a command of a run; it returns the step's outputs as JSON. waiting is told what a waiting
// step sees. Neither outputs nor error nor what a waiting step sees hold a secret.
func (w *World) Do(ctx context.Context, run engine.RunStart, c engine.Command, waiting func(what string)) (any, error) {
	if c.Type.Parks() {
		return w.await(ctx, run, c, waiting)
	}
	env, err := w.env(run, c, waiting)
	if err != nil {
		return nil, err
	}
	value, err := w.catalog.Do(ctx, env, c, w.secret)
	return w.mask.Value(value), w.mask.Error(err)
}

// Watch begins a command of a run whose type Parks, and returns at once. answer gets, once, what Do would
// return: from any goroutine, even before Watch has returned, or before stop has, which ends the wait early.
// What is kept meanwhile holds neither the command nor the run. waiting and answer must not wait.
func (w *World) Watch(run engine.RunStart, c engine.Command, waiting func(what string), answer func(value any, err error)) (stop func(cause error)) {
	env, err := w.env(run, c, waiting)
	if err != nil {
		answer(nil, err)
		return func(error) {}
	}
	mask := w.mask
	return w.catalog.Watch(env, c, w.secret, func(value any, err error) { answer(mask.Value(value), mask.Error(err)) })
}

// await is Do for a command that is watched.
func (w *World) await(ctx context.Context, run engine.RunStart, c engine.Command, waiting func(what string)) (any, error) {
	type answer struct {
		value any
		err   error
	}
	answered := clock.NewPromise[answer](w.Clock)
	stop := w.Watch(run, c, waiting, func(value any, err error) { answered.Resolve(answer{value, err}) })
	a, err := answered.Await(ctx)
	if err != nil {
		stop(err)
		a, _ = answered.Await(context.Background()) // it is there, or about to be
	}
	return a.value, a.err
}

// env is what a command may use. It is on the hub that the command names, else on the run's.
func (w *World) env(run engine.RunStart, c engine.Command, waiting func(what string)) (Env, error) {
	name := cmp.Or(c.Hub, run.Hub)
	fleet, ok := w.Hubs[name]
	if !ok && !c.Type.NoDevice {
		return Env{}, &engine.Error{Kind: engine.KindInvalid, Message: fmt.Sprintf("there is no hub %q; name one of the configuration's", name)}
	}
	return Env{
		Clock: w.Clock, Hub: fleet.Hub, HubName: name, Twins: fleet.Twins, Device: c.Device, Timeout: c.Timeout,
		HTTP: w.HTTP, Commands: w.Commands, margin: w.margin, Key: run.ID + "/" + string(c.At.Step()), audience: audience{w.mask, waiting},
	}, nil
}

func (w *World) secret(name string) string { return w.Secrets[name] }
