package engine

import (
	"fmt"
	"strings"
)

// details are what surrounds a step's action, and its parameters.
func (v *preview) details(s *Step) []string {
	var out []string
	add := func(name string, value *Value) {
		if value != nil {
			out = append(out, name+": "+v.show(value))
		}
	}
	if s.Do != nil {
		for _, p := range s.Do.Params {
			out = append(out, v.param(p)...)
		}
	}
	switch {
	case s.ForEach != nil && s.ForEach.In != nil:
		out = append(out, "for each "+s.ForEach.As+" of "+v.expression(s.ForEach.In))
	case s.ForEach != nil:
		add("for each "+s.ForEach.As+" of", s.ForEach.Items)
	case s.Repeat != nil && s.Repeat.Until != nil:
		out = append(out, "until "+s.Repeat.Until.Source)
	case s.Repeat != nil:
		out = append(out, "while "+s.Repeat.While.Source)
	case s.Call != nil:
		out = append(out, "workflow: "+s.Call.Path)
		for _, n := range s.Call.Inputs {
			add("input "+n.Name, n.Value)
		}
	}
	if s.ForEach != nil {
		add("concurrency", s.ForEach.Concurrency)
	}
	if s.Repeat != nil {
		add("every", s.Repeat.Every)
		add("max", s.Repeat.Max)
	}
	add("timeout", s.Timeout)
	if s.Retry != nil {
		out = append(out, "retry: "+v.retry(s.Retry))
	}
	if s.ContinueOnError {
		out = append(out, "a failure is tolerated")
	}
	return out
}

func (v *preview) param(p Param) []string {
	switch {
	case p.Cond != nil:
		return []string{p.Field.Name + ": " + p.Cond.Source}
	case p.Checks != nil:
		lines := make([]string, len(p.Checks))
		for i, c := range p.Checks {
			lines[i] = c.That.Source
		}
		return lines
	case p.Names != nil:
		lines := make([]string, len(p.Names))
		for i, n := range p.Names {
			lines[i] = n.Name + ": " + v.show(n.Value)
		}
		return lines
	}
	return []string{p.Field.Name + ": " + v.show(p.Value)}
}

func (v *preview) retry(r *Retry) string {
	attempts := fmt.Sprint(defaultAttempts)
	if r.Attempts != nil {
		attempts = v.show(r.Attempts)
	}
	text := attempts + " attempts"
	if r.OnGiven {
		kinds := make([]string, len(r.On))
		for i, k := range r.On {
			kinds[i] = string(k)
		}
		text += " on " + strings.Join(kinds, ", ")
	}
	return text
}

// String says what a delivery means to a reader.
func (d Delivery) String() string {
	return [...]string{Read: "reads", Repeatable: "may be repeated", Once: "done once"}[d]
}
