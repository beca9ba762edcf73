package main

import (
	"slices"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

// A reporter shows a run: what happens, and how it ended. All but interrupting are called one at a
// time and in order.
type reporter interface {
	begin(header)
	update(runner.Update)
	interrupting(why string) // a signal has come, and the run is about to end
	end(summary)
}

// A header is what is known of a run before its first step.
type header struct {
	program *engine.Program
	hubs    []openHub // the run's own first
}

// A summary is how a run ended.
type summary struct {
	header
	start   engine.RunStart
	outcome engine.Outcome
	began   time.Time
	ended   time.Time
	signal  string // why it was cancelled, where a signal did
}

// A tracker knows which steps are under way and what they wait for.
type tracker struct {
	active map[engine.Address]*underWay
	order  []*underWay // as they began; ended ones are taken out when half of it has ended
	labels map[engine.Address]string
}

// underWay is a step that has begun and not ended.
type underWay struct {
	at     engine.Address
	step   *engine.Step
	title  string
	device string
	since  time.Time
	why    string // what it waits for; empty: nothing worth telling
	ended  bool
	headed bool // a line above its inner steps names it
}

func newTracker() *tracker {
	return &tracker{active: map[engine.Address]*underWay{}, labels: map[engine.Address]string{}}
}

// take brings the tracker up to date.
func (t *tracker) take(u runner.Update) {
	switch {
	case u.Note != nil:
		t.note(u.Note)
	case u.Progress != nil:
		if s := t.active[u.Progress.At.Step()]; s != nil {
			s.why = clean(u.Progress.Text)
		}
	}
}

func (t *tracker) note(n *engine.Note) {
	s := t.active[n.At]
	switch n.Kind {
	case engine.NoteStepStarted:
		s = &underWay{at: n.At, step: n.Step, title: clean(n.Title), device: clean(n.Device), since: n.Time}
		if n.Step.Do != nil && n.Step.Do.Type.TalksToWorld() {
			s.why = waitsFor(n.Step, n.Device)
		}
		t.active[n.At] = s
		t.order = append(t.order, s)
	case engine.NoteStepWaits:
		if s != nil {
			s.why = "until " + n.Due.Local().Format("15:04:05")
		}
	case engine.NoteStepRetry:
		if s != nil {
			s.why = "again at " + n.Due.Local().Format("15:04:05") + ", after: " + clean(n.Error.Message)
		}
	case engine.NoteItemStarted:
		t.labels[n.At] = itemLabel(n.Value, n.At)
	case engine.NoteItemEnded:
		delete(t.labels, n.At)
	case engine.NoteStepEnded:
		if s != nil {
			s.ended = true
			delete(t.active, n.At)
			t.compact()
		}
	}
}

func (t *tracker) compact() {
	if len(t.order) < 2*len(t.active)+16 {
		return
	}
	kept := t.order[:0]
	for _, s := range t.order {
		if !s.ended {
			kept = append(kept, s)
		}
	}
	clear(t.order[len(kept):])
	t.order = kept
}

// waiting are the steps that wait for the world, the oldest first: how many, and the first.
func (t *tracker) waiting() (n int, oldest *underWay) {
	for _, s := range t.order {
		if s.ended || s.why == "" {
			continue
		}
		if n++; oldest == nil {
			oldest = s
		}
	}
	return n, oldest
}

// around are the blocks and loops that stand around an address, the outermost first.
func (t *tracker) around(at engine.Address) []*underWay {
	var outer []*underWay
	for i, r := range at {
		if r == '/' || r == '[' || r == '#' {
			if s := t.active[at[:i]]; s != nil && (len(outer) == 0 || outer[len(outer)-1] != s) {
				outer = append(outer, s)
			}
		}
	}
	return outer
}

// shownAround are those of them that have lines of their own.
func (t *tracker) shownAround(at engine.Address) []*underWay {
	outer := t.around(at)
	return slices.DeleteFunc(outer, func(s *underWay) bool { return !s.shown() })
}
