package engine

import (
	"fmt"
	"strings"
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

// Preview says what a run with these inputs would do, step by step and without doing anything.
// Values that follow from the inputs are filled in; the others stay expressions.
func Preview(p *Program, inputs map[string]any, now time.Time) []PreviewLine {
	v := &preview{env: expr.Env{Now: now, Names: map[string]any{
		"inputs": inputs, "run": map[string]any{"workflow": p.Workflow.Name},
	}}}
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

// vars adds the variables whose value cannot change: no step sets them.
func (v *preview) vars(w *Workflow) {
	set := map[string]bool{}
	eachStep(w, func(s *Step) {
		for _, n := range s.names() {
			set[n.Name] = true
		}
	})
	known := map[string]any{}
	v.env.Names["vars"] = known
	for _, n := range w.Vars {
		if value, ok := v.value(n.Value); ok && !set[n.Name] {
			known[n.Name] = value
		}
	}
}

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

// details are what surrounds a step's action, and its parameters.
func (v *preview) details(s *Step) []string {
	var out []string
	add := func(name string, value *Value) {
		if value != nil {
			out = append(out, name+": "+v.show(value))
		}
	}
	if s.Do != nil {
		for _, p := range s.Do.Params {
			out = append(out, v.param(p)...)
		}
	}
	switch {
	case s.ForEach != nil && s.ForEach.In != nil:
		out = append(out, "for each "+s.ForEach.As+" of "+v.expression(s.ForEach.In))
	case s.ForEach != nil:
		add("for each "+s.ForEach.As+" of", s.ForEach.Items)
	case s.Repeat != nil && s.Repeat.Until != nil:
		out = append(out, "until "+s.Repeat.Until.Source)
	case s.Repeat != nil:
		out = append(out, "while "+s.Repeat.While.Source)
	case s.Call != nil:
		out = append(out, "workflow: "+s.Call.Path)
		for _, n := range s.Call.Inputs {
			add("input "+n.Name, n.Value)
		}
	}
	if s.ForEach != nil {
		add("concurrency", s.ForEach.Concurrency)
	}
	if s.Repeat != nil {
		add("every", s.Repeat.Every)
		add("max", s.Repeat.Max)
	}
	add("timeout", s.Timeout)
	if s.Retry != nil {
		out = append(out, "retry: "+v.retry(s.Retry))
	}
	if s.ContinueOnError {
		out = append(out, "a failure is tolerated")
	}
	return out
}

func (v *preview) param(p Param) []string {
	switch {
	case p.Cond != nil:
		return []string{p.Field.Name + ": " + p.Cond.Source}
	case p.Checks != nil:
		lines := make([]string, len(p.Checks))
		for i, c := range p.Checks {
			lines[i] = c.That.Source
		}
		return lines
	case p.Names != nil:
		lines := make([]string, len(p.Names))
		for i, n := range p.Names {
			lines[i] = n.Name + ": " + v.show(n.Value)
		}
		return lines
	}
	return []string{p.Field.Name + ": " + v.show(p.Value)}
}

func (v *preview) retry(r *Retry) string {
	attempts := fmt.Sprint(defaultAttempts)
	if r.Attempts != nil {
		attempts = v.show(r.Attempts)
	}
	text := attempts + " attempts"
	if r.OnGiven {
		kinds := make([]string, len(r.On))
		for i, k := range r.On {
			kinds[i] = string(k)
		}
		text += " on " + strings.Join(kinds, ", ")
	}
	return text
}

// knows says whether all that an expression refers to is known now.
func (v *preview) knows(e *expr.Expr) bool {
	for name, members := range e.Refs() {
		values, known := v.env.Names[name].(map[string]any)
		if !known || e.UsesNow() {
			return false
		}
		for _, m := range members {
			if _, ok := values[m]; !ok {
				return false
			}
		}
	}
	return true
}

func (v *preview) value(value *Value) (any, bool) {
	known := true
	value.Expressions(func(e *Expression) { known = known && v.knows(e.Expr) })
	if !known {
		return nil, false
	}
	result, err := value.eval(v.env, nullIsValue)
	return result, err == nil
}

func (v *preview) expression(e *Expression) string {
	if v.knows(e.Expr) {
		if value, err := evalJSON(e, v.env, ""); err == nil {
			return expr.Show(value)
		}
	}
	return e.Source
}

// show is a value with what is known filled in; the rest reads as in the file.
func (v *preview) show(value *Value) string {
	if result, ok := v.value(value); ok {
		switch text := result.(type) {
		case string:
			return text
		case Masked:
			return text.String()
		}
		return expr.Show(result)
	}
	return expr.Shorten(v.source(value), 200)
}

func (v *preview) source(value *Value) string {
	switch value.Kind {
	case ValueObject:
		members := make([]string, len(value.Keys))
		for i, k := range value.Keys {
			members[i] = k.Name + ": " + v.show(k.Value)
		}
		return "{ " + strings.Join(members, ", ") + " }"
	case ValueList:
		items := make([]string, len(value.Items))
		for i, item := range value.Items {
			items[i] = v.show(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	var b strings.Builder
	for _, part := range value.Parts {
		switch {
		case part.Expr != nil && v.knows(part.Expr.Expr):
			text, _ := scalarText(first(evalJSON(part.Expr, v.env, "")))
			b.WriteString(text)
		case part.Expr != nil:
			b.WriteString("${{ " + part.Expr.Source + " }}")
		case part.Secret != "":
			b.WriteString("***")
		default:
			b.WriteString(part.Text)
		}
	}
	return b.String()
}

func first(value any, _ error) any { return value }

// String says what a delivery means to a reader.
func (d Delivery) String() string {
	return [...]string{Read: "reads", Repeatable: "may be repeated", Once: "done once"}[d]
}
