package main

import (
	"fmt"
	"strings"

	"github.com/twinbook/twinbook/engine"
)

// A long loop is shown in part: so many of the items that failed, were cancelled, or are under way.
const (
	longLoop  = 12
	mostItems = 10
)

func isItem(part *engine.TracedPart) bool {
	return part.Kind == engine.PartItem || part.Kind == engine.PartPass
}

// longLoop draws the items that failed and those under way, and counts the others. Of a repeat the last pass is
// drawn, too: it tells why there is another one, or none.
func (p *picture) longLoop(parts []*engine.TracedPart, a around) {
	shown, hidden := counts{}, counts{}
	what := "more items"
	for i, part := range parts {
		if !isItem(part) { // catch, finally
			p.rest(hidden, what, a)
			hidden = counts{}
			p.part(part, a)
			continue
		}
		status := statusOf(part)
		last := part.Kind == engine.PartPass && (i == len(parts)-1 || !isItem(parts[i+1]))
		if part.Kind == engine.PartPass {
			what = "more passes"
		}
		if status != engine.Succeeded && shown[status] < mostItems || last {
			shown[status]++
			p.part(part, a)
		} else {
			hidden[status]++
		}
	}
	p.rest(hidden, what, a)
}

// rest says how many items are not shown.
func (p *picture) rest(hidden counts, what string, a around) {
	if n := hidden.total(); n > 0 {
		p.free(a.depth-1, "", fmt.Sprintf("… and %d %s: %s; --all shows them", n, what, hidden), dim)
	}
}

// statusOf is how an item or a pass ended; empty: it has not.
func statusOf(part *engine.TracedPart) engine.Status {
	if part.Kind == engine.PartItem {
		return part.Status
	}
	status := engine.Succeeded
	for _, s := range part.Steps {
		switch {
		case s.Status == "":
			return ""
		case s.Status == engine.Failed && !s.Tolerated, s.Status == engine.Cancelled:
			status = s.Status
		}
	}
	return status
}

// counts are numbers of things by how they ended.
type counts map[engine.Status]int

func (c counts) total() (n int) {
	for _, each := range c {
		n += each
	}
	return n
}

func (c counts) String() string {
	var parts []string
	for _, s := range []engine.Status{engine.Succeeded, engine.Failed, engine.Cancelled, engine.Skipped, ""} {
		word := string(s)
		if s == "" {
			word = "under way"
		}
		if c[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c[s], word))
		}
	}
	return strings.Join(parts, ", ")
}

// soFar counts the items of a loop under way.
func soFar(parts []*engine.TracedPart) counts {
	c := counts{}
	for _, part := range parts {
		if isItem(part) {
			c[statusOf(part)]++
		}
	}
	return c
}
