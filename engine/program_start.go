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

// runRecord is `run` as expressions see it.
func runRecord(start RunStart, began time.Time) map[string]any {
	return map[string]any{"id": start.ID, "workflow": start.Workflow, "startedAt": began, "trigger": start.Trigger}
}
