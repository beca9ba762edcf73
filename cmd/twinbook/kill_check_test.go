package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/engine"
)

// compare holds what a process has told on its way against the events that it left behind. What it read, only computed,
// or concluded from another's death, may be lost and is found again; what it has done may not.
func (l *life) compare(p exited) {
	l.t.Helper()
	for line := range bytes.Lines(p.out) {
		var told eventJSON
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue // it died while it wrote
		}
		if err := json.Unmarshal(line, &told); err != nil {
			l.errorf("a line of output: %v: %s", err, line)
			return
		}
		if !isKept(told, l.now) {
			l.errorf("it told what is not in the journal:\n%s%s", line, journalText(l.now))
		}
	}
}

func isKept(told eventJSON, events []engine.Event) bool {
	last := engine.Event{}
	if len(events) > 0 {
		last = events[len(events)-1]
	}
	switch {
	case told.Type == "runStarted":
		return len(events) > 0 && events[0].Start.ID == told.Run
	case told.Type == "runEnded":
		return last.End != nil && last.End.Status == told.End.Status
	case told.Type == "stepStarted" && changes(told.Action):
		return slices.ContainsFunc(events, func(e engine.Event) bool { return e.Kind == engine.StepStarted && e.At.Step() == told.At.Step() })
	case told.Type == "stepEnded" && changes(told.Step.Action) && told.Step.Status != engine.Skipped && !isInterrupted(told.Step.Error):
		return slices.ContainsFunc(events, func(e engine.Event) bool {
			return e.Kind == engine.StepDone && e.At.Step() == told.Step.At.Step() && (e.Error == nil || told.Step.Status != engine.Succeeded)
		})
	}
	return true
}

func isInterrupted(e *engine.Error) bool { return e != nil && e.Kind == engine.KindInterrupted }

// changes says whether an action of the scenes changes something in the world.
func changes(action string) bool { return action == "invokeMethod" || action == "updateTwin" }

// check holds the events of a run that has ended, and what its devices counted, against what must be whatever was
// killed. want is how the run ends if nothing is; empty: that cannot be said.
func (l *life) check(want string) {
	l.t.Helper()
	before := l.t.Failed()
	l.checkList()
	l.checkPast()
	unsure := l.checkInterrupted()
	l.checkCalls()
	if l.over() && want != "" {
		l.checkEnd(l.now[len(l.now)-1].End, unsure, want)
	}
	if l.t.Failed() && !before {
		l.t.Logf("%s: the journal is now\n%s", l.name, journalText(l.now))
	}
}

// checkList: events are numbered without a gap, each attempt ends once, and so does the run.
func (l *life) checkList() {
	l.t.Helper()
	answers := map[engine.Address]int{}
	for i, e := range l.now {
		if e.Seq != int64(i+1) {
			l.errorf("event %d has the number %d", i+1, e.Seq)
		}
		if (e.Kind == engine.RunStarted) != (i == 0) || (e.Kind == engine.RunEnded) != (i == len(l.now)-1) {
			l.errorf("event %d of %d is %s", i+1, len(l.now), e.Kind)
		}
		if e.Kind == engine.StepDone {
			if answers[e.At]++; answers[e.At] > 1 {
				l.errorf("%s has ended twice", e.At)
			}
		}
	}
}

// checkPast: what a process has left is still there.
func (l *life) checkPast() {
	l.t.Helper()
	for _, past := range l.past {
		if len(past) > len(l.now) || journalText(past) != journalText(l.now[:len(past)]) {
			l.errorf("after a death the journal was\n%s", journalText(past))
		}
	}
}

// checkInterrupted: steps of delivery once are interrupted exactly where a death found their intent without an answer.
func (l *life) checkInterrupted() (unsure []engine.Address) {
	l.t.Helper()
	wanted := map[engine.Address]bool{}
	for _, past := range l.past {
		open := map[engine.Address]bool{}
		for _, e := range past {
			switch {
			case isCall(e):
				open[e.At] = true
			case e.Kind == engine.StepDone:
				delete(open, e.At)
			}
		}
		maps.Copy(wanted, open)
	}
	for _, e := range l.now {
		if e.Kind != engine.StepDone || !isInterrupted(e.Error) {
			continue
		}
		if !wanted[e.At] && !l.unseen {
			l.errorf("%s was interrupted, and had not begun, or had an answer", e.At)
		}
		if !e.Error.MaybeDone || wanted[e.At] && !strings.Contains(e.Error.Message, "unknown") {
			l.errorf("%s was interrupted, and it is not said that the device may have acted: %+v", e.At, e.Error)
		}
		delete(wanted, e.At)
		unsure = append(unsure, e.At)
	}
	if len(wanted) > 0 {
		l.errorf("under way at a death, and not interrupted: %v", slices.Sorted(maps.Keys(wanted)))
	}
	return unsure
}

// isCall says whether an event is the intent of a step of delivery once.
func isCall(e engine.Event) bool { return e.Kind == engine.StepStarted && e.Params["method"] != nil }

// checkCalls: no device was called less often than there are answers of it, nor more often than there are intents that
// may have had an effect.
func (l *life) checkCalls() {
	l.t.Helper()
	type call struct{ device, method string }
	most, least := map[call]int{}, map[call]int{}
	at := map[engine.Address]call{}
	for _, e := range l.now {
		switch {
		case isCall(e):
			c := call{e.Device, fmt.Sprint(e.Params["method"])}
			if _, twice := at[e.At]; twice {
				l.errorf("%s has begun twice", e.At)
			}
			at[e.At] = c
			most[c]++
		case e.Kind == engine.StepDone && at[e.At] != call{} && e.Error == nil:
			least[at[e.At]]++
		case e.Kind == engine.StepDone && at[e.At] != call{} && !e.Error.MaybeDone:
			most[at[e.At]]--
		}
	}
	for _, device := range l.devices {
		for _, method := range l.hub.profile.Methods() {
			c := call{device, method}
			if got := l.playing.Calls(device, method); got < least[c] || got > most[c] {
				l.errorf("%s was called %d times with %s; by the journal it is at least %d and at most %d", device, got, method, least[c], most[c])
			}
		}
	}
}

// checkEnd: the run ends as it does without any death, unless one came while a device was called.
func (l *life) checkEnd(got *engine.Outcome, unsure []engine.Address, want string) {
	l.t.Helper()
	text := l.plainEnd(got)
	switch {
	case len(unsure) == 0 && text != want:
		l.errorf("the end is\n%s\nand without a death it is\n%s", text, want)
	case len(unsure) > 0 && l.scene.bears && got.Status != engine.Succeeded:
		l.errorf("%v were interrupted, and the end is %s", unsure, text)
	case len(unsure) > 0 && !l.scene.bears && (got.Status != engine.Failed || !isInterrupted(got.Error) || !got.Error.MaybeDone):
		l.errorf("%v were interrupted, and the end does not say so: %s", unsure, text)
	}
}

var anyTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// plainEnd is an outcome without what differs from run to run.
func (l *life) plainEnd(o *engine.Outcome) string {
	text := anyTime.ReplaceAllString(jsonLine(o), "TIME")
	for i, id := range l.devices {
		text = strings.ReplaceAll(text, `"`+id+`"`, fmt.Sprintf(`"device %d"`, i))
	}
	return text
}

// journalText is what events say, a line each.
func journalText(events []engine.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "  %s\n", jsonLine(e))
	}
	return b.String()
}
