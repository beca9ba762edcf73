package engine

import "time"

// Trace says what the events of a run of p tell, from the first one on, wherever they stop. They come in
// the order in which they were applied, which is that of the journal.
func Trace(p *Program, events []Event) *Traced { return trace(p, events).out }

// A tracer listens to a planner, and keeps what it decides and hears as a tree.
type tracer struct {
	run   *Run
	out   *Traced
	steps map[Address]*TracedStep
	parts map[Address]*TracedPart
	heard []heard

	cancelled bool
}

// heard is the answer to a command.
type heard struct {
	command Command
	event   Event
}

func trace(p *Program, events []Event) *tracer {
	t := newTracer(p)
	for _, e := range events {
		t.run.Next(e)
		t.apply(e)
	}
	for _, c := range t.run.Outstanding() {
		t.waits(c)
	}
	for _, ask := range t.run.Asks() {
		t.asks(ask)
	}
	for _, part := range t.out.Parts {
		part.settle()
	}
	return t
}

func newTracer(p *Program) *tracer {
	t := &tracer{run: NewRun(p), out: &Traced{}, steps: map[Address]*TracedStep{}, parts: map[Address]*TracedPart{}}
	t.run.tracer = t
	return t
}

func (t *tracer) apply(e Event) {
	t.out.Latest, t.out.Queued = t.run.now, t.run.queued
	switch e.Kind {
	case RunStarted:
		t.out.Start, t.out.Started = t.run.info, e.Time
	case RunAdmitted:
		t.out.Admitted = e.Time
	case StepStarted:
		if a := t.attempt(e.At); a != nil {
			a.Sent = e.Time
		}
	case CancelRequested:
		if !t.cancelled {
			t.requested(e.Kind, e.Time, e.By, e.Reason)
		}
		t.cancelled = true
	case RunEnded:
		t.out.Ended, t.out.End = e.Time, e.End
	}
}

// attempt is one that was made, or nil; at may be that of a timer beside it.
func (t *tracer) attempt(at Address) *TracedAttempt {
	if s := t.steps[at.owner()]; s != nil {
		for _, a := range s.Attempts {
			if a.At == at {
				return a
			}
		}
	}
	return nil
}

// issued hears that the planner gave a command.
func (t *tracer) issued(c Command) {
	_, last := c.At.last()
	if last.timer != "" {
		return
	}
	s := t.steps[c.At.owner()]
	s.Tries = last.attempt
	a := &TracedAttempt{At: c.At, Started: t.run.now, Deadline: c.Deadline, Due: c.Due, delivery: c.Delivery}
	a.Params, _ = Conceal(c.Params).(map[string]any)
	s.Attempts = append(s.Attempts, a)
}

// answered hears that a command has its answer.
func (t *tracer) answered(c Command, e Event) {
	t.heard = append(t.heard, heard{c, e})
	if a := t.attempt(c.At); a != nil {
		a.Ended, a.Value, a.Error, a.Kept = e.Time, e.Value, e.Error, e.Kept
		if e.Kept {
			a.Ended = t.run.now // its turn may have come later
		}
	}
}

// signalled hears that somebody has told the run something.
func (t *tracer) signalled(e Event, to Address, ignored string) {
	if ignored != "" {
		to = e.At
	}
	t.out.Signals = append(t.out.Signals, TracedSignal{Time: e.Time, By: e.By, Reason: e.Reason, Signal: *e.Signal, At: to, Ignored: ignored})
}

// taken hears that a step takes the first signal of a name that is left.
func (t *tracer) taken(ask *Ask) {
	for i := range t.out.Signals {
		if s := &t.out.Signals[i]; s.Signal.Name == ask.Signal && s.At == "" && s.Ignored == "" {
			s.At = ask.At
			return
		}
	}
}

// gaveUp hears that the latest attempt of a step ended otherwise than by an answer.
func (t *tracer) gaveUp(s *TracedStep, n Note) {
	if len(s.Attempts) == 0 || s.Step.Do.Type.asks == nil {
		return
	}
	if a := s.Attempts[len(s.Attempts)-1]; a.Ended.IsZero() {
		a.Ended, a.Error = n.Time, n.Error
	}
}

