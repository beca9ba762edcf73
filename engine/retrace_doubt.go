package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Doubt is a step that must not happen twice, that a retry would do again, and that may have happened.
type Doubt struct {
	At       Address   // without the numbers of attempts
	Step     string    // its id, or its action where it has none
	Title    string    // what people see
	Around   []string  // the items, passes and branches that it is in, from outside: `item 1 ("b")`
	Device   string    // empty: none in scope
	Error    *Error    // nil: it succeeded, or nobody knows
	Sent     time.Time // when it was begun
	Answered bool      // there is an answer to it
	NoDevice bool      // it does not talk to a device
	Allowed  bool      // its own retry: says that it may be repeated after such an error
}

// String is one line that says what is known of which step.
func (d Doubt) String() string { return d.Known(d.Sent.UTC().Format("15:04:05 UTC on 2006-01-02")) }

// Known is one line that says what is known of which step; sent is its time in words.
func (d Doubt) Known(sent string) string {
	text := string(d.At)
	if d.Device != "" {
		text += " on " + d.Device
	}
	text += ": "
	if d.Error != nil {
		text += fmt.Sprintf("%s: %s", d.Error.Kind, d.Error.Message)
		if strings.HasSuffix(d.Error.Message, "is unknown") {
			return text // it says all that is known
		}
		text += "; "
	}
	switch {
	case d.Answered && d.Error == nil:
		return text + "it was done at " + sent + ", and what is around or before it is to be done again"
	case d.Answered && d.NoDevice:
		return text + "the request was sent at " + sent + " and answered so; it may have taken effect all the same"
	case d.Answered:
		return text + "the request was sent at " + sent + " and answered so; the device may have acted all the same"
	case d.NoDevice:
		return text + "the request was sent at " + sent + "; whether it took effect is unknown"
	}
	return text + "the request was sent at " + sent + "; whether the device acted is unknown"
}

// doubts are those that are not waived.
func (r *retracing) doubts(left future, waived map[Address]bool) []Doubt {
	var doubts []Doubt
	todo := r.todo(left)
	for _, s := range r.order {
		if at := s.At.instance(); todo[at] == s && !waived[at] {
			doubts = append(doubts, s.doubt(r.happened(s)))
		}
	}
	return doubts
}

// todo are the steps that would be done again although they may have happened, by their instances; of
// several attempts of a block, the one in the last in which it may have.
func (r *retracing) todo(left future) map[Address]*TracedStep {
	todo := map[Address]*TracedStep{}
	for _, s := range r.order {
		if r.happened(s) != nil && left.comesTo(s.At.instance()) {
			todo[s.At.instance()] = s
		}
	}
	return todo
}

// happened is the last attempt of something that must not be repeated of which it is not certain that it
// had no effect; nil: there is none. A catch or finally that each run has for itself does again what it did,
// but not what nobody knows of.
func (r *retracing) happened(s *TracedStep) *TracedAttempt {
	own := r.places[s].own
	for i := len(s.Attempts) - 1; i >= 0 && !(own && s.Status == Succeeded); i-- {
		a := s.Attempts[i]
		if !s.Step.Do.Type.runs || a.delivery != Once {
			continue
		}
		failure := s.failure(a)
		if unknown := a.Ended.IsZero() || failure != nil && failure.Unsure(); unknown || failure == nil && !own {
			return a
		}
	}
	return nil
}

// failure is what an attempt came to once its answer was held against what the step expects; nil: it
// succeeded, or has no answer.
func (s *TracedStep) failure(a *TracedAttempt) *Error {
	_, last := a.At.last()
	for _, retry := range s.Retries {
		if retry.Attempt == last.attempt {
			return retry.Error
		}
	}
	return s.Error
}

func (s *TracedStep) doubt(a *TracedAttempt) Doubt {
	d := Doubt{
		At: s.At.instance(), Title: s.Title, Around: s.around(), Device: s.Device,
		Error: s.failure(a), Sent: a.Sent, NoDevice: s.Step.Do.Type.NoDevice,
	}
	if d.Step = s.Step.ID; d.Step == "" {
		d.Step = s.Step.Action
	}
	if d.Sent.IsZero() {
		d.Sent = a.Started
	}
	d.Answered = !a.Ended.IsZero() && (a.Error == nil || a.Error.Kind == KindRejected)
	if rule := s.Step.Retry; rule != nil && d.Error != nil {
		d.Allowed = rule.OnGiven && slices.Contains(rule.On, d.Error.Kind)
	}
	return d
}

// around says in which items, passes and branches a step is, from outside.
func (s *TracedStep) around() []string {
	var all []string
	for part := s.in; ; part = part.of.in {
		switch part.Kind {
		case PartItem:
			all = append(all, itemText(part.Index, part.Item))
		case PartPass:
			all = append(all, fmt.Sprintf("pass %d", part.Index))
		case PartBranch:
			all = append(all, "branch "+part.Branch)
		}
		if part.of == nil {
			slices.Reverse(all)
			return all
		}
	}
}
