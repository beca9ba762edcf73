package device

import (
	"context"

	"github.com/twinbook/twinbook/engine"
)

var reconnect = engine.Define(engine.Spec{
	Name:    "reconnect",
	Summary: "connect to the hub again",
	Doc:     "Goes on when the device is connected, has read its twin and takes method calls.",
	Example: `
- reconnect: {}`,
	Delivery: engine.Repeatable,
}, runReconnect)

type reconnectParams struct{}

func runReconnect(ctx context.Context, env Env, _ reconnectParams) (struct{}, error) {
	return struct{}{}, env.device.switchOn(ctx)
}
