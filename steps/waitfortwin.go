package steps

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/hub"
)

var waitForTwin = engine.Define(engine.Spec{
	Name:    "waitForTwin",
	Summary: "wait until a device's twin says something",
	Doc: "The condition is asked with the twin as it is now and after each change. A member that is missing " +
		"means: keep waiting. It needs a `timeout` of its own, of a step around it or of the workflow.",
	Example: `
- id: before
  getTwin: {}
- id: after
  waitForTwin:
    until: twin.reported.rebootTime != steps.before.twin.reported.rebootTime
  timeout: 5m`,
	Delivery:  engine.Read,
	MustBound: true,
}, runWaitForTwin)

type waitForTwinParams struct {
	Module string      `yaml:"module" doc:"The device's module whose twin to watch."`
	Until  *expr.Bound `yaml:"until" required:"true" sees:"twin" doc:"What the twin must say."`
}

type waitForTwinResult struct {
	Twin   map[string]any `json:"twin" type:"twin" doc:"The twin that met the condition."`
	Waited time.Duration  `json:"waited" doc:"How long it took, such as 12.5s."`
}

// lookAgain is how often a condition that depends on the time is asked although nothing changed.
const lookAgain = time.Second

func runWaitForTwin(ctx context.Context, env Env, p waitForTwinParams) (waitForTwinResult, error) {
	began := env.Clock.Now()
	again := time.Duration(0)
	if p.Until.UsesNow() {
		again = lookAgain
	}
	seen := ""
	twin, err := env.Twins.Await(ctx, env.target(p.Module), again, func(t hub.Twin) (bool, error) {
		now, names := env.Clock.Now(), map[string]any{"twin": env.Mask.Value(twinJSON(t))}
		done, err := isMet(p.Until, "until", now, names)
		if err == nil && !done {
			seen = describe(p.Until.Explain(now, names), p.Until.Why(now, names), "twin", "is still")
			env.Waiting(seen)
		}
		return done, err
	})
	if err != nil {
		return waitForTwinResult{}, stillWaiting(err, seen)
	}
	return waitForTwinResult{Twin: twinJSON(twin), Waited: env.Clock.Now().Sub(began)}, nil
}

// stillWaiting adds what was seen last to the error of a wait that ended without its condition. A
// wait that was stopped has nothing else to say.
func stillWaiting(err error, seen string) error {
	var failure *hub.Error
	if seen == "" || !errors.As(err, &failure) || hub.Ends(err) {
		return err
	}
	if failure.Kind == hub.Interrupted {
		return errors.New(seen)
	}
	more := *failure
	more.Err = fmt.Errorf("%w; %s", failure.Err, seen)
	return &more
}
