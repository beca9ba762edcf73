package device

import (
	"context"

	"github.com/twinbook/twinbook/engine"
)

var disconnect = engine.Define(engine.Spec{
	Name:    "disconnect",
	Summary: "end the connection to the hub",
	Doc: "As when the device is switched off: nothing reaches it until `reconnect`, and calls that it has not answered fail. " +
		"Steps that end before they reconnect leave it off.",
	Example: `
- disconnect: {}
- sleep: 2s
- reconnect: {}`,
	Delivery: engine.Repeatable,
}, runDisconnect)

type disconnectParams struct{}

func runDisconnect(ctx context.Context, env Env, _ disconnectParams) (struct{}, error) {
	return struct{}{}, env.device.switchOff(ctx)
}
