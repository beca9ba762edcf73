package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine/expr"
)

// Slot is the place that a run has to have by the program's `concurrency`; nil: it needs none. An error is a key
// that does not come out as a text for these inputs. now is when the run is asked for.
func (p *Program) Slot(start RunStart, now time.Time) (*Slot, error) {
	c := p.Workflow.Concurrency
	if c == nil {
		return nil, nil
	}
	env := expr.Env{Now: now, Names: map[string]any{"inputs": start.Inputs, "run": runRecord(start, now)}}
	field := Field{Name: "concurrency.key", Kind: KindText}
	value, err := field.evaluate(c.Key, env, nullIsError)
	if err != nil {
		return nil, err
	}
	key, _ := value.(string)
	if strings.TrimSpace(key) == "" {
		return nil, &ValueError{Pos: c.Key.Pos, Path: field.Name, Msg: fmt.Sprintf("expected text, got %q", key)}
	}
	return &Slot{Key: key, Limit: c.Limit, WhenFull: c.WhenFull}, nil
}

// ScheduleInputs are the inputs of a run that a schedule starts, with the defaults filled in. trigger is the run's
// RunStart.Trigger, of JSON types. An error says which input did not come out as it must.
func (p *Program) ScheduleInputs(s *Schedule, trigger any, now time.Time) (map[string]any, error) {
	return p.startInputs(s.Inputs, map[string]any{"run": p.runToBe(trigger)}, now)
}

// TriggerInputs are those of a run that a trigger starts; twin is what met its condition, nil of a webhook.
func (p *Program) TriggerInputs(t *Trigger, trigger any, twin map[string]any, now time.Time) (map[string]any, error) {
	names := map[string]any{"run": p.runToBe(trigger)}
	if t.Twin != nil {
		names["twin"] = twin
	}
	return p.startInputs(t.Inputs, names, now)
}

func (p *Program) runToBe(trigger any) map[string]any {
	return map[string]any{"workflow": p.Workflow.Name, "trigger": trigger}
}

func (p *Program) startInputs(inputs []Named[*Value], names map[string]any, now time.Time) (map[string]any, error) {
	raw := make(map[string]any, len(inputs))
	for _, in := range inputs {
		value, err := in.Value.evalAt(expr.Env{Now: now, Names: names}, nullIsError, "inputs."+in.Name)
		if err != nil {
			return nil, err
		}
		raw[in.Name] = value
	}
	return p.CheckInputs(raw)
}

// Holds says whether a twin meets the condition of a twin trigger. Where a part of it is missing, it does not; an
// error is a condition that has no answer, such as a comparison of text with a number.
func (p *Program) Holds(t *Trigger, twin map[string]any, now time.Time) (bool, error) {
	return t.Twin.Where.Expr.Bind(expr.Env{}).Holds(now, map[string]any{"twin": twin})
}

// TriggerHubs are the hubs that the program's triggers name. Whoever looks out for them needs these; its runs do not.
func (p *Program) TriggerHubs() []Use {
	var uses []Use
	for _, t := range p.Workflow.Triggers {
		if t.Twin != nil && t.Twin.Hub != "" {
			uses = append(uses, Use{Name: t.Twin.Hub, Pos: t.Twin.HubPos})
		}
	}
	return uses
}

// TriggerSecrets are the secrets that the program's webhooks name; see TriggerHubs.
func (p *Program) TriggerSecrets() []Use {
	var uses []Use
	for _, t := range p.Workflow.Triggers {
		if t.Webhook != nil && t.Webhook.Secret != "" {
			uses = append(uses, Use{Name: t.Webhook.Secret, Pos: t.Webhook.SecretPos})
		}
	}
	return uses
}

// runRecord is `run` as expressions see it.
func runRecord(start RunStart, began time.Time) map[string]any {
	return map[string]any{"id": start.ID, "workflow": start.Workflow, "startedAt": began, "trigger": start.Trigger}
}
