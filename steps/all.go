package steps

import "github.com/twinbook/twinbook/engine"

// All is every step type a workflow may use, in the order the documentation shows them.
func All() engine.Catalog[Env] {
	return engine.NewCatalog(
		invokeMethod,
		getTwin,
		updateTwin,
		waitForTwin,
		waitForTelemetry,
		sendMessage,
		queryDevices,
		engine.Pure[Env](engine.Sleep),
		engine.Pure[Env](engine.WaitForSignal),
		engine.Pure[Env](engine.Approve),
		engine.Pure[Env](engine.Assert),
		engine.Pure[Env](engine.Set),
		engine.Pure[Env](engine.Log),
		engine.Pure[Env](engine.Fail),
		engine.Pure[Env](engine.Stop),
		http,
		exec,
	)
}
