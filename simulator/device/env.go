package device

import (
	"github.com/twinbook/twinbook/engine"
)

// An Env is what a device's actions act on: the device itself, and the call it serves, if any.
type Env struct {
	device *device
	call   *call // nil: it is not for a method
}

// Actions are what the steps of a simulated device may do: its own actions, and those of the language that need
// no world.
func Actions() engine.Catalog[Env] {
	return engine.NewCatalog(
		respond, report, telemetry, disconnect, reconnect,
		engine.Pure[Env](engine.Sleep), engine.Pure[Env](engine.Set), engine.Pure[Env](engine.Log),
		engine.Pure[Env](engine.Fail), engine.Pure[Env](engine.Stop),
	)
}

// flow are the actions of the language that hold steps and may stand in a device's steps.
var flow = []string{"steps", "repeat"}
