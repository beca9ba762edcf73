package engine

// A future is what a new run does with the answers that are kept. Addresses in it are without attempts.
type future struct {
	parts  map[Address]*TracedPart // by their whole addresses
	end    *Outcome                // the run ends at once
	begins map[Address]bool        // what the new run begins to do now
	again  map[Address]bool        // blocks that wait for another attempt
	seen   map[Address]bool        // steps that have begun; true: that have ended, too
	kept   map[Address]bool        // whose answers are kept and whose turn has not come
}

func (r *retracing) foresee(kept []Event) future {
	t := newTracer(r.program)
	d := t.run.Next(append([]Event{r.started}, kept...)...)
	f := future{
		parts: t.parts, end: d.End,
		begins: map[Address]bool{}, again: map[Address]bool{}, seen: map[Address]bool{}, kept: map[Address]bool{},
	}
	for at, s := range t.steps {
		ended, begun := f.seen[at.instance()]
		f.seen[at.instance()] = s.Status != "" && (ended || !begun)
	}
	for at := range t.run.kept {
		f.kept[at.owner().instance()] = true
	}
	stopped := map[Address]bool{}
	for _, c := range d.Commands {
		if c.Kind == CommandStop {
			stopped[c.At] = true
		}
	}
	for _, c := range t.run.Outstanding() {
		at := c.At.owner().instance()
		if _, last := c.At.last(); last.timer == "retry" {
			f.again[at] = true
		}
		if c.Kind == CommandDo && !stopped[c.At] {
			f.begins[at] = true
		}
	}
	return f
}

// comesTo says whether a step is done in what is left of the run, or may be as far as can be known now.
func (f future) comesTo(at Address) bool {
	switch {
	case f.end != nil:
		return false
	case f.begins[at]:
		return true
	}
	ended, seen := false, false
	for around := at; around != ""; around, _ = around.last() {
		if f.again[around] {
			return true
		}
		if over, begun := f.seen[around.owner()]; begun {
			seen, ended = seen || around == at, ended || over
		}
		if part := f.parts[around]; part != nil && part.Status != "" {
			ended = true
		}
	}
	return !seen && !ended && !f.kept[at]
}
