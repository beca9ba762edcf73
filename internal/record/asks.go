package record

import "github.com/twinbook/twinbook/engine"

// Asks are what the run waits for somebody to tell it, in the order of its steps.
func (r Record) Asks() []engine.Ask {
	var asks []engine.Ask
	var walk func(parts []*engine.TracedPart)
	walk = func(parts []*engine.TracedPart) {
		for _, part := range parts {
			for _, s := range part.Steps {
				if s.Ask != nil && s.Ended.IsZero() {
					asks = append(asks, *s.Ask)
				}
				walk(s.Parts)
			}
		}
	}
	if r.Traced != nil {
		walk(r.Traced.Parts)
	}
	return asks
}
