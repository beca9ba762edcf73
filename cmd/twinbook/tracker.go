package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/runner"
)

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
	why    string    // what it waits for; empty: nothing worth telling
	due    time.Time // of one that waits for a time: until when
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
			s.due, s.why = time.Time{}, clean(u.Progress.Text)
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
			s.due, s.why = n.Due, "until "+clockTime(n.Due, n.Time, time.TimeOnly)
		}
	case engine.NoteAsks:
		if s != nil {
			s.due, s.why = n.Due, untold(n.Ask)
		}
	case engine.NoteStepRetry:
		if s != nil {
			s.due, s.why = n.Due, "again at "+clockTime(n.Due, n.Time, time.TimeOnly)+", after: "+clean(n.Error.Message)
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

// unsure are the steps under way that must not be done twice.
func (t *tracker) unsure() (all []*underWay) {
	for _, s := range t.order {
		if !s.ended && s.step.Do != nil && s.step.Do.Type.Delivery == engine.Once {
			all = append(all, s)
		}
	}
	return all
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

// label says which part of the steps around it an address belongs to: the item of a loop, the pass of a
// repeat, the branch, or catch, else and finally. The innermost one counts, through blocks that are not shown.
func (t *tracker) label(at engine.Address) string {
	inner := string(at)
	for {
		cut := strings.LastIndexByte(inner, '/')
		if cut < 0 {
			return ""
		}
		inner = inner[:cut]
		switch s, last := t.active[engine.Address(inner).Step()], inner[strings.LastIndexByte(inner, '/')+1:]; {
		case strings.HasSuffix(inner, "]"):
			if label, ok := t.labels[engine.Address(inner)]; ok {
				return label
			}
			return passNumber(last[strings.LastIndexByte(last, '[')+1:])
		case s == nil && last != "steps":
			return last
		case s != nil && s.shown():
			return ""
		}
	}
}

// shown says whether a block has lines of its own: one without a name only groups its steps.
func (s *underWay) shown() bool { return !groups(s.step) }

func groups(s *engine.Step) bool { return s.Action == "steps" && s.Name == nil && s.ID == "" }

// passNumber counts from 1, as people do.
func passNumber(index string) string {
	n := 0
	fmt.Sscanf(index, "%d", &n)
	return fmt.Sprint(n + 1)
}
