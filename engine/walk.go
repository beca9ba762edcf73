package engine

// names are the free names of an action such as `set`.
func (s *Step) names() []Named[*Value] {
	var all []Named[*Value]
	if s.Do != nil {
		for _, p := range s.Do.Params {
			all = append(all, p.Names...)
		}
	}
	return all
}

// eachStep visits every step of a workflow, in the order of the file.
func eachStep(w *Workflow, f func(*Step)) {
	var visit func([]*Step)
	visit = func(steps []*Step) {
		for _, s := range steps {
			f(s)
			for _, part := range s.parts() {
				visit(part.Value)
			}
		}
	}
	visit(w.Steps)
	visit(w.Catch.steps())
	visit(w.Finally.steps())
}

// parts are the lists of steps inside a step, by what they are called; its own steps have no name.
func (s *Step) parts() []Named[[]*Step] {
	var parts []Named[[]*Step]
	add := func(name string, steps []*Step) {
		if len(steps) > 0 {
			parts = append(parts, Named[[]*Step]{Name: name, Value: steps})
		}
	}
	add("", s.Steps)
	if s.Parallel != nil {
		for _, b := range s.Parallel.Branches {
			add("branch "+b.Name, b.Value)
		}
	}
	if s.ForEach != nil {
		add("", s.ForEach.Steps)
	}
	if s.Repeat != nil {
		add("", s.Repeat.Steps)
	}
	add("else", s.Else)
	add("catch", s.Catch.steps())
	add("finally", s.Finally.steps())
	return parts
}
