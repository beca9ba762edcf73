package main

import "github.com/twinbook/twinbook/engine"

// A part is a list of steps inside a workflow or a step, and the label that its lines have.
type part struct {
	label string
	steps []*engine.Step
}

// sampleItem stands for the label of a loop's item, which is not known before a run.
const sampleItem = "device-1"

// partsOf are the lists of steps of a workflow.
func partsOf(w *engine.Workflow) []part {
	return append([]part{{"", w.Steps}}, guards(w.Catch, w.Finally)...)
}

// innerParts are the lists of steps inside a step, those of called workflows left out.
func innerParts(s *engine.Step) []part {
	parts := []part{{"", s.Steps}, {"else", s.Else}}
	if s.Parallel != nil {
		for _, b := range s.Parallel.Branches {
			parts = append(parts, part{b.Name, b.Value})
		}
	}
	if s.ForEach != nil {
		parts = append(parts, part{sampleItem, s.ForEach.Steps})
	}
	if s.Repeat != nil {
		parts = append(parts, part{"1", s.Repeat.Steps})
	}
	return append(parts, guards(s.Catch, s.Finally)...)
}

func guards(c *engine.Catch, f *engine.Finally) (parts []part) {
	if c != nil {
		parts = append(parts, part{"catch", c.Steps})
	}
	if f != nil {
		parts = append(parts, part{"finally", f.Steps})
	}
	return parts
}

// widestTitle is the widest title that the columns beside it give way to.
const widestTitle = 44

// titleColumns is how wide the titles of a workflow's steps will be, as far as can be known.
func titleColumns(w *engine.Workflow) int {
	columns := 20
	var visit func(parts []part, depth int)
	visit = func(parts []part, depth int) {
		for _, p := range parts {
			for _, s := range p.steps {
				n := 2*depth + titleWidth(s)
				if p.label != "" {
					n += width("[" + p.label + "] ")
				}
				if n <= widestTitle {
					columns = max(columns, n)
				}
				visit(innerParts(s), depth+1)
			}
		}
	}
	visit(partsOf(w), 0)
	return columns
}

// titleWidth is how wide a step's title will be.
func titleWidth(s *engine.Step) int {
	const guess = 8 // columns of what an expression gives
	if s.Name == nil {
		return max(len(s.ID), len(s.Action))
	}
	text, _ := s.Name.Lit.(string)
	n := width(text)
	for _, p := range s.Name.Parts {
		if n += width(p.Text); p.Expr != nil {
			n += guess
		}
	}
	return n
}
