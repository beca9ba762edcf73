package engine

import "github.com/twinbook/twinbook/engine/expr"

func (k *fileCheck) steps(list []*Step, at sight) {
	for _, s := range list {
		k.step(s, at)
	}
}

func (k *fileCheck) step(s *Step, at sight) {
	k.enter(s)
	k.condition(s.If, at.scope)
	k.value(s.Device, KindText, at, nullFails)
	if s.Device != nil {
		at = at.withDevice()
	}
	k.value(s.Name, KindText, at, nullFails)
	k.value(s.Timeout, KindDuration, at, nullFails)
	k.retry(s.Retry, at)
	bounded := at.bounded || s.Timeout != nil
	switch {
	case s.Do != nil:
		k.action(s, at, bounded)
	case s.Parallel != nil:
		k.parallel(s, at, bounded)
	case s.ForEach != nil:
		k.forEach(s, at, bounded)
	case s.Repeat != nil:
		k.repeat(s, at, bounded)
	case s.Call != nil:
		k.callInputs(s, at)
	default:
		k.block(s, at, bounded)
	}
	k.show(s)
}

func (k *fileCheck) retry(r *Retry, at sight) {
	if r == nil {
		return
	}
	k.value(r.Attempts, KindInt, at, nullFails)
	k.value(r.Factor, KindNumber, at, nullFails)
	for _, d := range []*Value{r.Delay, r.MaxDelay, r.Within} {
		k.value(d, KindDuration, at, nullFails)
	}
}

func (k *fileCheck) block(s *Step, at sight, bounded bool) {
	at.bounded = bounded
	outer := at
	if len(s.Vars) > 0 {
		at = k.declare(s.Vars, at)
	}
	mark := len(k.shown)
	k.steps(s.Steps, at)
	k.hide(mark, neverTogether, nil)
	k.steps(s.Else, outer)
	k.reveal(mark)
	k.ending(s.Catch, s.Finally, at)
}

// ending checks catch and finally, which see every step before them.
func (k *fileCheck) ending(c *Catch, f *Finally, at sight) {
	if c != nil {
		k.steps(c.Steps, at.with(map[string]expr.Type{"error": expr.ErrorType()}))
	}
	if f != nil {
		k.value(f.Timeout, KindDuration, at, nullFails)
		inner := at.with(map[string]expr.Type{"error": expr.ErrorType(), "outcome": {Kind: expr.String}})
		inner.bounded = true
		k.steps(f.Steps, inner)
	}
}

// region is a part that runs at the same time as others: it cannot set what they may set.
func (k *fileCheck) region(at sight) sight {
	k.regions++
	at.region = k.regions
	return at
}

func (k *fileCheck) parallel(s *Step, at sight, bounded bool) {
	at.bounded = bounded
	mark := len(k.shown)
	for _, b := range s.Parallel.Branches {
		from := len(k.shown)
		k.steps(b.Value, k.region(at))
		k.hide(from, hiddenInBranch, nil)
	}
	k.reveal(mark)
}

func (k *fileCheck) forEach(s *Step, at sight, bounded bool) {
	f := s.ForEach
	item := expr.Type{}
	if f.In != nil {
		t := k.compile(f.In, at.scope, wantList)
		if t.Elem != nil {
			item = *t.Elem
		}
	}
	k.value(f.Items, KindAny, at, nullFails)
	k.value(f.Concurrency, KindInt, at, nullFails)
	k.loopName(s, at)
	inner := at.with(map[string]expr.Type{f.As: item, "index": {Kind: expr.Number}})
	inner.bounded = bounded
	if f.Concurrency != nil && f.Concurrency.Lit != 1.0 {
		inner = k.region(inner)
	}
	mark := len(k.shown)
	k.steps(f.Steps, inner)
	k.hideForGood(mark, s)
}

// ownNames are names that a loop's item cannot have.
var ownNames = []string{
	"inputs", "vars", "steps", "run", "device", "secrets", "twin", "message", "response", "index", "stage", "fleet",
	"error", "outcome", "outputs", "devices", "matrix", "and", "or", "not", "in", "let", "true", "false", "nil",
}

func (k *fileCheck) loopName(s *Step, at sight) {
	name := s.ForEach.As
	switch {
	case contains(ownNames, name) || expr.IsFunction(name):
		k.at(s.ForEach.AsPos, "", "shadowing", "choose another name for as:", "the name %s has a meaning of its own", name)
	default:
		if _, taken := at.scope.Type(name); taken {
			k.at(s.ForEach.AsPos, "", "shadowing", "give this loop a name of its own: as: NAME", "%s is the item of an enclosing loop already", name)
		}
	}
}

func (k *fileCheck) repeat(s *Step, at sight, bounded bool) {
	r := s.Repeat
	k.value(r.Every, KindDuration, at, nullFails)
	k.value(r.Max, KindInt, at, nullFails)
	if r.Max == nil && !bounded {
		k.mayWait(s)
	}
	inner := at.with(map[string]expr.Type{"index": {Kind: expr.Number}})
	inner.bounded = bounded
	mark := len(k.shown)
	k.steps(r.Steps, inner)
	k.condition(r.While, inner.scope)
	k.condition(r.Until, inner.scope)
	k.hideForGood(mark, s)
}

func (k *fileCheck) mayWait(s *Step) {
	k.at(s.ActionPos, s.Action, "unbounded-wait", "add timeout: 5m to the step, a block around it or the workflow", "this may wait for ever")
}

func (k *fileCheck) action(s *Step, at sight, bounded bool) {
	t := s.Do.Type
	if _, has := at.scope.Type("device"); t.TalksToWorld() && !t.NoDevice && !has {
		k.at(s.ActionPos, s.Action, "no-device", "add device: to the workflow or the step", "%s needs a device, and none is in scope", t.Name)
	}
	if t.MustBound && t.Timeout == 0 && !bounded {
		k.mayWait(s)
	}
	for i := range s.Do.Params {
		k.param(t, &s.Do.Params[i], at)
	}
}

// settable notes a variable that cannot be set here.
func (k *fileCheck) settable(name Named[*Value], at sight) {
	if at.vars == nil {
		return
	}
	region, declared := at.vars[name.Name]
	switch {
	case !declared:
		hint := Meant(name.Name, sortedKeys(at.vars))
		if hint == "" {
			hint = "declare it in vars: of the workflow"
		}
		k.at(name.Pos, name.Name, "unknown-variable", hint, "the variable %s is not declared", name.Name)
	case region != at.region:
		k.at(name.Pos, name.Name, "shared-variable", "use the results of the loop or the branches", "two branches may write vars.%s", name.Name)
	}
}
