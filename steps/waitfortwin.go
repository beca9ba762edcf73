package steps

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/clock"
)

var waitForTwin = engine.DefineWatch(engine.Spec{
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
}, startWaitForTwin)

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

func startWaitForTwin(env Env, p waitForTwinParams, answer func(waitForTwinResult, error)) (stop func(cause error)) {
	w := &twinWait{clock: env.Clock, began: env.Clock.Now(), until: p.Until, audience: env.audience, answer: answer}
	again := time.Duration(0)
	if p.Until.UsesNow() {
		again = lookAgain
	}
	return env.Twins.Wait(env.target(p.Module), again, w)
}

// A twinWait is what stays in memory of a run that waits for nothing but a twin. There may be very many.
type twinWait struct {
	audience
	clock  clock.Clock
	began  time.Time
	until  *expr.Bound
	answer func(waitForTwinResult, error)

	mu   sync.Mutex // guards seen
	seen string     // what the twin said when it was looked at last
}

// Look asks whether the twin meets the condition, and says what it sees if it does not. It is called by
// whoever changes the twin: a bug here must not end them.
func (w *twinWait) Look(t hub.Twin) (met bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &engine.Error{Kind: engine.KindInternal, Message: fmt.Sprintf("panicked: %v; this is a bug in twinbook, not in your workflow: please report it", v)}
		}
	}()
	now, names := w.clock.Now(), map[string]any{"twin": w.Mask.Value(TwinJSON(t))}
	met, err = isMet(w.until, "until", now, names)
	if err != nil || met {
		return met, err
	}
	what := describe(w.until, now, names, "twin", "is still")
	w.mu.Lock()
	w.seen = what
	w.mu.Unlock()
	w.Waiting(what)
	return false, nil
}

func (w *twinWait) End(t hub.Twin, err error) {
	if err == nil {
		w.answer(waitForTwinResult{Twin: TwinJSON(t), Waited: w.clock.Now().Sub(w.began)}, nil)
		return
	}
	w.mu.Lock()
	seen := w.seen
	w.mu.Unlock()
	w.answer(waitForTwinResult{}, stillWaiting(err, seen))
}

// stillWaiting adds what was seen last to the error of a wait that ended without its condition. A
// wait that was stopped has nothing else to say.
func stillWaiting(err error, seen string) error {
	var failure *hub.Error
	if seen == "" || !errors.As(err, &failure) || hub.Ends(err) {
		return err
	}
	if failure.Kind == hub.Interrupted {
		return stopped{seen, failure.Err}
	}
	more := *failure
	more.Err = fmt.Errorf("%w; %s", failure.Err, seen)
	return &more
}

// stopped is what a wait had seen when it was stopped, and still found to be the cause of that.
type stopped struct {
	seen  string
	cause error
}

func (s stopped) Error() string { return s.seen }
func (s stopped) Unwrap() error { return s.cause }
