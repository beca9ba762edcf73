package steps

import (
	"context"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/hub"
)

var invokeMethod = engine.Define(engine.Spec{
	Name:    "invokeMethod",
	Summary: "call a direct method on a device and wait for its answer",
	Doc: "`timeout` is how long the device may take once it has the call (Azure IoT Hub: 5s to 300s). " +
		"A call that may have reached the device is never repeated unless `retry.on` names its kind of failure.",
	Example: `
- id: reboot
  invokeMethod: { method: reboot, payload: { delay: 5 } }
  timeout: 60s
- assert: steps.reboot.status == 200`,
	Delivery:   engine.Once, // after a crash nobody knows whether the device heard us
	Timeout:    30 * time.Second,
	Expect:     "response.status >= 200 and response.status <= 299",
	ExpectText: "status 200 to 299",
}, runInvokeMethod)

type invokeMethodParams struct {
	Method        string        `yaml:"method" required:"true" doc:"Name of the direct method."`
	Payload       any           `yaml:"payload" doc:"Sent as JSON; null if absent."`
	Module        string        `yaml:"module" doc:"The device's module to call instead of the device."`
	DeliverWithin time.Duration `yaml:"deliverWithin" max:"300" doc:"How long the hub waits for a device that is offline; 0 by default: it must be online now."`
}

type invokeMethodResult struct {
	Status  int `json:"status" doc:"The status the device answered with."`
	Payload any `json:"payload" doc:"What the device answered."`
}

// answerMargin is the time a hub has to give its own verdict after the device's time is up.
const answerMargin = 10 * time.Second

// shortestAnswer is the least time that Azure IoT Hub lets a device have (5 s to 300 s).
const shortestAnswer = 5 * time.Second

// AttemptLimit lets the hub's verdict arrive before the attempt is cut.
func (p *invokeMethodParams) AttemptLimit(timeout time.Duration) time.Duration {
	if timeout < shortestAnswer {
		return p.DeliverWithin + timeout // the hub waits longer than that
	}
	return p.DeliverWithin + timeout + answerMargin
}

func runInvokeMethod(ctx context.Context, env Env, p invokeMethodParams) (invokeMethodResult, error) {
	reply, err := env.Hub.Invoke(ctx, hub.Call{
		Target: env.target(p.Module), Method: p.Method, Payload: p.Payload, Response: env.Timeout, Connect: p.DeliverWithin,
	})
	return invokeMethodResult{Status: reply.Status, Payload: reply.Payload}, err
}
