package steps

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
)

// isMet asks the condition that a parameter gives. A part that is missing means no: keep waiting, or
// not selected. Anything else that goes wrong in it fails the step.
func isMet(condition *expr.Bound, param string, now time.Time, names map[string]any) (bool, error) {
	yes, err := condition.Holds(now, names)
	if err != nil {
		return false, &engine.Error{Kind: engine.KindExpression, Message: fmt.Sprintf("%s: %s: %v", param, condition.Source(), err)}
	}
	return yes, nil
}

// describe says what was seen that did not meet a condition: "twin.reported.rebootTime is still
// 10:31:02". What the condition compares it with stays the same, and is left out. Where the condition
// cannot come true with values like these, it says why instead.
func describe(condition *expr.Bound, now time.Time, names map[string]any, what, is string) string {
	parts, why := condition.Unmet(now, names)
	if slices.ContainsFunc(parts, func(p expr.Part) bool { return p.Type != "" }) {
		return why
	}
	texts := make([]string, 0, len(parts))
	for _, p := range parts {
		switch {
		case !strings.Contains(p.Source, what+".") || strings.HasPrefix(p.Source, "steps."):
		case p.Missing:
			texts = append(texts, p.Source+" is missing")
		default:
			texts = append(texts, p.Source+" "+is+" "+expr.Show(p.Value))
		}
	}
	if len(texts) == 0 {
		return "the condition is not met"
	}
	return strings.Join(texts, ", ")
}