// note hears what the planner tells people.
func (t *tracer) note(n Note) {
	switch n.Kind {
	case NotePaused:
		t.out.Paused = t.requested(PauseRequested, n.Time, n.By, n.Reason)
	case NoteResumed:
		t.out.Paused = nil
		if !t.run.cancelled {
			t.requested(ResumeRequested, n.Time, n.By, n.Reason)
		}
	case NoteItemStarted:
		t.part(n.At).Item = n.Value
	case NoteItemEnded:
		part := t.part(n.At)
		part.Ended, part.Status, part.Error = n.Time, n.Status, n.Error
	case NoteStepStarted:
		t.begin(n)
	case NoteLog:
		s := t.steps[n.At]
		s.Logs = append(s.Logs, n.Log)
	case NoteStepRetry:
		s := t.steps[n.At]
		s.Retries = append(s.Retries, TracedRetry{Time: n.Time, Attempt: n.Attempt, Error: n.Error, Due: n.Due})
		s.Tries = n.Attempt
		t.gaveUp(s, n)
	case NoteStepEnded:
		s := t.steps[n.At]
		if s == nil { // it was skipped: that is no beginning
			s = t.begin(n)
		}
		s.Ended, s.Status, s.Tolerated, s.Error, s.Value = n.Time, n.Status, n.Tolerated, n.Error, n.Value
		s.Tries = n.Attempt
		t.gaveUp(s, n)
	}
}

// requested keeps what somebody wanted.
func (t *tracer) requested(kind EventKind, at time.Time, by, reason string) *Request {
	r := Request{Kind: kind, Time: at, By: by, Reason: reason}
	t.out.Requests = append(t.out.Requests, r)
	return &r
}

func (t *tracer) begin(n Note) *TracedStep {
	in, _ := n.At.last()
	s := &TracedStep{At: n.At, Step: n.Step, Title: n.Title, Device: n.Device, Started: n.Time, in: t.part(in)}
	s.in.Steps = append(s.in.Steps, s)
	t.steps[n.At] = s
	return s
}

// part is the list of steps at an address; it is made when its first step begins.
func (t *tracer) part(at Address) *TracedPart {
	part := t.parts[at]
	if part == nil {
		part = t.newPart(at)
		part.Started = t.run.now
		t.parts[at] = part
		if part.of == nil {
			t.out.Parts = append(t.out.Parts, part)
		} else {
			part.of.Parts = append(part.of.Parts, part)
		}
	}
	return part
}

// newPart reads in an address which part of which step it names.
func (t *tracer) newPart(at Address) *TracedPart {
	in, last := at.last()
	part := &TracedPart{Kind: PartSteps, Attempt: last.attempt, address: at, of: t.steps[in.child(last.name)]}
	switch {
	case part.of == nil && at != "":
		part.Kind = PartBranch
		switch last.name {
		case "else", "catch", "finally":
			part.Kind = PartKind(last.name)
		default:
			part.Branch = last.name
		}
		_, around := in.last()
		part.Attempt, part.of = around.attempt, t.steps[in.owner()]
	case last.item >= 0:
		part.Kind, part.Index = PartItem, last.item
		if part.of.Step.Repeat != nil {
			part.Kind = PartPass
		}
	}
	return part
}

// waits keeps what an outstanding command means for the step it belongs to.
func (t *tracer) waits(c Command) {
	in, last := c.At.last()
	if last.timer == "timeout" && last.name == "finally" {
		t.part(in.child("finally")).Deadline = c.Due
		return
	}
	s := t.steps[c.At.owner()]
	if s == nil { // of the run
		if last.timer == "timeout" {
			t.out.Deadline = c.Due
		}
		return
	}
	switch {
	case last.timer == "timeout", last.timer == "workflow":
		if s.Deadline.IsZero() || c.Due.Before(s.Deadline) {
			s.Deadline = c.Due
		}
	case last.timer == "retry":
		s.Waits, s.Due = WaitsRetry, c.Due
	case last.timer == "every":
		s.Waits, s.Due = WaitsPass, c.Due
	case c.Kind == CommandTimer:
		s.Waits, s.Due = WaitsTime, c.Due
	default:
		s.Waits, s.Deadline = WaitsAnswer, c.Deadline
		if a := t.attempt(c.At); c.Limit > 0 && !a.Sent.IsZero() { // from which its time counts
			s.Deadline = a.Sent.Add(c.Limit)
		}
	}
}

// asks keeps what an open ask means for the step it belongs to.
func (t *tracer) asks(ask Ask) {
	s := t.steps[ask.At.owner()]
	s.Ask, s.Waits = &ask, WaitsApproval
	if ask.Signal != "" {
		s.Waits = WaitsSignal
	}
}

// settle marks the steps that did nothing themselves, and counts the attempts that were kept and made.
func (p *TracedPart) settle() (kept, made int) {
	for _, s := range p.Steps {
		ownKept, ownMade := 0, 0
		for _, a := range s.Attempts {
			if a.Kept {
				ownKept++
			} else {
				ownMade++
			}
		}
		for _, inner := range s.Parts {
			innerKept, innerMade := inner.settle()
			ownKept, ownMade = ownKept+innerKept, ownMade+innerMade
		}
		s.Kept = s.Status != "" && ownKept > 0 && ownMade == 0
		kept, made = kept+ownKept, made+ownMade
	}
	return kept, made
}
