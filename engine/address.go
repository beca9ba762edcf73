package engine

import (
	"strconv"
	"strings"
)

// An Address names one instance of a step inside a run. "rollout[3]/reboot#2" is the second attempt
// of step reboot for the fourth item of the loop rollout; a step without an id is named by its action and its
// place in its list, "assert@4". Timers have the address of what they are for: "rollout!timeout".
type Address string

// child is a named part of what a is: a branch, "catch", "else".
func (a Address) child(name string) Address {
	if a == "" {
		return Address(name)
	}
	return a + "/" + Address(name)
}

// step is the address of the n-th step of a list, from 1.
func (a Address) step(s *Step, n int) Address {
	if s.ID != "" {
		return a.child(s.ID)
	}
	return a.child(s.Action + "@" + strconv.Itoa(n))
}

// item is one pass of a loop, from 0.
func (a Address) item(i int) Address { return a + "[" + Address(strconv.Itoa(i)) + "]" }

// attempt is one attempt of a step, from 1.
func (a Address) attempt(n int) Address { return a + "#" + Address(strconv.Itoa(n)) }

// Step is the address without the number of the attempt.
func (a Address) Step() Address {
	if i := strings.LastIndexByte(string(a), '#'); i > strings.LastIndexByte(string(a), '/') {
		return a[:i]
	}
	return a
}

// A segment is the last part of an address: what stands there in the steps around it.
type segment struct {
	name    string // of a step, a branch, or catch, finally, else
	attempt int    // from 1
	item    int    // of a loop; -1: none
	timer   string // timeout, retry, every; empty: it is no timer's
}

// last takes an address apart: in is what the segment stands in.
func (a Address) last() (in Address, s segment) {
	text := string(a)
	if i := strings.LastIndexByte(text, '/'); i >= 0 {
		in, text = a[:i], text[i+1:]
	}
	s = segment{attempt: 1, item: -1}
	text, s.timer, _ = strings.Cut(text, "!")
	text, item, looped := strings.Cut(text, "[")
	if looped {
		s.item, _ = strconv.Atoi(strings.TrimSuffix(item, "]"))
	}
	name, attempt, tried := strings.Cut(text, "#")
	if tried {
		s.attempt, _ = strconv.Atoi(attempt)
	}
	s.name = name
	return in, s
}

// owner is the step that an attempt, a pass or a timer belongs to; empty: the run.
func (a Address) owner() Address {
	in, s := a.last()
	return in.child(s.name)
}

// instance is the address without the numbers of attempts, its own and those of what is around it.
func (a Address) instance() Address {
	var b strings.Builder
	for text := string(a); text != ""; {
		before, rest, tried := strings.Cut(text, "#")
		b.WriteString(before)
		text = rest
		if tried {
			text = strings.TrimLeft(rest, "0123456789")
		}
	}
	return Address(b.String())
}

// Depth is how many steps stand around this one.
func (a Address) Depth() int { return strings.Count(string(a), "/") }
