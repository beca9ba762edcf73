package steps

import (
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
	Key     string            // names this step of this run, the same in each attempt, for servers that take an idempotency key
	Waiting func(what string) // tells people what a waiting step sees
	Mask    *engine.Masker    // of the run's secrets: expressions see no secret that a device or server echoes
}

func (e Env) target(module string) hub.Target { return hub.Target{Device: e.Device, Module: module} }

// A World is what the steps of a process reach.
type World struct {
	Clock   clock.Clock
	Hubs    map[string]Fleet
	Hub     string // the run's hub, for commands that name none
	Run     string // the run's id
	HTTP    *nethttp.Client
	Secrets map[string]string

	catalog engine.Catalog[Env]
	mask    *engine.Masker
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

// Do carries out a command; it returns the step's outputs as JSON. waiting is told what a waiting
// step sees. Neither outputs nor error nor what a waiting step sees hold a secret.
func (w *World) Do(ctx context.Context, c engine.Command, waiting func(what string)) (any, error) {
	name := c.Hub
	if name == "" {
		name = w.Hub
	}
	fleet, ok := w.Hubs[name]
	if !ok && !c.Type.NoDevice {
		return nil, &engine.Error{Kind: engine.KindInvalid, Message: fmt.Sprintf("there is no hub %q; name one of the configuration's", name)}
	}
	env := Env{
		Clock: w.Clock, Hub: fleet.Hub, HubName: name, Twins: fleet.Twins, Device: c.Device, Timeout: c.Timeout,
		HTTP: w.HTTP, Key: w.Run + "/" + string(c.At.Step()), Mask: w.mask,
		Waiting: func(what string) { waiting(w.mask.Text(what)) },
	}
	value, err := w.catalog.Do(ctx, env, c, func(name string) string { return w.Secrets[name] })
	return w.mask.Value(value), w.mask.Error(err)
}

// NewWorld is a World with every step type.
func NewWorld(w World) *World {
	w.catalog = All()
	w.mask = engine.NewMasker(w.Secrets)
	return &w
}
