package engine

import "github.com/twinbook/twinbook/engine/expr"

// starting checks what starts runs of a workflow and bounds them.
func (k *fileCheck) starting(w *Workflow) {
	if c := w.Concurrency; c != nil {
		k.value(c.Key, KindText, sight{scope: expr.NewScope(map[string]expr.Type{"inputs": inputsType(w.Inputs), "run": expr.RunType()})}, nullFails)
	}
}
