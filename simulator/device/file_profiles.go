package device

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
)

// maxDepth is how deep a twin's properties may nest, as Azure documents.
const maxDepth = 10

// profile compiles a profile.
func (l *loader) profile(name string, d *engine.Decoded) *Profile {
	p := &Profile{Name: name, Reported: l.properties(d.Get("reported"))}
	for _, m := range d.Get("methods").Entries() {
		l.methodName(m)
		compiled := l.list("method "+m.Name, m.Value, Actions().Types, map[string]expr.Type{"method": {Kind: expr.String}, "payload": {}})
		compiled.method = m.Name
		p.methods = append(p.methods, compiled)
	}
	if d.Has("onDesired") {
		p.onDesired = l.list("onDesired", d.Get("onDesired"), eventTypes(), nil)
	}
	if d.Has("onMessage") {
		p.onMessage = l.list("onMessage", d.Get("onMessage"), eventTypes(), map[string]expr.Type{"message": messageType()})
	}
	p.beats = l.telemetry(d.Get("telemetry"))
	return p
}

// methodName holds a method's name against what Azure allows in one.
func (l *loader) methodName(m engine.Named[*engine.Decoded]) {
	bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`$()<>@,;:\"/[]?={}`, r) }
	if m.Name == "" || len(m.Name) > 100 || strings.ContainsFunc(m.Name, bad) {
		l.file.Problem(m.Pos, len([]rune(m.Name)), "bad-method-name", "1 to 100 letters, digits and signs such as - _ . are allowed",
			fmt.Sprintf("%q cannot be the name of a method", cut(m.Name)))
	}
}

// list compiles steps of a device. Nobody declares vars outside of a block.
func (l *loader) list(name string, d *engine.Decoded, types *engine.Types, more map[string]expr.Type) *list {
	names := deviceNames()
	names["vars"] = expr.ObjectType(map[string]expr.Type{})
	for n, t := range more {
		names[n] = t
	}
	var steps []*engine.Step
	if d != nil {
		steps = d.CompileSteps(types, names)
	}
	l.steps(steps, 1)
	workflow := &engine.Workflow{Pos: d.Pos(), Name: name, Steps: steps}
	return &list{name: name, program: &engine.Program{File: l.file.Name, Source: l.file.Source, Workflow: workflow}}
}

// deviceNames are what all expressions of a profile see.
func deviceNames() map[string]expr.Type {
	object := expr.Type{Kind: expr.Object}
	return map[string]expr.Type{"device": expr.DeviceType(), "reported": object, "desired": object}
}

// steps holds against the rules for devices what the rules for all steps let pass. turns is how often they
// may be played without a pause.
func (l *loader) steps(list []*engine.Step, turns float64) {
	for _, s := range list {
		l.steps(s.Steps, turns)
		l.steps(s.Else, turns)
		if s.Catch != nil {
			l.steps(s.Catch.Steps, turns)
		}
		if s.Finally != nil {
			l.steps(s.Finally.Steps, turns)
		}
		if s.Repeat != nil {
			l.repeat(s, turns)
		}
		if s.Do != nil {
			for _, p := range s.Do.Params {
				l.noSecrets(p.Value)
			}
		}
	}
}

// maxTurns is how often loops may turn, all together, without time for anybody else.
const maxTurns = 10_000

// repeat refuses a loop that could hold up all other devices. What a payload says about its pace
// is not believed.
func (l *loader) repeat(s *engine.Step, turns float64) {
	every, most := s.Repeat.Every, s.Repeat.Max
	switch {
	case every != nil && every.Kind == engine.ValueLiteral:
		turns = 1
	case most != nil && most.Kind == engine.ValueLiteral:
		n, _ := most.Lit.(float64)
		turns *= n
	default:
		turns = maxTurns + 1
	}
	if turns > maxTurns {
		l.file.Problem(s.ActionPos, len(s.Action), "endless-repeat", "add every: 1s", fmt.Sprintf("this may repeat more than %d times without a pause", maxTurns))
		turns = 1
	}
	l.steps(s.Repeat.Steps, turns)
}

// noSecrets refuses secrets, which only workflows have.
func (l *loader) noSecrets(v *engine.Value) {
	if v == nil {
		return
	}
	for _, part := range v.Parts {
		if part.Secret != "" {
			l.file.Problem(part.Pos, len("secrets.")+len(part.Secret), "secret-place", "", "a simulated device has no secrets")
		}
	}
	for _, k := range v.Keys {
		l.noSecrets(k.Value)
	}
	for _, item := range v.Items {
		l.noSecrets(item)
	}
}

// properties are a section of a twin as JSON. What a hub would refuse is a problem here, where it has a place.
func (l *loader) properties(d *engine.Decoded) map[string]any {
	v := d.Value()
	if v == nil {
		return nil
	}
	l.property(v, 1)
	properties, _ := d.Constant().(map[string]any)
	return properties
}

func (l *loader) property(v *engine.Value, depth int) {
	switch {
	case v.Kind == engine.ValueLiteral && v.Lit == nil:
		l.file.Problem(v.Pos, 1, "bad-property", "leave the property out", "a property cannot be null")
	case depth > maxDepth && v.Kind != engine.ValueLiteral:
		l.file.Problem(v.Pos, 1, "bad-property", "", fmt.Sprintf("properties nest at most %d deep", maxDepth))
		return
	}
	for _, k := range v.Keys {
		if strings.ContainsAny(k.Name, ".$ ") || strings.ContainsFunc(k.Name, unicode.IsControl) || k.Name == "" {
			l.file.Problem(k.Pos, len([]rune(k.Name)), "bad-property", "leave out dots, $, blanks and control characters", fmt.Sprintf("%q cannot be the name of a property", cut(k.Name)))
		}
		l.property(k.Value, depth+1)
	}
	for _, item := range v.Items {
		l.property(item, depth+1)
	}
}
