package engine

import (
	"fmt"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// A PreviewLine is one line of what a run would do.
type PreviewLine struct {
	Depth   int      `json:"depth"`
	Title   string   `json:"title"`             // the step's name, id or action; "catch", "else", a branch's name
	Action  string   `json:"action,omitempty"`  // empty for lines that only head others
	Device  string   `json:"device,omitempty"`  // an id, or the expression that will give one
	Hub     string   `json:"hub,omitempty"`     // another hub than the run's
	Details []string `json:"details,omitempty"` // parameters and bounds, values filled in where they are known
	Effect  string   `json:"effect,omitempty"`  // "reads", "may be repeated", "done once"
	Skipped bool     `json:"skipped,omitempty"` // its condition is known to be false
	Where   string   `json:"where,omitempty"`   // file:line:col
}

// Preview says what a run with these inputs would do, step by step and without doing anything; before that, what
// starts runs of the workflow, and how many may be under way.
// Values that follow from the inputs are filled in; the others stay expressions.
func Preview(p *Program, inputs map[string]any, now time.Time) []PreviewLine {
	v := &preview{env: expr.Env{Now: now, Names: map[string]any{
		"inputs": inputs, "run": map[string]any{"workflow": p.Workflow.Name},
	}}}
	v.starting(p.Workflow)
	v.vars(p.Workflow)
	v.workflow(p, "")
	return v.lines
}

// preview walks the tree with what is known so far.
type preview struct {
	env    expr.Env
	lines  []PreviewLine
	depth  int
	device string
	hub    string
}

func (v *preview) workflow(p *Program, hub string) {
	w := p.Workflow
	device, before := v.device, v.hub
	v.device, v.hub = "", w.Hub
	if hub != "" {
		v.hub = hub
	}
	if w.Device != nil {
		v.device = v.show(w.Device)
	}
	v.steps(w.Steps)
	v.part("catch", w.Catch.steps())
	v.part("finally", w.Finally.steps())
	v.device, v.hub = device, before
}

func (v *preview) steps(steps []*Step) {
	for _, s := range steps {
		v.step(s)
	}
}

func (v *preview) part(name string, steps []*Step) {
	if len(steps) == 0 {
		return
	}
	if name == "" {
		v.depth++
		v.steps(steps)
		v.depth--
		return
	}
	v.lines = append(v.lines, PreviewLine{Depth: v.depth, Title: name})
	v.depth++
	v.steps(steps)
	v.depth--
}

func (v *preview) step(s *Step) {
	device, hub := v.device, v.hub
	if s.Device != nil {
		v.device = v.show(s.Device)
	}
	if s.Hub != "" {
		v.hub = s.Hub
	}
	line := PreviewLine{Depth: v.depth, Title: s.Action, Action: s.Action, Hub: v.hub, Where: s.Pos.String()}
	if s.ID != "" {
		line.Title = s.ID
	}
	if s.Name != nil {
		line.Title = v.show(s.Name)
	}
	runs := v.condition(s, &line)
	line.Details = append(line.Details, v.details(s)...)
	if s.Do != nil && s.Do.Type.runs {
		line.Effect = s.Do.Type.Delivery.String()
		if !s.Do.Type.NoDevice {
			line.Device = v.device
		}
	}
	v.lines = append(v.lines, line)
	for _, part := range s.parts() {
		if part.Name != "else" && runs || part.Name == "else" && !line.Skipped {
			v.part(part.Name, part.Value)
		}
	}
	if s.Call != nil && runs && s.Call.Program != nil {
		v.call(s.Call)
	}
	v.device, v.hub = device, hub
}

// condition says whether the step may run; where its `if` is known, else is what remains.
func (v *preview) condition(s *Step, line *PreviewLine) (runs bool) {
	if s.If == nil {
		return true
	}
	if v.knows(s.If.Expr) {
		if holds, err := s.If.Expr.Test(v.env); err == nil {
			line.Details = append(line.Details, fmt.Sprintf("if %s: %v", s.If.Source, holds))
			line.Skipped = !holds && len(s.Else) == 0
			return holds
		}
	}
	line.Details = append(line.Details, "if "+s.If.Source)
	return true
}

// call shows the steps of a called workflow with the inputs it would get.
func (v *preview) call(c *Call) {
	inputs := map[string]any{}
	for _, n := range c.Inputs {
		if value, ok := v.value(n.Value); ok {
			inputs[n.Name] = value
		}
	}
	for _, in := range c.Program.Workflow.Inputs {
		if _, given := inputs[in.Name]; !given && !in.Value.Required {
			inputs[in.Name] = in.Value.Default
		}
	}
	inner := &preview{depth: v.depth + 1, env: expr.Env{Now: v.env.Now, Names: map[string]any{
		"inputs": inputs, "run": v.env.Names["run"],
	}}}
	inner.vars(c.Program.Workflow)
	inner.workflow(c.Program, "")
	v.lines = append(v.lines, inner.lines...)
}
