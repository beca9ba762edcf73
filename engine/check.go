package engine

import (
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/twinbook/twinbook/engine/expr"
)

// The rules over a tree, each where its function is:
//
//	ids          unique, not reserved, letters and digits                 check_ids.go
//	visibility   only steps that have ended before can be used            check_ids.go
//	expressions  names, members and types that the file declares          check_expr.go
//	values       what an expression gives fits where it stands; secrets   check_value.go
//	parameters   queries, URLs, exactly one of several                    check_value.go
//	devices      who talks to a device has one in scope                   check_step.go
//	waiting      nothing waits for ever                                   check_step.go
//	variables    declared, and not written by two at once                 check_step.go
//	calls        the file is there, beside this one, and takes the inputs check_call.go

const (
	maxCallDepth = 20
	maxFiles     = 200
)

// A compilation compiles a workflow and what it calls, each file once.
type compilation struct {
	options  Options
	shape    *Shape
	done     map[string]*Program // nil: it has problems
	stack    []string            // files under way, the first one first
	problems Problems
}

func (c *compilation) compile(file string, source []byte) *Program {
	if c.shape == nil {
		c.shape = WorkflowShape(c.options.Types)
	}
	c.stack = append(c.stack, file)
	defer func() { c.stack = c.stack[:len(c.stack)-1] }()
	before := len(c.problems)
	f := Open(file, source)
	p := &Program{File: file, Source: source, Hash: hash(source), reader: c.options.Types.deviceReader()}
	if d := f.Decode(c.shape); d != nil {
		b := builder{file: f, types: c.options.Types}
		p.Workflow = b.workflow(d)
		k := &fileCheck{file: f, compiler: c, program: p}
		k.workflow(p.Workflow)
		p.hubs, p.secrets = b.hubs, k.secrets
	}
	called := append(Problems(nil), c.problems[before:]...)
	c.problems = append(append(c.problems[:before:before], f.Problems()...), called...)
	if len(c.problems) > before {
		p = nil
	}
	c.done[file] = p
	return p
}

// A fileCheck applies the rules to one file. It walks the steps in the order they run, so that what
// a step can see is what has been walked.
type fileCheck struct {
	file     *File
	compiler *compilation // nil: nothing can be called here
	program  *Program
	ids      map[string]*known
	shown    []string // ids that can be used, in the order of the walk
	regions  int
	noise    bool // noise() may be called
	secrets  []Use
}

// A sight is what can be seen and done at one place.
type sight struct {
	scope   *expr.Scope
	bounded bool           // an enclosing timeout ends what is here
	region  int            // which of the parts that run at the same time
	vars    map[string]int // variables and the region that declares them; nil: any name
}

// with is the sight with more names.
func (s sight) with(names map[string]expr.Type) sight {
	s.scope = s.scope.With(names)
	return s
}

func (s sight) withDevice() sight {
	if _, has := s.scope.Type("device"); has {
		return s
	}
	return s.with(map[string]expr.Type{"device": expr.DeviceType()})
}

func (k *fileCheck) workflow(w *Workflow) {
	k.collect(w.Steps, w.Catch.steps(), w.Finally.steps())
	k.calls(w)
	at := sight{bounded: w.Timeout != nil, scope: expr.NewScope(map[string]expr.Type{
		"inputs": inputsType(w.Inputs), "steps": k.stepsType(), "run": expr.RunType(), "vars": expr.ObjectType(map[string]expr.Type{}),
	})}
	k.value(w.Device, KindText, at, literalNull)
	k.value(w.Timeout, KindDuration, at, literalNull)
	k.starting(w)
	at = k.declare(w.Vars, at)
	if w.Device != nil {
		at = at.withDevice()
	}
	k.steps(w.Steps, at)
	k.ending(w.Catch, w.Finally, at)
	for _, out := range w.Outputs {
		k.value(out.Value, KindAny, at, literalNull)
	}
}

