package steps

import (
	"context"
	"time"

	"github.com/twinbook/twinbook/engine"
)

var getTwin = engine.Define(engine.Spec{
	Name:    "getTwin",
	Summary: "read a device's twin",
	Example: `
- id: before
  getTwin: {}
- assert: steps.before.twin.connectionState == "Connected"`,
	Delivery: engine.Read,
	Timeout:  30 * time.Second,

	ReadsDevice: true,
}, runGetTwin)

type getTwinParams struct {
	Module string `yaml:"module" doc:"The device's module whose twin to read."`
}

type twinResult struct {
	Twin map[string]any `json:"twin" type:"twin" doc:"The twin: deviceId, connectionState, status, tags, desired, reported, desiredVersion, reportedVersion, etag."`
}

func runGetTwin(ctx context.Context, env Env, p getTwinParams) (twinResult, error) {
	twin, err := env.Hub.Twin(ctx, env.target(p.Module))
	if err != nil {
		return twinResult{}, err
	}
	return twinResult{Twin: TwinJSON(twin)}, nil
}
