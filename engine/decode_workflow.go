package engine

// WorkflowShape is a workflow file with steps of these types.
func WorkflowShape(types *Types) *Shape {
	steps := StepsShape(types)
	return &Shape{Leading: "workflow", Doc: "A workflow: steps for devices.", Keys: []Key{
		Version(),
		{Name: "workflow", Required: true, Doc: "Its name.", Shape: Name("")},
		{Name: "description", Doc: "What it does, for people.", Shape: Text("")},
		{Name: "inputs", Doc: "What a run is given at its start.", Shape: &Shape{Map: inputShape(), Names: "input"}},
		{Name: "device", Doc: "The device that every step talks to.", Shape: &Shape{Kind: KindText}},
		{Name: "hub", Doc: "The hub of its devices, where it is not the default one.", Shape: Text("")},
		{Name: "vars", Doc: "Variables and their values at the start.", Shape: varsShape()},
		{Name: "timeout", Doc: "Of the whole run.", Shape: durationShape()},
		{Name: "schedules", Doc: "When the server starts a run.", Shape: schedulesShape()},
		{Name: "triggers", Doc: "What else has the server start a run.", Shape: triggersShape()},
		{Name: "concurrency", Doc: "How many runs with the same key may be under way at the same time.", Shape: concurrencyShape()},
		{Name: "steps", Required: true, Doc: "What is done.", Shape: steps},
		{Name: "catch", Doc: "Steps that run when the steps have failed.", Shape: catchShape(steps)},
		{Name: "finally", Doc: "Steps that run however the run ended.", Shape: finallyShape(steps)},
		{Name: "outputs", Doc: "What a run gives.", Shape: &Shape{Map: &Shape{Kind: KindAny}, Names: "output"}},
	}}
}

func inputShape() *Shape {
	var types []string
	for _, t := range inputTypes {
		types = append(types, string(t))
	}
	return &Shape{Keys: []Key{
		{Name: "type", Required: true, Doc: "What its value must be.", Shape: OneOf("", types...)},
		{Name: "default", Doc: "Without it the input is required.", Shape: &Shape{Kind: KindAny, Literal: true}},
		{Name: "description", Doc: "What it is for.", Shape: Text("")},
		{Name: "oneOf", Doc: "The only values.", Shape: &Shape{List: &Shape{Kind: KindAny, Literal: true}, NotEmpty: true}},
		{Name: "min", Doc: "The least value; of a text or array its length.", Shape: &Shape{Kind: KindAny, Literal: true}},
		{Name: "max", Doc: "The greatest value; of a text or array its length.", Shape: &Shape{Kind: KindAny, Literal: true}},
		{Name: "pattern", Doc: "A regular expression that the whole text must match.", Shape: Text("")},
	}}
}

// A builder makes the tree of what was decoded. Parts that are wrong are left out; their problems
// are noted already.
type builder struct {
	file  *File
	types *Types
	hubs  []Use
	zones map[string]bool // that are known
}

// workflow never gives nil, so that the checks can go on over what is there.
func (b *builder) workflow(d *Decoded) *Workflow {
	w := &Workflow{
		Pos: d.Pos(), Name: d.Get("workflow").Text(), Description: d.Get("description").Text(),
		Device: d.Get("device").Value(), Hub: b.hub(d), Vars: values(d.Get("vars")), Timeout: d.Get("timeout").Value(),
		Steps: b.steps(d.Get("steps")), Catch: b.catch(d.Get("catch")), Finally: b.finally(d.Get("finally")),
		Outputs: values(d.Get("outputs")), Concurrency: b.concurrency(d.Get("concurrency")),
		Schedules: b.schedules(d.Get("schedules")), Triggers: b.triggers(d.Get("triggers")),
	}
	for _, e := range d.Get("inputs").Entries() {
		w.Inputs = append(w.Inputs, Named[*Input]{Pos: e.Pos, Name: e.Name, Value: b.input(e.Value)})
	}
	return w
}

func (b *builder) hub(d *Decoded) string {
	name := d.Get("hub")
	if text := name.Text(); text != "" {
		b.hubs = append(b.hubs, Use{Name: text, Pos: name.Pos()})
	}
	return name.Text()
}

// values are names with values, those that are wrong left out.
func values(d *Decoded) []Named[*Value] {
	var out []Named[*Value]
	for _, e := range d.Entries() {
		if v := e.Value.Value(); v != nil {
			out = append(out, Named[*Value]{Pos: e.Pos, Name: e.Name, Value: v})
		}
	}
	return out
}

func (b *builder) steps(d *Decoded) []*Step {
	var steps []*Step
	for _, item := range d.Items() {
		steps = append(steps, b.step(item))
	}
	return steps
}

