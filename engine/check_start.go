package engine

import (
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

// starting checks what starts runs of a workflow and bounds them. Nothing of a run is there yet but what starts it.
func (k *fileCheck) starting(w *Workflow) {
	if c := w.Concurrency; c != nil {
		k.value(c.Key, KindText, seeingOnly(map[string]expr.Type{"inputs": inputsType(w.Inputs), "run": expr.RunType()}), nullFails)
	}
	for _, s := range w.Schedules {
		missing := k.startInputs(w, s.Inputs, seeingOnly(map[string]expr.Type{"run": runToBe(scheduleTriggerType())}))
		for _, want := range missing {
			k.missingInput(s.Pos, want, "add it: inputs: { "+want.Name+": … }, or give it a default", "schedule")
		}
	}
	for _, t := range w.Triggers {
		k.trigger(w, t)
	}
}

// seeingOnly is the sight of an expression that sees some names and nothing else.
func seeingOnly(names map[string]expr.Type) sight { return sight{scope: expr.NewScope(names)} }

func (k *fileCheck) trigger(w *Workflow, t *Trigger) {
	names := map[string]expr.Type{"run": runToBe(webhookTriggerType())}
	hint := `add it: inputs: { NAME: "${{ run.trigger.payload.… }}" }, or give it a default`
	if t.Twin != nil {
		k.condition(t.Twin.Where, seeingOnly(map[string]expr.Type{"twin": expr.TwinType()}).scope)
		names = map[string]expr.Type{"run": runToBe(twinTriggerType()), "twin": expr.TwinType()}
		hint = `add it: inputs: { NAME: "${{ run.trigger.device }}" }, or give it a default`
	}
	for _, want := range k.startInputs(w, t.Inputs, seeingOnly(names)) {
		k.missingInput(t.Pos, want, strings.ReplaceAll(hint, "NAME", want.Name), "trigger")
	}
}

func (k *fileCheck) startInputs(w *Workflow, inputs []Named[*Value], at sight) (missing []Named[*Input]) {
	for _, in := range inputs {
		k.value(in.Value, KindAny, at, nullFails)
	}
	return k.givenInputs(inputs, w.Inputs, "workflow "+w.Name)
}

func (k *fileCheck) missingInput(at Pos, want Named[*Input], hint, what string) {
	k.at(at, "", "missing-input", hint, "this %s does not give the input %s, which is required; %s", what, want.Name, want.Value.wants())
}

// runToBe is the name run before there is one.
func runToBe(trigger expr.Type) expr.Type {
	return expr.ObjectType(map[string]expr.Type{"workflow": {Kind: expr.String}, "trigger": trigger})
}

// What run.trigger is of runs that the server starts; see docs/language.md.

func scheduleTriggerType() expr.Type {
	return expr.ObjectType(map[string]expr.Type{
		"kind": {Kind: expr.String}, "schedule": {Kind: expr.String}, "nominal": {Kind: expr.String}, "actual": {Kind: expr.String}, "backfill": {Kind: expr.Bool},
	})
}

func webhookTriggerType() expr.Type {
	return expr.ObjectType(map[string]expr.Type{
		"kind": {Kind: expr.String}, "id": {Kind: expr.String}, "payload": {}, "headers": {Kind: expr.Object},
	})
}

func twinTriggerType() expr.Type {
	return expr.ObjectType(map[string]expr.Type{
		"kind": {Kind: expr.String}, "id": {Kind: expr.String}, "device": {Kind: expr.String}, "hub": {Kind: expr.String},
	})
}
