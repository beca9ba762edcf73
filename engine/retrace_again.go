package engine

import (
	"fmt"
	"strings"
)

// named are the instances of steps that again names.
func (r *retracing) named(again []string, todo map[Address]*TracedStep) (map[Address]bool, error) {
	named := map[Address]bool{}
	for _, name := range again {
		known, left := false, false
		for _, s := range r.order {
			if at := s.At.instance(); s.isNamed(name) {
				named[at], known = true, true
				left = left || r.places[s].state != held || todo[at] != nil
			}
		}
		switch {
		case !known:
			return nil, r.unknown(name, todo)
		case !left:
			return nil, fmt.Errorf("%s was done in run %s and is kept, so it is not done again", name, r.past.out.Start.ID)
		}
	}
	return named, nil
}

// isNamed says whether a name is the id or address of a step, or of something around it.
func (s *TracedStep) isNamed(name string) bool {
	at, wanted := s.At.instance(), Address(name).instance()
	if rest, below := strings.CutPrefix(string(at), string(wanted)); below && name != "" && (rest == "" || rest[0] == '/' || rest[0] == '[') {
		return true
	}
	for ; s != nil; s = s.in.of {
		if s.Step.ID == name && name != "" {
			return true
		}
	}
	return false
}

// unknown says what could be meant by a name that no step has.
func (r *retracing) unknown(name string, todo map[Address]*TracedStep) error {
	var doubtful, all []string
	seen := map[string]bool{"": true}
	for _, s := range r.order {
		at := s.At.instance()
		if todo[at] == s {
			doubtful = append(doubtful, string(at))
		}
		for _, word := range []string{s.Step.ID, string(at)} {
			if !seen[word] {
				seen[word] = true
				all = append(all, word)
			}
		}
	}
	if nearest(name, all) == "" && len(doubtful) > 0 {
		all = doubtful
	}
	return fmt.Errorf("no step of run %s is called %s: %s", r.past.out.Start.ID, name, Meant(name, all))
}
