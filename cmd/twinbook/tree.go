package main

import "github.com/twinbook/twinbook/engine"

// eachStep visits the steps of a workflow in the order of the file, and how many steps stand around each.
func eachStep(w *engine.Workflow, f func(s *engine.Step, depth int)) {
	visitSteps(w.Steps, 0, f)
	if w.Catch != nil {
		visitSteps(w.Catch.Steps, 0, f)
	}
	if w.Finally != nil {
		visitSteps(w.Finally.Steps, 0, f)
	}
}

func visitSteps(steps []*engine.Step, depth int, f func(*engine.Step, int)) {
	for _, s := range steps {
		f(s, depth)
		for _, inner := range innerSteps(s) {
			visitSteps(inner, depth+1, f)
		}
	}
}

// innerSteps are the lists of steps inside a step, those of called workflows left out.
func innerSteps(s *engine.Step) [][]*engine.Step {
	lists := [][]*engine.Step{s.Steps, s.Else}
	if s.Parallel != nil {
		for _, b := range s.Parallel.Branches {
			lists = append(lists, b.Value)
		}
	}
	if s.ForEach != nil {
		lists = append(lists, s.ForEach.Steps)
	}
	if s.Repeat != nil {
		lists = append(lists, s.Repeat.Steps)
	}
	if s.Catch != nil {
		lists = append(lists, s.Catch.Steps)
	}
	if s.Finally != nil {
		lists = append(lists, s.Finally.Steps)
	}
	return lists
}

// needsHub says whether a program has a step that talks to a hub.
func needsHub(p *engine.Program) bool {
	needs := false
	for _, each := range p.Programs() {
		eachStep(each.Workflow, func(s *engine.Step, _ int) {
			if s.Do != nil && s.Do.Type.TalksToWorld() && (!s.Do.Type.NoDevice || s.Do.Type.NeedsHub) {
				needs = true
			}
		})
	}
	return needs
}

// widestTitle is the widest title that the columns beside it give way to.
const widestTitle = 44

// titleColumns is how wide the titles of a workflow's steps will be, as far as can be known.
func titleColumns(w *engine.Workflow) int {
	const guess = 8 // columns of what an expression gives
	columns := 20
	eachStep(w, func(s *engine.Step, depth int) {
		n := 2 * depth
		switch {
		case s.Name != nil:
			text, _ := s.Name.Lit.(string)
			n += width(text)
			for _, part := range s.Name.Parts {
				if n += width(part.Text); part.Expr != nil {
					n += guess
				}
			}
		default:
			n += len(s.ID) + len(s.Action)
		}
		if n <= widestTitle {
			columns = max(columns, n)
		}
	})
	return columns
}
