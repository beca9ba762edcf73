package device

import (
	"context"

	"github.com/twinbook/twinbook/engine"
)

var respond = engine.Define(engine.Spec{
	Name:    "respond",
	Summary: "answer the method call",
	Doc: "Does not end the steps: a device may answer first and work then. A second `respond` fails, and so does one that comes when the connection " +
		"over which the call came has ended. Where steps end without it, the device answers 200 and null, or 500 and the error where they failed.",
	Example: `
- respond: { status: 200, payload: { ok: true } }`,
	Delivery: engine.Once,
}, runRespond)

type respondParams struct {
	Status  int `yaml:"status" default:"200" min:"-2147483648" max:"2147483647" doc:"The device's own status; 200 to 299 is success by convention."`
	Payload any `yaml:"payload" doc:"Sent as JSON; null unless given."`
}

func runRespond(_ context.Context, env Env, p respondParams) (struct{}, error) {
	return struct{}{}, env.device.answer(env.call, p.Status, p.Payload)
}
