package engine

import "slices"

// A run that retries another one is given the answers of that one which still hold: events that are Kept,
// right after RunStarted; see Retrace. They may come before what they answer: a loop reaches an item that
// was done only when the one before it, which had failed, is done again. So they wait for their commands,
// which are then not given to the driver. What waits for two is given the one that came first.
//
// A failure that is kept is final, unless the run before had gone on to another attempt: then it is kept that
// the delay before that is over, and it was so before the failure.

// A memory is a kept answer that waits for its command, and its place among them.
type memory struct {
	event Event
	order int
}

// remember takes in what a batch keeps of the run before.
func (r *Run) remember(news []Event) {
	for _, e := range news {
		if !e.Kept || e.Kind != StepDone && e.Kind != TimerFired {
			continue
		}
		if r.kept == nil {
			r.kept = map[Address][]memory{}
		}
		r.memories++
		r.kept[e.At] = append(r.kept[e.At], memory{e, r.memories})
		if p := r.pending[e.At]; p != nil && !p.kept {
			r.recognise(p)
		}
	}
}

// recognise says whether the answer to a command is kept; then it is given soon.
func (r *Run) recognise(p *pending) bool {
	at := p.command.At
	if len(r.kept[at]) == 0 || !r.kept[at][0].event.answers(p.command) {
		return false
	}
	m := r.kept[at][0]
	if r.kept[at] = r.kept[at][1:]; len(r.kept[at]) == 0 {
		delete(r.kept, at)
	}
	p.kept = true
	i, _ := slices.BinarySearchFunc(r.recalled, m, func(a, b memory) int { return a.order - b.order })
	r.recalled = slices.Insert(r.recalled, i, m)
	return true
}

// answers says whether an event can be the answer to a command. What was done to one device is not done
// to another.
func (e Event) answers(c Command) bool {
	switch {
	case c.Kind == CommandTimer:
		return e.Kind == TimerFired
	case c.Type.asks != nil && !e.Kept:
		return false // what it waits for comes as a signal
	}
	return e.Kind == StepDone && (!e.Kept || e.Device == "" || e.Device == c.Device)
}

// recall gives the kept answers whose commands are there, the first of them first.
func (r *Run) recall() {
	for len(r.recalled) > 0 {
		m := r.recalled[0]
		r.recalled = r.recalled[1:]
		r.answer(m.event)
		r.drain()
	}
}

// leaveOutWhatIsOver takes the timers out of a decision that what was kept has started and stopped.
func (r *Run) leaveOutWhatIsOver() {
	if r.memories == 0 {
		return
	}
	over := map[Address]bool{}
	for _, c := range r.decision.Commands {
		over[c.At] = over[c.At] || c.Kind == CommandStopTimer
	}
	r.decision.Commands = slices.DeleteFunc(r.decision.Commands, func(c Command) bool { return over[c.At] })
}

// notRecalled are the kept answers whose commands were never given, in their order.
func (r *Run) notRecalled() []Event {
	var left []memory
	for _, waiting := range r.kept {
		left = append(left, waiting...)
	}
	slices.SortFunc(left, func(a, b memory) int { return a.order - b.order })
	events := make([]Event, len(left))
	for i, m := range left {
		events[i] = m.event
	}
	return events
}

// wasRetried says whether the run before had gone on after a failure that is kept.
func (r *Run) wasRetried(backoff Address) bool { return len(r.kept[backoff]) > 0 }