func (b *builder) step(d *Decoded) *Step {
	s := &Step{
		Pos: d.Pos(), ID: d.Get("id").Text(), IDPos: d.Get("id").Pos(), Name: d.Get("name").Value(), If: d.Get("if").Condition(),
		Device: d.Get("device").Value(), Hub: b.hub(d), Timeout: d.Get("timeout").Value(), Retry: retry(d.Get("retry")),
		ContinueOnError: d.Get("continueOnError").Bool(false), Vars: values(d.Get("vars")),
		Else: b.steps(d.Get("else")), Catch: b.catch(d.Get("catch")), Finally: b.finally(d.Get("finally")),
	}
	for _, e := range d.Entries() {
		if contains(d.shape.OneKey, e.Name) && s.Action == "" {
			s.Action, s.ActionPos = e.Name, e.Pos
			b.action(s, e.Value)
		}
	}
	return s
}

func (b *builder) action(s *Step, d *Decoded) {
	switch s.Action {
	case "steps":
		s.Steps = b.steps(d)
	case "parallel":
		s.Parallel = b.parallel(d)
	case "forEach":
		s.ForEach = b.forEach(d, s.ActionPos)
	case "repeat":
		s.Repeat = &Repeat{
			While: d.Get("while").Condition(), Until: d.Get("until").Condition(),
			Every: d.Get("every").Value(), Max: d.Get("max").Value(), Steps: b.steps(d.Get("steps")),
		}
	case "call":
		s.Call = &Call{Path: d.Get("workflow").Text(), PathPos: d.Get("workflow").Pos(), Inputs: values(d.Get("inputs"))}
	default:
		s.Do = &Action{Type: b.types.Lookup(s.Action), Params: params(b.types.Lookup(s.Action), s.ActionPos, d)}
	}
}

func (b *builder) parallel(d *Decoded) *Parallel {
	p := &Parallel{FailFast: d.Get("failFast").Bool(true)}
	for _, e := range d.Entries() {
		if e.Name != "failFast" {
			p.Branches = append(p.Branches, Named[[]*Step]{Pos: e.Pos, Name: e.Name, Value: b.steps(e.Value)})
		}
	}
	if d != nil && len(p.Branches) == 0 {
		d.Problem("empty-list", "write: parallel: { left: [ … ], right: [ … ] }", "this parallel has no branches")
	}
	return p
}

func (b *builder) forEach(d *Decoded, at Pos) *ForEach {
	f := &ForEach{
		In: d.Get("in").Condition(), As: d.Get("as").Text(), AsPos: d.Get("as").Pos(), Concurrency: d.Get("concurrency").Value(),
		FailFast: d.Get("failFast").Bool(true), Steps: b.steps(d.Get("steps")),
	}
	if f.As == "" {
		f.As, f.AsPos = "item", at
	}
	if in := d.Get("in"); in != nil && in.shape.List != nil {
		f.Items = &Value{Pos: in.Pos(), Kind: ValueList}
		for _, item := range in.Items() {
			f.Items.Items = append(f.Items.Items, item.Value())
		}
	}
	return f
}

func retry(d *Decoded) *Retry {
	if d == nil {
		return nil
	}
	return &Retry{
		Attempts: d.Get("attempts").Value(), Delay: d.Get("delay").Value(), Factor: d.Get("factor").Value(),
		MaxDelay: d.Get("maxDelay").Value(), Jitter: d.Get("jitter").Text(), Within: d.Get("within").Value(),
		On: errorKinds(d.Get("on")), OnGiven: d.Has("on"),
	}
}

func errorKinds(d *Decoded) []ErrorKind {
	var out []ErrorKind
	for _, item := range d.Items() {
		out = append(out, ErrorKind(item.Text()))
	}
	return out
}

func (b *builder) catch(d *Decoded) *Catch {
	if d == nil {
		return nil
	}
	if d.shape.List != nil {
		return &Catch{Pos: d.Pos(), Steps: b.steps(d)}
	}
	return &Catch{Pos: d.Pos(), On: errorKinds(d.Get("on")), Steps: b.steps(d.Get("steps"))}
}

func (b *builder) finally(d *Decoded) *Finally {
	if d == nil {
		return nil
	}
	if d.shape.List != nil {
		return &Finally{Pos: d.Pos(), Steps: b.steps(d)}
	}
	return &Finally{Pos: d.Pos(), Timeout: d.Get("timeout").Value(), Steps: b.steps(d.Get("steps"))}
}

// params are a step type's parameters in the order of its fields.
func params(t *StepType, at Pos, d *Decoded) []Param {
	var out []Param
	if d == nil {
		return nil
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		part, pos := d, at
		if d.shape.Keys != nil {
			part = d.Get(f.Name)
			pos = part.Pos()
		}
		if part == nil {
			continue
		}
		p := Param{Field: f, Pos: pos, Value: part.Value(), Cond: part.Condition()}
		switch f.Kind {
		case KindNames:
			p.Names = values(part)
		case KindChecks:
			p.Checks, p.Cond = checks(part), nil
		}
		out = append(out, p)
	}
	return out
}

func checks(d *Decoded) []Check {
	if d.cond != nil {
		return []Check{{That: d.cond}}
	}
	var out []Check
	for _, item := range d.Items() {
		switch {
		case item.cond != nil:
			out = append(out, Check{That: item.cond})
		case item.Get("that").Condition() != nil:
			out = append(out, Check{That: item.Get("that").Condition(), Message: item.Get("message").Value()})
		}
	}
	return out
}
