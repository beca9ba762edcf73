package traces

import (
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// A fact is what a span is made of. It holds on to nothing large: what a step gave or a message says may be a
// megabyte.
type fact struct {
	trace    trace.TraceID
	run      string
	workflow string
	what     what
	at       engine.Address // of what it is about; empty: of the run
	in       engine.Address // of what it is a part of
	from, to time.Time

	action, step, device, hub string
	outcome                   engine.Status
	attempt                   int  // of a step: how many it had
	world                     bool // the step talks to a device or a server
	tolerated                 int  // of a step: it was
	kind                      engine.ErrorKind
	where                     string // it failed

	file, retryOf, parent, caller string // of a run
}

// what a fact is about.
type what int

const (
	aStep what = iota
	anAttempt
	aWait // of a run for its turn
	aRun
)

// waiting is where the wait of a run for its turn stands: no step has such an address.
const waiting = engine.Address("!queued")

// learn takes from an update what a span of it needs, and says whether there is to be one. What was kept of another run
// is in that one's trace.
func (f *fact) learn(u runner.Update) bool {
	n := u.Note
	switch {
	case n == nil:
		f.learnRun(u)
	case n.Kind == engine.NoteAdmitted:
		f.what, f.at, f.from, f.to = aWait, waiting, u.Asked, u.Time
	case n.Kind == engine.NoteStepRetry:
		f.learnStep(u)
		f.outcome = engine.Failed
		f.inAttempt(n)
	case n.Kind == engine.NoteStepEnded && n.Status != engine.Skipped && !n.Kept:
		f.learnStep(u)
	default:
		return false
	}
	return true
}

func (f *fact) learnRun(u runner.Update) {
	info := u.Info
	f.what, f.from, f.to, f.outcome, f.tolerated = aRun, u.Asked, u.Time, u.End.Status, u.End.Tolerated
	f.file, f.hub, f.retryOf, f.parent = info.File, info.Hub, info.RetryOf, info.Parent
	if trigger, ok := info.Trigger.(map[string]any); ok {
		f.caller, _ = trigger[header].(string)
	}
	f.failed(u.End.Error)
}

func (f *fact) learnStep(u runner.Update) {
	n := u.Note
	f.at, f.in, f.from, f.to, f.outcome, f.attempt = n.At, n.In, n.Started, n.Time, n.Status, n.Attempt
	f.action, f.step = n.Step.Action, n.Step.ID
	if n.Tolerated {
		f.tolerated = 1
	}
	if do := n.Step.Do; do != nil && do.Type != nil && do.Type.TalksToWorld() {
		f.world = true
		if !do.Type.NoDevice {
			f.device = n.Device
		}
		if !do.Type.NoDevice || do.Type.NeedsHub {
			f.hub = n.Hub
			if f.hub == "" {
				f.hub = u.Info.Hub
			}
		}
	}
	f.failed(n.Error)
}

// inAttempt makes a fact about a step one about its latest attempt.
func (f *fact) inAttempt(n *engine.Note) {
	f.what, f.in, f.at, f.from = anAttempt, f.at, f.at+"#"+engine.Address(strconv.Itoa(n.Attempt)), n.Tried
}

// failed learns why it failed; what somebody cancelled has not. The message may quote what a device answered, and stays
// here.
func (f *fact) failed(e *engine.Error) {
	if e != nil && e.Kind != engine.KindCancelled {
		f.kind, f.where = e.Kind, e.Where
	}
}
