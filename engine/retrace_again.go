package engine

import "fmt"

// A naming is what a name given by the user came to.
type naming struct {
	known bool // some step has it
	free  bool // one of them is done again
}

// named are the instances of steps that again names.
func (r *retracing) named(again []string, todo map[Address]*TracedStep) (map[Address]bool, error) {
	names := map[string]*naming{}
	for _, name := range again {
		names[string(Address(name).instance())] = &naming{}
	}
	named := map[Address]bool{}
	for _, s := range r.order {
		at := s.At.instance()
		for _, name := range s.names() {
			if n := names[name]; n != nil {
				named[at], n.known = true, true
				n.free = n.free || r.places[s].state != held || todo[at] != nil
			}
		}
	}
	for _, name := range again {
		switch n := names[string(Address(name).instance())]; {
		case !n.known:
			return nil, r.unknown(name, todo)
		case !n.free:
			return nil, fmt.Errorf("%s was done in run %s and is kept, so it is not done again", name, r.past.out.Start.ID)
		}
	}
	return named, nil
}

// names are the ids and addresses of a step and of what is around it.
func (s *TracedStep) names() []string {
	at := s.At.instance()
	names := []string{string(at)}
	for i, c := range at {
		if c == '/' || c == '[' {
			names = append(names, string(at[:i]))
		}
	}
	for ; s != nil; s = s.in.of {
		if s.Step.ID != "" {
			names = append(names, s.Step.ID)
		}
	}
	return names
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
