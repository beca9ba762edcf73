package engine

// flowActions are the actions of the language itself, which hold steps or programs.
var flowActions = []string{"steps", "parallel", "forEach", "repeat", "call"}

var (
	leastDuration = 0.001
	one           = 1.0
)

// StepsShape is a list of steps of these types. flow names the flow actions that are allowed
// beside them, of steps, parallel, forEach, repeat and call; none means all.
func StepsShape(types *Types, flow ...string) *Shape {
	if len(flow) == 0 {
		flow = flowActions
	}
	step := &Shape{Name: "step", What: "a step", Doc: "One action and what surrounds it.", OneWhat: "action", OneIn: "step"}
	steps := &Shape{Name: "steps", What: "a list of steps", Doc: "Steps, one after another.", List: step, NotEmpty: true, nests: true}
	step.Keys = []Key{
		{Name: "id", Doc: "A name for expressions, once in a file.", Shape: &Shape{Kind: KindText, Literal: true, IsName: true, What: "an id"}},
		{Name: "name", Doc: "What people see.", Shape: &Shape{Kind: KindText}},
		{Name: "if", Doc: "The step is skipped unless this is true.", Shape: &Shape{Kind: KindCond}},
	}
	for _, t := range types.All() {
		step.Keys = append(step.Keys, Key{Name: t.Name, Doc: t.Summary, Shape: actionShape(t)})
		step.OneKey = append(step.OneKey, t.Name)
	}
	for _, name := range flow {
		step.Keys = append(step.Keys, flowKey(name, steps))
		step.OneKey = append(step.OneKey, name)
	}
	step.Keys = append(step.Keys, surroundingKeys(steps)...)
	return steps
}

func surroundingKeys(steps *Shape) []Key {
	return []Key{
		{Name: "device", Doc: "Another device than the one in scope.", Shape: &Shape{Kind: KindText}},
		{Name: "hub", Doc: "Another hub than the run's.", Shape: Text("A name from the configuration.")},
		{Name: "timeout", Doc: "How long one attempt, or a whole block, may take.", Shape: durationShape()},
		{Name: "retry", Doc: "Which failures are tried again, and when.", Shape: retryShape()},
		{Name: "continueOnError", Doc: "A failure of this step does not end the run.", Shape: &Shape{Kind: KindBool, Literal: true}},
		{Name: "vars", Doc: "Variables of this block.", Shape: varsShape(), Needs: []string{"steps"}},
		{Name: "else", Doc: "Steps that run where `if` is false.", Shape: steps, Needs: []string{"if", "steps"}},
		{Name: "catch", Doc: "Steps that run when the block has failed.", Shape: catchShape(steps), Needs: []string{"steps"}},
		{Name: "finally", Doc: "Steps that run however the block ended.", Shape: finallyShape(steps), Needs: []string{"steps"}},
	}
}

func flowKey(name string, steps *Shape) Key {
	switch name {
	case "parallel":
		return Key{Name: name, Doc: "Branches that run at the same time, by name.", Shape: &Shape{
			What: "branches by name", Map: steps, Names: "branch",
			Keys: []Key{{Name: "failFast", Doc: "A branch that fails cancels the others; true unless given.", Shape: &Shape{Kind: KindBool, Literal: true}}},
		}}
	case "forEach":
		return Key{Name: name, Doc: "Steps for each item of a list.", Shape: forEachShape(steps)}
	case "repeat":
		return Key{Name: name, Doc: "Steps while or until a condition holds.", Shape: repeatShape(steps)}
	case "call":
		return Key{Name: name, Doc: "Another workflow inside this run.", Shape: &Shape{Keys: []Key{
			{Name: "workflow", Required: true, Doc: "The file, beside this one.", Shape: Name("A literal path.")},
			{Name: "inputs", Doc: "What the workflow is given.", Shape: &Shape{Map: &Shape{Kind: KindAny}, Names: "input"}},
		}}}
	}
	return Key{Name: name, Doc: "A block of steps.", Shape: steps}
}

func forEachShape(steps *Shape) *Shape {
	return &Shape{Keys: []Key{
		{Name: "in", Required: true, Doc: "An expression that gives a list, or a literal list.", Shape: &Shape{
			What: "an expression or a list", Either: []*Shape{{List: &Shape{Kind: KindAny}}, {Kind: KindCond}},
		}},
		{Name: "as", Doc: "What the item is called in expressions; item unless given.", Shape: &Shape{Kind: KindText, Literal: true, IsName: true, What: "the name of an item"}},
		{Name: "concurrency", Doc: "How many items at once; 1 unless given.", Shape: &Shape{Kind: KindInt, Min: &one}},
		{Name: "failFast", Doc: "An item that fails ends the loop; true unless given.", Shape: &Shape{Kind: KindBool, Literal: true}},
		{Name: "steps", Required: true, Doc: "What is done for each item.", Shape: steps},
	}}
}

