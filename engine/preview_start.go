package engine

import (
	"fmt"
	"strings"

	"github.com/twinbook/twinbook/engine/expr"
)

// starting shows what starts runs of the workflow, and how many of them may be under way.
func (v *preview) starting(w *Workflow) {
	if c := w.Concurrency; c != nil {
		v.head("concurrency", c.Pos, "key: "+v.show(c.Key), fmt.Sprintf("limit: %d", c.Limit), "when full: "+string(c.WhenFull))
	}
	for _, s := range w.Schedules {
		details := []string{fmt.Sprintf("%s in %s", s.Cron, s.Zone), fmt.Sprintf("overlap: %s, missed: %s", s.Overlap, s.Missed)}
		if s.Jitter > 0 {
			details = append(details, "jitter: "+expr.FormatDuration(s.Jitter))
		}
		v.head("schedule "+s.ID, s.Pos, append(details, v.startInputs(s.Inputs)...)...)
	}
	for _, t := range w.Triggers {
		title, details := "webhook "+t.ID, []string{}
		if t.Twin != nil {
			title, details = "twin trigger "+t.ID, t.Twin.details()
		}
		v.head(title, t.Pos, append(details, v.startInputs(t.Inputs)...)...)
	}
}

func (t *TwinTrigger) details() []string {
	details := []string{"where: " + t.Where.Source}
	if t.Hub != "" {
		details = append(details, "hub: "+t.Hub)
	}
	if t.Debounce > 0 {
		details = append(details, "debounce: "+expr.FormatDuration(t.Debounce))
	}
	return details
}

// startInputs shows the inputs that a run is started with. What is known of this run says nothing of those.
func (v *preview) startInputs(inputs []Named[*Value]) []string {
	nothing := &preview{env: expr.Env{Now: v.env.Now, Names: map[string]any{}}}
	var all []string
	for _, in := range inputs {
		all = append(all, in.Name+": "+nothing.show(in.Value))
	}
	if len(all) == 0 {
		return nil
	}
	return []string{"inputs: " + strings.Join(all, ", ")}
}

// head is a line that is no step.
func (v *preview) head(title string, at Pos, details ...string) {
	v.lines = append(v.lines, PreviewLine{Depth: v.depth, Title: title, Details: details, Where: at.String()})
}
