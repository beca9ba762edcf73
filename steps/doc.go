// Package steps holds the step types that talk to the world, one file each.
//
// To add one: write a file with a Spec, a struct of parameters, a struct of outputs and a function,
// in that order, and put its name into the list in all.go. Check, schema, reference page and
// completion follow from it:
//
//	var ping = engine.Define(engine.Spec{
//		Name:     "ping",
//		Summary:  "see whether a device answers",
//		Example:  "\n- ping: {}",
//		Delivery: engine.Read, // it changes nothing, so it may be done again after a crash
//		Timeout:  30 * time.Second,
//	}, runPing)
//
//	type pingParams struct{}
//
//	type pingResult struct {
//		Online bool `json:"online" doc:"Whether the device is connected."`
//	}
//
//	func runPing(ctx context.Context, env Env, p pingParams) (pingResult, error) { … }
//
// A step that only waits for what others tell it is made with engine.DefineWatch instead, so that a run which
// waits for nothing else costs no goroutine and can leave memory:
//
//	func startPing(env Env, p pingParams, answer func(pingResult, error)) (stop func(cause error)) { … }
//
// It returns at once and calls answer later, once. What it keeps until then is small, since there may be a
// hundred thousand of it: not the Env, but what it needs of it. See waitForTwin.
//
// A step returns what it knows and never tries again: retries, expectations and timeouts are the
// planner's. Beside an error it has no outputs. Its errors say whether the effect may have happened (see hub.Error).
package steps
