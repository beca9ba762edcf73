package engine

import (
	"fmt"

	"github.com/twinbook/twinbook/engine/expr"
)

// known is a step with an id, and whether it can be used where the walk is.
type known struct {
	step  *Step
	state visibility
	loop  *Step // of hiddenInLoop: the loop
}

type visibility int

const (
	comesLater visibility = iota
	underWay              // the step itself, or one around the place
	visible
	hiddenInBranch // of a parallel that is under way
	hiddenInLoop
	neverTogether // in steps, seen from else
)

// reservedIDs are words that addresses use.
var reservedIDs = []string{"else", "catch", "finally"}

// lists are the step's own lists of steps, in the order they run.
func (s *Step) lists() [][]*Step {
	lists := [][]*Step{s.Steps}
	if s.Parallel != nil {
		for _, b := range s.Parallel.Branches {
			lists = append(lists, b.Value)
		}
	}
	return append(lists, s.Else, s.Catch.steps(), s.Finally.steps())
}

// body is the steps of a loop.
func (s *Step) body() []*Step {
	switch {
	case s.ForEach != nil:
		return s.ForEach.Steps
	case s.Repeat != nil:
		return s.Repeat.Steps
	}
	return nil
}

func (c *Catch) steps() []*Step {
	if c == nil {
		return nil
	}
	return c.Steps
}

func (f *Finally) steps() []*Step {
	if f == nil {
		return nil
	}
	return f.Steps
}

// collect finds every id of a file.
func (k *fileCheck) collect(lists ...[]*Step) {
	if k.ids == nil {
		k.ids = map[string]*known{}
	}
	for _, list := range lists {
		for _, s := range list {
			k.collectID(s)
			k.collect(s.body())
			k.collect(s.lists()...)
		}
	}
}

func (k *fileCheck) collectID(s *Step) {
	id := s.ID
	switch {
	case id == "":
	case contains(reservedIDs, id):
		k.at(s.IDPos, "", "bad-id", "choose another id", "the id %s is reserved", id)
	case k.ids[id] != nil:
		k.at(s.IDPos, "", "doubled-id", fmt.Sprintf("the first one is in line %d", k.ids[id].step.Pos.Line), "the id %s stands twice in this file", id)
	default:
		k.ids[id] = &known{step: s}
	}
}

// stepsType is the type of the name steps: every step of the file. Which of them can be used at a
// place is asked per expression, so that the type is built once.
func (k *fileCheck) stepsType() expr.Type {
	members := make(map[string]expr.Type, len(k.ids))
	for id, known := range k.ids {
		members[id] = resultType(known.step)
	}
	return expr.ObjectType(members)
}

// resultType is steps.<id> of a step.
func resultType(s *Step) expr.Type {
	outputs := map[string]expr.Type{}
	switch {
	case s.Do != nil:
		for _, f := range s.Do.Type.Outputs {
			outputs[f.Name] = f.Type
		}
	case s.Parallel != nil:
		branches := map[string]expr.Type{}
		for _, b := range s.Parallel.Branches {
			branches[b.Name] = expr.ObjectType(map[string]expr.Type{"outcome": {Kind: expr.String}, "error": expr.ErrorType()})
		}
		outputs["branches"] = expr.ObjectType(branches)
	case s.ForEach != nil:
		outputs["results"] = expr.ListType(expr.ObjectType(map[string]expr.Type{
			"item": {}, "index": {Kind: expr.Number}, "outcome": {Kind: expr.String}, "error": expr.ErrorType(), "steps": bodyType(s.ForEach.Steps),
		}))
	case s.Repeat != nil:
		outputs["iterations"], outputs["last"] = expr.Type{Kind: expr.Number}, bodyType(s.Repeat.Steps)
	case s.Call != nil:
		outputs["outputs"] = callType(s.Call)
	}
	return expr.StepResultType(outputs)
}

// bodyType is the steps of a loop's body as its results show them.
func bodyType(steps []*Step) expr.Type {
	members := map[string]expr.Type{}
	var visit func(list []*Step)
	visit = func(list []*Step) {
		for _, s := range list {
			if s.ID != "" {
				members[s.ID] = resultType(s)
			}
			for _, inner := range s.lists() {
				visit(inner)
			}
		}
	}
	visit(steps)
	return expr.ObjectType(members)
}

func callType(c *Call) expr.Type {
	if c.Program == nil {
		return expr.Type{Kind: expr.Object}
	}
	members := map[string]expr.Type{}
	for _, out := range c.Program.Workflow.Outputs {
		members[out.Name] = expr.Type{}
	}
	return expr.ObjectType(members)
}

// show makes a step usable from here on.
func (k *fileCheck) show(s *Step) {
	if known := k.ids[s.ID]; known != nil && known.step == s {
		known.state = visible
		k.shown = append(k.shown, s.ID)
	}
}

func (k *fileCheck) enter(s *Step) {
	if known := k.ids[s.ID]; known != nil && known.step == s {
		known.state = underWay
	}
}

// hide makes unusable what became usable since mark; loop is the loop it belongs to, if any.
func (k *fileCheck) hide(mark int, state visibility, loop *Step) {
	for _, id := range k.shown[mark:] {
		if known := k.ids[id]; state != hiddenInLoop || known.state == visible {
			known.state, known.loop = state, loop
		}
	}
}

// hideForGood is hide for a loop's body: outside, only results show it.
func (k *fileCheck) hideForGood(mark int, loop *Step) {
	k.hide(mark, hiddenInLoop, loop)
	k.shown = k.shown[:mark]
}

// reveal makes usable again what was hidden since mark.
func (k *fileCheck) reveal(mark int) {
	for _, id := range k.shown[mark:] {
		k.ids[id].state = visible
	}
}

// hidden says why an expression cannot use a step of the file here, or nothing.
func (k *fileCheck) hidden(id string) string {
	known := k.ids[id]
	if known == nil {
		return ""
	}
	switch known.state {
	case comesLater:
		return fmt.Sprintf("it comes later, in line %d", known.step.Pos.Line)
	case underWay:
		return "it has not ended here"
	case hiddenInBranch:
		return "it is in another branch, which runs at the same time"
	case neverTogether:
		return "it does not run where else does"
	case hiddenInLoop:
		return "it is inside a loop; use " + loopResults(known.loop)
	}
	return ""
}

// loopResults is how the steps of a loop's body are seen from outside.
func loopResults(loop *Step) string {
	member := "results"
	if loop.Repeat != nil {
		member = "last"
	}
	if loop.ID == "" {
		return fmt.Sprintf("steps.ID.%s, after giving the loop in line %d an id", member, loop.Pos.Line)
	}
	return "steps." + loop.ID + "." + member
}
