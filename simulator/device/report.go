package device

import (
	"context"

	"github.com/twinbook/twinbook/engine"
)

var report = engine.Define(engine.Spec{
	Name:    "report",
	Summary: "change the reported properties of the twin",
	Doc: "A merge patch: what it does not name stays, a literal null deletes. Goes on when the hub has accepted it. " +
		"While the device is not connected it waits, for ever unless the step has a `timeout`.",
	Example: `
- report: { rebootTime: "${{ now() }}", error: null }
- report: ${{ desired }}`,
	Delivery: engine.Repeatable,
}, runReport)

type reportParams struct {
	Patch map[string]any `yaml:",whole" doc:"Properties and their values."`
}

func runReport(ctx context.Context, env Env, p reportParams) (struct{}, error) {
	return struct{}{}, env.device.report(ctx, p.Patch)
}