// CompileSteps checks a list of steps that is part of another kind of file, and compiles its
// expressions. names are what they see beside steps. With "device" among them they may talk to
// it, with "vars" of a known type only those variables can be set, with "reported" they are a
// simulated device's own and may call noise(). An absent list gives nil.
func (d *Decoded) CompileSteps(types *Types, names map[string]expr.Type) []*Step {
	if d == nil {
		return nil
	}
	b := builder{file: d.file, types: types}
	steps := b.steps(d)
	k := partCheck(d.file, names)
	k.collect(steps)
	at := sight{scope: expr.NewScope(names).With(map[string]expr.Type{"steps": k.stepsType()}), bounded: true}
	if vars, declared := names["vars"]; declared && vars.Fields != nil {
		at.vars = map[string]int{}
		for name := range vars.Fields {
			at.vars[name] = 0
		}
	}
	k.steps(steps, at)
	return steps
}

// partCheck checks a part of another kind of file.
func partCheck(f *File, names map[string]expr.Type) *fileCheck {
	_, simulated := names["reported"]
	return &fileCheck{file: f, noise: simulated}
}

// CompileValue compiles the expressions of a value and returns it, nil where it is absent.
func (d *Decoded) CompileValue(names map[string]expr.Type) *Value {
	if d == nil || d.value == nil {
		return nil
	}
	k := partCheck(d.file, names)
	k.value(d.value, d.shape.Kind, sight{scope: expr.NewScope(names)}, literalNull)
	return d.value
}

// CompileCondition compiles a condition and returns it, nil where it is absent.
func (d *Decoded) CompileCondition(names map[string]expr.Type) *Expression {
	if d == nil || d.cond == nil {
		return nil
	}
	k := partCheck(d.file, names)
	k.condition(d.cond, expr.NewScope(names))
	return d.cond
}

func inputsType(inputs []Named[*Input]) expr.Type {
	members := make(map[string]expr.Type, len(inputs))
	for _, in := range inputs {
		members[in.Name] = in.Value.Type.valueType()
	}
	return expr.ObjectType(members)
}

// valueType is what an expression knows of an input. Times and durations are text in JSON.
func (t InputType) valueType() expr.Type {
	switch t {
	case InputInteger, InputNumber:
		return expr.Type{Kind: expr.Number}
	case InputBoolean:
		return expr.Type{Kind: expr.Bool}
	case InputObject:
		return expr.Type{Kind: expr.Object}
	case InputArray:
		return expr.Type{Kind: expr.List}
	}
	return expr.Type{Kind: expr.String}
}

// beside is the path of a file that another one names, in the terms of the caller of Compile.
func beside(file, name string) string {
	return filepath.Join(filepath.Dir(file), filepath.FromSlash(name))
}

// cycle shows how the files under way come back to one of them: "a.yaml calls b.yaml calls a.yaml".
func (c *compilation) cycle(file string) string {
	for i, under := range c.stack {
		if under == file {
			names := make([]string, 0, len(c.stack)-i+1)
			for _, f := range append(c.stack[i:len(c.stack):len(c.stack)], file) {
				names = append(names, filepath.Base(f))
			}
			return strings.Join(names, " calls ")
		}
	}
	return ""
}

// declare checks variables in their order and adds them to the sight.
func (k *fileCheck) declare(vars []Named[*Value], at sight) sight {
	if len(vars) == 0 {
		if at.vars == nil {
			at.vars = map[string]int{}
		}
		return at
	}
	all := make(map[string]int, len(at.vars)+len(vars))
	members := make(map[string]expr.Type, len(at.vars)+len(vars))
	for name, region := range at.vars {
		all[name], members[name] = region, expr.Type{}
	}
	for _, v := range vars {
		if _, twice := at.vars[v.Name]; twice {
			k.at(v.Pos, v.Name, "shadowing", "choose another name", "the variable %s is declared in an enclosing block already", v.Name)
		}
		all[v.Name], members[v.Name] = at.region, expr.Type{}
	}
	at.vars = all
	at = at.with(map[string]expr.Type{"vars": expr.ObjectType(members)})
	later := map[string]bool{}
	for _, v := range vars {
		later[v.Name] = true
	}
	for _, v := range vars {
		k.value(v.Value, KindAny, at, literalNull)
		v.Value.Expressions(func(e *Expression) { k.earlierVars(e, later) })
		delete(later, v.Name)
	}
	return at
}

// at notes a problem at a name in the file; without the name, at the value that stands there.
func (k *fileCheck) at(pos Pos, name, rule, hint, format string, args ...any) {
	width := utf8.RuneCountInString(name)
	if name == "" {
		width = k.file.valueWidth(pos)
	}
	k.file.problem(pos, width, rule, hint, format, args...)
}
