package engine

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// expectField is the parameter `expect`, which every step type with an expectation has.
var expectField = Field{Name: "expect", Kind: KindCond, Sees: []string{"response"}, index: -1}

// expectation compiles the type's own expectation and gives it the parameter.
func (t *StepType) expectation() {
	if t.Expect == "" {
		return
	}
	compiled, problem := expr.NewScope(map[string]expr.Type{"response": t.responseType()}).Compile(t.Expect, expr.CompileOptions{Bool: true})
	if problem != nil {
		panic("engine: " + t.Name + ": " + problem[0].Msg)
	}
	t.expect = compiled
	f := expectField
	f.Doc = "What the answer must meet, over `response`; by default " + t.ExpectText + "."
	t.Fields = append(t.Fields, f)
}

func (t *StepType) responseType() expr.Type {
	fields := make(map[string]expr.Type, len(t.Outputs))
	for _, o := range t.Outputs {
		fields[o.Name] = o.Type
	}
	return expr.Type{Kind: expr.Object, Fields: fields}
}

// A Definition is a step type together with the function that talks to the world through an Env.
type Definition[Env any] struct {
	Type *StepType
	run  func(ctx context.Context, env Env, c Command, secret func(string) string) (any, error)

	// watch is set instead of run where the type Parks.
	watch func(env Env, c Command, secret func(string) string, answer func(any, error)) (stop func(cause error))
}

// Define makes a step type that talks to the world. P is a struct whose fields are the parameters,
// R one whose fields are the outputs (see Field for their tags).
//
// If *P has the method AttemptLimit(timeout), an attempt may take as long as that says instead of the
// timeout itself; if it has EffectDelivery(), that is the attempt's delivery instead of the spec's.
func Define[Env, P, R any](spec Spec, run func(ctx context.Context, env Env, p P) (R, error)) Definition[Env] {
	t := worldType[P, R](spec)
	return Definition[Env]{Type: t, run: func(ctx context.Context, env Env, c Command, secret func(string) string) (any, error) {
		params, err := paramsOf[P](t, c, secret)
		if err != nil {
			return nil, err
		}
		result, err := run(ctx, env, params)
		if err != nil {
			return nil, err
		}
		return resultJSON(result, t.Outputs), nil
	}}
}

// DefineWatch is Define for a step type that only waits for what others tell it, and so needs no
// goroutine while it does: a run that waits for nothing else can leave memory. start returns at once.
// answer is called once, from anywhere, perhaps before start has returned. stop ends the wait early: answer
// is then called at once, with an error that wraps cause and says what was seen, unless it was called before.
func DefineWatch[Env, P, R any](spec Spec, start func(env Env, p P, answer func(R, error)) (stop func(cause error))) Definition[Env] {
	t := worldType[P, R](spec)
	t.parks = true
	return Definition[Env]{Type: t, watch: func(env Env, c Command, secret func(string) string, answer func(any, error)) (stop func(cause error)) {
		params, err := paramsOf[P](t, c, secret)
		if err != nil {
			answer(nil, err)
			return func(error) {}
		}
		return start(env, params, func(result R, err error) {
			if err != nil {
				answer(nil, err)
				return
			}
			answer(resultJSON(result, t.Outputs), nil)
		})
	}}
}

// worldType is a step type that somebody has to carry out.
func worldType[P, R any](spec Spec) *StepType {
	t := &StepType{
		Spec: spec, runs: true,
		Fields: paramFields(reflect.TypeFor[P]()), Outputs: outputFields(reflect.TypeFor[R]()),
	}
	t.expectation()
	for _, f := range t.Fields {
		if f.Kind == KindTime && f.Default == SinceStepBefore {
			t.since = f.Name
		}
	}
	if _, ok := any(new(P)).(limiter); ok {
		t.most = func(p resolved, timeout time.Duration) time.Duration {
			var params P
			if err := p.into(&params, t.Fields); err != nil {
				return timeout
			}
			return any(&params).(limiter).AttemptLimit(timeout)
		}
	}
	if _, ok := any(new(P)).(deliverer); ok {
		t.delivery = func(p resolved) Delivery {
			var params P
			if err := p.into(&params, t.Fields); err != nil {
				return spec.Delivery
			}
			return any(&params).(deliverer).EffectDelivery()
		}
	}
	return t
}

// paramsOf are the parameters of a command with the secrets filled in.
func paramsOf[P any](t *StepType, c Command, secret func(string) string) (params P, err error) {
	values, _ := Reveal(c.Params, secret).(map[string]any)
	if err := (resolved{values: values, conds: c.Conds}).into(&params, t.Fields); err != nil {
		return params, &Error{Kind: KindInvalid, Message: err.Error()}
	}
	return params, nil
}

