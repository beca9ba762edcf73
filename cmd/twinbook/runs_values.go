package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/record"
)

// mostTries is how many failed attempts of a step are shown, the latest.
const mostTries = 5

// retries draws the failures after which a step was tried again.
func (p *picture) retries(s *engine.TracedStep, depth int) {
	failed := s.Retries
	if more := len(failed) - mostTries; more > 0 && !p.all {
		p.free(depth, "", fmt.Sprintf("… %d more failed attempts before; --all shows them", more), dim)
		failed = failed[more:]
	}
	for _, r := range failed {
		p.free(depth, "", fmt.Sprintf("↻ attempt %d ended at %s: %s", r.Attempt, p.offset(r.Time), failureText(r.Error)), yellow)
	}
}

// putIn draws what a step was given: its conditions as written, and the parameters as sent.
func (p *picture) putIn(s *engine.TracedStep, depth int) {
	p.members(depth, "in", given(s))
}

// putOut draws what a step gave.
func (p *picture) putOut(s *engine.TracedStep, depth int) {
	if s.Step.Do == nil {
		return // what a block or loop gives is seen in the steps inside
	}
	outputs, _ := s.Value.(map[string]any)
	var order []string
	for _, f := range s.Step.Do.Type.Outputs {
		order = append(order, f.Name)
	}
	p.members(depth, "out", named(outputs, order))
}

// A member is a value with its name.
type member struct {
	name  string
	value any
	words string // instead of the value: an expression as written
}

// given are the parameters of the latest attempt, in the order of the reference, and its conditions.
func given(s *engine.TracedStep) []member {
	if s.Step.Do == nil || len(s.Attempts) == 0 {
		return nil
	}
	var order []string
	for _, f := range s.Step.Do.Type.Fields {
		order = append(order, f.Name)
	}
	return append(named(s.Attempts[len(s.Attempts)-1].Params, order), conditions(s)...)
}

// conditions are those of a step's action, as the file has them.
func conditions(s *engine.TracedStep) (all []member) {
	if s.Step.Do == nil {
		return nil
	}
	for _, p := range s.Step.Do.Params {
		if p.Cond != nil {
			all = append(all, member{name: p.Field.Name, words: p.Cond.Source})
		}
	}
	return all
}

// named are the members of an object: first those of order, then others by their names. Those that say
// nothing are left out.
func named(object map[string]any, order []string) []member {
	var members []member
	add := func(name string) {
		if value, ok := object[name]; ok && !emptyValue(value) {
			members = append(members, member{name: name, value: value})
		}
	}
	for _, name := range order {
		add(name)
	}
	var others []string
	for name := range object {
		if !slices.Contains(order, name) {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	for _, name := range others {
		add(name)
	}
	return members
}

func emptyValue(value any) bool { return value == nil || value == "" }

// members draws values on one line, or, in full, each on lines of its own.
func (p *picture) members(depth int, label string, members []member) {
	if len(members) == 0 {
		return
	}
	if p.values == valuesFull {
		for _, m := range members {
			p.full(depth, label, m)
			label = " "
		}
		return
	}
	parts := make([]string, len(members))
	for i, m := range members {
		parts[i] = clean(m.name) + ": " + m.short()
	}
	p.free(depth, label, strings.Join(parts, " · "), plain)
}

// short is a member's value on one line.
func (m member) short() string {
	if m.words != "" {
		return clean(m.words)
	}
	switch value := m.value.(type) {
	case string:
		if len(value) <= mostDetail {
			return valueText(value)
		}
	case map[string]any:
		if _, twin := value["$metadata"]; twin {
			return twinText(value)
		}
	}
	return clean(shortJSON(m.value))
}

// twinText is what people look for in a twin, first of all what the device reports.
func twinText(twin map[string]any) string {
	var parts []string
	for _, name := range []string{"connectionState", "reported", "desired", "tags"} {
		section, object := twin[name].(map[string]any)
		if value := twin[name]; value != nil && !(object && len(section) == 0) {
			parts = append(parts, fmt.Sprintf("%q:%s", name, shortJSON(value)))
		}
	}
	return clean("{" + strings.Join(parts, ",") + "}")
}

// full draws the whole of a member.
func (p *picture) full(depth int, label string, m member) {
	text, err := record.Text(m.value, "  ")
	if m.words != "" || err != nil {
		text = m.short()
	} else if plain, ok := m.value.(string); ok && plain == clean(plain) {
		text = plain
	}
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if i == 0 {
			p.free(depth, label, clean(m.name)+": "+line, plain)
		} else {
			p.free(depth, " ", line, plain)
		}
	}
}