func repeatShape(steps *Shape) *Shape {
	return &Shape{OneKey: []string{"while", "until"}, OneIn: "repeat", Keys: []Key{
		{Name: "while", Doc: "Goes on as long as this is true, asked after each iteration.", Shape: &Shape{Kind: KindCond}},
		{Name: "until", Doc: "Goes on until this is true, asked after each iteration.", Shape: &Shape{Kind: KindCond}},
		{Name: "every", Doc: "From one iteration's start to the next one's.", Shape: durationShape()},
		{Name: "max", Doc: "How many iterations; reaching it is a timeout.", Shape: &Shape{Kind: KindInt, Min: &one}},
		{Name: "steps", Required: true, Doc: "What is done in each iteration.", Shape: steps},
	}}
}

func durationShape() *Shape { return &Shape{Kind: KindDuration, Min: &leastDuration} }

func varsShape() *Shape {
	return &Shape{Map: &Shape{Kind: KindAny, Doc: "The value at the start."}, Names: "variable"}
}

// kindsShape is a list of error kinds that a file may react to.
func kindsShape() *Shape {
	kind := &Shape{Kind: KindText, Literal: true}
	for _, k := range ErrorKinds {
		if k != KindCancelled && k != KindInternal { // never caught, never tried again
			kind.OneOf = append(kind.OneOf, string(k))
		}
	}
	return &Shape{List: kind, What: "a list of error kinds", NotEmpty: true}
}

func retryShape() *Shape {
	return &Shape{Keys: []Key{
		{Name: "attempts", Doc: "How many in all.", Shape: &Shape{Kind: KindInt, Min: &one}},
		{Name: "delay", Doc: "Before the second attempt.", Shape: durationShape()},
		{Name: "factor", Doc: "How much longer each delay is than the one before.", Shape: &Shape{Kind: KindNumber, Min: &one}},
		{Name: "maxDelay", Doc: "No delay is longer.", Shape: durationShape()},
		{Name: "jitter", Doc: "full: each delay is chance between nothing and its length.", Shape: OneOf("", "full", "none")},
		{Name: "within", Doc: "No attempt begins later than this after the first.", Shape: durationShape()},
		{Name: "on", Doc: "Error kinds that are tried again.", Shape: kindsShape()},
	}}
}

func catchShape(steps *Shape) *Shape {
	return &Shape{What: "a list of steps, or on: and steps:", Either: []*Shape{steps, {Keys: []Key{
		{Name: "on", Doc: "Error kinds that are caught; all unless given.", Shape: kindsShape()},
		{Name: "steps", Required: true, Doc: "What is done then.", Shape: steps},
	}}}}
}

func finallyShape(steps *Shape) *Shape {
	return &Shape{What: "a list of steps, or timeout: and steps:", Either: []*Shape{steps, {Keys: []Key{
		{Name: "timeout", Doc: "5m unless given.", Shape: durationShape()},
		{Name: "steps", Required: true, Doc: "What is done at the end.", Shape: steps},
	}}}}
}

// actionShape is what stands under a step type's name.
func actionShape(t *StepType) *Shape {
	s := &Shape{Doc: t.Summary, Keys: []Key{}, OneKey: t.Either, OneIn: t.Name}
	for i := range t.Fields {
		f := &t.Fields[i]
		if f.Whole || f.Kind == KindNames || f.Kind == KindChecks && len(t.Fields) == 1 {
			return fieldShape(f)
		}
		s.Keys = append(s.Keys, Key{Name: f.Name, Doc: f.Doc, Shape: fieldShape(f), Required: f.Required})
		if f.Short {
			s.Short = f.Name
		}
	}
	if len(s.Keys) == 0 {
		s.What = "{}"
	}
	return s
}

// fieldShape is what may stand in a parameter.
func fieldShape(f *Field) *Shape {
	switch f.Kind {
	case KindNames:
		return &Shape{Map: &Shape{Kind: KindAny}, Names: "variable", What: "names and values", Doc: f.Doc}
	case KindChecks:
		cond := &Shape{Kind: KindCond}
		check := &Shape{What: "an expression, or that: with message:", Either: []*Shape{cond, {Keys: []Key{
			{Name: "that", Required: true, Doc: "What must be true.", Shape: &Shape{Kind: KindCond}},
			{Name: "message", Doc: "What to say where it is not.", Shape: &Shape{Kind: KindText}},
		}}}}
		return &Shape{What: "an expression or a list of them", Doc: f.Doc, Either: []*Shape{cond, {List: check, NotEmpty: true}}}
	}
	return &Shape{Kind: f.Kind, Doc: f.Doc, OneOf: f.OneOf, Min: f.Min, Max: f.Max, Sees: f.Sees, NotEmpty: f.NotEmpty}
}