type limiter interface {
	AttemptLimit(timeout time.Duration) time.Duration
}

type deliverer interface{ EffectDelivery() Delivery }

// defineWait makes a step type that only waits until a time; P has its parameters.
func defineWait[P any](spec Spec, wait func(c EvalContext, p P) (time.Time, error)) *StepType {
	t := &StepType{Spec: spec, Fields: paramFields(reflect.TypeFor[P]())}
	t.wait = func(c EvalContext, r resolved) (time.Time, error) {
		var p P
		if err := r.into(&p, t.Fields); err != nil {
			return time.Time{}, err
		}
		return wait(c, p)
	}
	return t
}

// defineEval makes a step type that is pure; P has its parameters.
func defineEval[P any](spec Spec, eval func(c EvalContext, p P) (Effect, error)) *StepType {
	t := &StepType{Spec: spec, Fields: paramFields(reflect.TypeFor[P]())}
	t.eval = func(c EvalContext, r resolved) (Effect, error) {
		var p P
		if err := r.into(&p, t.Fields); err != nil {
			return Effect{}, err
		}
		return eval(c, p)
	}
	return t
}

// defineAsk makes a step type that waits for what somebody tells the run; P has its parameters.
func defineAsk[P any](spec Spec, asks func(p P) (Ask, error)) *StepType {
	t := &StepType{Spec: spec, Fields: paramFields(reflect.TypeFor[P]()), Outputs: outputFields(reflect.TypeFor[told]())}
	t.asks = func(r resolved) (Ask, error) {
		var p P
		if err := r.into(&p, t.Fields); err != nil {
			return Ask{}, err
		}
		return asks(p)
	}
	return t
}

// told is what came of an ask.
type told struct {
	Payload any    `json:"payload" doc:"What came with it; null where nothing did."`
	By      string `json:"by" doc:"Who sent it; empty where nobody knows."`
}

// A Catalog is the step types of a world with the functions that carry them out.
type Catalog[Env any] struct {
	Types *Types
	defs  map[string]Definition[Env]
}

// Pure is the definition of a step type that needs no world.
func Pure[Env any](t *StepType) Definition[Env] { return Definition[Env]{Type: t} }

// NewCatalog makes a catalog in the order the documentation shows it.
func NewCatalog[Env any](defs ...Definition[Env]) Catalog[Env] {
	c := Catalog[Env]{defs: make(map[string]Definition[Env], len(defs))}
	list := make([]*StepType, len(defs))
	for i, d := range defs {
		list[i] = d.Type
		c.defs[d.Type.Name] = d
	}
	c.Types = NewTypes(list...)
	return c
}

// Do carries out a command in env, with secrets filled in, and returns the step's outputs as JSON.
// Beside an error there are none: a step that got no answer must not show the zeros of its struct as
// one. The planner would take outputs beside an error; no step of ours has any.
func (c Catalog[Env]) Do(ctx context.Context, env Env, cmd Command, secret func(name string) string) (any, error) {
	d, ok := c.defs[cmd.Type.Name]
	if !ok || d.run == nil {
		return nil, nobody(cmd)
	}
	return d.run(ctx, env, cmd, secret)
}

// Watch begins a command whose type Parks, as Do carries out others; see DefineWatch for answer and stop.
func (c Catalog[Env]) Watch(env Env, cmd Command, secret func(name string) string, answer func(value any, err error)) (stop func(cause error)) {
	d, ok := c.defs[cmd.Type.Name]
	if !ok || d.watch == nil {
		answer(nil, nobody(cmd))
		return func(error) {}
	}
	return d.watch(env, cmd, secret, answer)
}

func nobody(cmd Command) *Error {
	return &Error{Kind: KindInternal, Message: fmt.Sprintf("nobody can carry out %s here", cmd.Type.Name)}
}

// resultJSON makes the outputs of a step from its result struct. The result's free values are JSON
// already (they come from devices); typed ones are made so.
func resultJSON(result any, outputs []Field) any {
	v := reflect.ValueOf(result)
	if v.Kind() != reflect.Struct {
		return nil
	}
	object := make(map[string]any, len(outputs))
	for _, f := range outputs {
		value, err := expr.ToJSON(v.Field(f.index).Interface())
		if err != nil {
			value = nil
		}
		object[f.Name] = value
	}
	return object
}
