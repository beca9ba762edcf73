package record

import "github.com/twinbook/twinbook/engine"

// Show is the document of a run.
func (r Record) Show() Shown {
	s := Shown{Requests: []Request{}, Parts: []Part{}, Unread: r.Unread}
	s.Run.Listed = List(r.Run)
	s.Run.Inputs, s.Run.Trigger, s.Run.Retries = Object(r.Start.Inputs), r.Start.Trigger, make([]string, len(r.Retries))
	s.Run.By = r.Start.By
	for i, retry := range r.Retries {
		s.Run.Retries[i] = retry.ID
	}
	for _, w := range r.Wishes {
		s.Run.Wishes = append(s.Run.Wishes, Request{Kind: w.Kind, Time: w.Time, By: w.By, Reason: w.Reason})
	}
	for _, h := range r.Holdings {
		s.Run.WaitsFor = append(s.Run.WaitsFor, Slot{Key: h.Key, Limit: h.Limit, Holders: append([]string{}, h.Runs...), Ahead: h.Ahead})
	}
	s.Run.Children = children(r.Children)
	s.Outputs = Object(nil)
	if end := r.End(); end != nil {
		s.Outputs, s.Tolerated, s.Message, s.Error = Object(end.Outputs), end.Tolerated, end.Message, end.Error
	}
	if r.Traced == nil {
		return s
	}
	if r.Traced.End == nil {
		s.Deadline = r.Traced.Deadline
	}
	for _, q := range r.Requests() {
		s.Requests = append(s.Requests, Request{Kind: q.Kind, Time: q.Time, By: q.By, Reason: q.Reason})
	}
	s.Run.Admitted, s.Signals, s.Parts = r.Traced.Admitted, signals(r.Traced.Signals), r.parts(r.Traced.Parts)
	return s
}

// children are the numbers of child runs by a status that has a name.
func children(counts map[engine.Status]int) map[string]int {
	named := make(map[string]int, len(counts))
	for status, n := range counts {
		if status == "" {
			status = Unfinished
		}
		named[string(status)] = n
	}
	return named
}

func signals(all []engine.TracedSignal) []Signal {
	list := make([]Signal, len(all))
	for i, s := range all {
		list[i] = Signal{Time: s.Time, Name: s.Signal.Name, Payload: s.Signal.Payload, By: s.By, Reason: s.Reason, At: s.At, Ignored: s.Ignored}
		if s.Signal.Name == "" {
			list[i].Approved = &s.Signal.Approved
		}
	}
	return list
}

func (r Record) parts(parts []*engine.TracedPart) []Part {
	list := make([]Part, len(parts))
	for i, part := range parts {
		p := Part{Kind: part.Kind, Branch: part.Branch, Item: part.Item, StartedAt: part.Started, FinishedAt: part.Ended,
			Status: part.Status, Error: part.Error, Steps: make([]Step, len(part.Steps))}
		if part.Kind == engine.PartItem || part.Kind == engine.PartPass {
			p.Index = &part.Index
		}
		if part.Attempt > 1 {
			p.Attempt = part.Attempt
		}
		for k, s := range part.Steps {
			p.Steps[k] = r.step(s)
		}
		list[i] = p
	}
	return list
}

func (r Record) step(s *engine.TracedStep) Step {
	shown := Step{
		At: s.At, Title: s.Title, Action: s.Step.Action, Where: s.Step.Pos.String(), Device: s.Device, Status: s.Status,
		StartedAt: s.Started, FinishedAt: s.Ended, Outputs: Object(s.Value), Error: s.Error, Tolerated: s.Tolerated, Kept: s.Kept,
		Attempts: attemptsOf(s), Tries: make([]Try, len(s.Attempts)), Retried: make([]Retry, len(s.Retries)), Logs: s.Logs,
		Parts: r.parts(s.Parts),
	}
	for i, a := range s.Attempts {
		shown.Tries[i] = Try{At: a.At, StartedAt: a.Started, FinishedAt: a.Ended, Params: Object(a.Params), Error: a.Error, Kept: a.Kept}
		if i < len(s.Attempts)-1 { // those of the last one are the step's
			shown.Tries[i].Outputs, _ = a.Value.(map[string]any)
		}
	}
	for i, failed := range s.Retries {
		shown.Retried[i] = Retry{Time: failed.Time, Attempt: failed.Attempt, Error: failed.Error, Due: failed.Due}
	}
	if s.Step.ForEach != nil {
		shown.Outputs = Object(nil) // its results are its parts
	}
	if s.Ended.IsZero() {
		shown.Waits = r.waits(s)
	}
	return shown
}

// attemptsOf is how often a step was begun.
func attemptsOf(s *engine.TracedStep) int {
	switch {
	case s.Status == engine.Skipped:
		return 0
	case s.Waits == engine.WaitsRetry:
		return len(s.Retries)
	}
	return len(s.Retries) + 1
}

// Object is the object that a value is, never null, so that readers need not ask.
func Object(value any) map[string]any {
	object, _ := value.(map[string]any)
	if object == nil {
		return map[string]any{}
	}
	return object
}

func (r Record) waits(s *engine.TracedStep) *Waits {
	w := &Waits{For: s.Waits, Conditions: conditionsOf(s.Step), Due: s.Due, Deadline: s.Deadline}
	if s.Ask != nil {
		w.Signal, w.Message, w.Roles = s.Ask.Signal, s.Ask.Message, s.Ask.Roles
	}
	if sight, ok := r.SightOf(s); ok {
		w.Seen, w.Since = sight.Text, sight.Since
	}
	return w
}

// conditionsOf are those of a step's action, as the file has them.
func conditionsOf(s *engine.Step) map[string]string {
	if s.Do == nil {
		return nil
	}
	conditions := map[string]string{}
	for _, p := range s.Do.Params {
		if p.Cond != nil {
			conditions[p.Field.Name] = p.Cond.Source
		}
	}
	return conditions
}
