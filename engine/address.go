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

// Depth is how many steps stand around this one.
func (a Address) Depth() int { return strings.Count(string(a), "/") }
