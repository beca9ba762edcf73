package runner

import (
	"time"

	"github.com/twinbook/twinbook/engine"
)

// work is what a decision leaves to do once it is kept.
type work struct {
	begin []engine.Command // attempts
	again []engine.Command // attempts that began before, and only wait
	stop  []engine.Address // attempts
	never []engine.Address // attempts that were stopped before they began
	notes []engine.Note
	end   *engine.Outcome
}

// sort makes work of a decision. Timers are written down, and set when the loop waits. What is stopped in the same
// decision never begins. started are attempts that the journal knows to have begun.
func (l *loop) sort(d engine.Decision, started map[engine.Address]time.Time) work {
	w := work{notes: d.Notes, end: d.End}
	stopped := stops(d.Commands)
	for _, c := range d.Commands {
		switch c.Kind {
		case engine.CommandTimer:
			l.addTimer(c)
		case engine.CommandStopTimer:
			l.stopTimer(c.At)
		case engine.CommandStop:
			w.stop = append(w.stop, c.At)
		case engine.CommandDo:
			_, known := started[c.At]
			switch {
			case stopped[c.At]:
				w.never = append(w.never, c.At)
			case known && l.watches(c):
				w.again = append(w.again, c)
			default:
				w.begin = append(w.begin, c)
			}
		}
	}
	return w
}

func stops(commands []engine.Command) map[engine.Address]bool {
	var stopped map[engine.Address]bool
	for _, c := range commands {
		if c.Kind == engine.CommandStop {
			if stopped == nil {
				stopped = map[engine.Address]bool{}
			}
			stopped[c.At] = true
		}
	}
	return stopped
}

// batch is what the journal has to keep: what happened, what begins, and the end.
func (l *loop) batch(events []engine.Event, w work) []engine.Event {
	for _, c := range w.begin {
		events = append(events, engine.Event{
			Time: l.now(), Kind: engine.StepStarted, At: c.At, Device: c.Device, Params: maskParams(c.Params),
		})
	}
	if w.end != nil {
		l.ended = l.now()
		events = append(events, engine.Event{Time: l.ended, Kind: engine.RunEnded, End: w.end})
	}
	return events
}

// effects says whether something begins that must not begin unknown to the journal.
func (w work) effects() bool {
	for _, c := range w.begin {
		if c.Delivery != engine.Read {
			return true
		}
	}
	return false
}
