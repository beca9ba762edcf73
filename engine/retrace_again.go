package engine

import (
	"fmt"
)

// A naming is what a name given by the user came to.
type naming struct {
	steps []*TracedStep // that have it, or are inside what has it
	todo  bool          // one of them is done again although it may have happened: there is a doubt to waive
	left  bool          // one of them is done again in any case
	world bool          // one of them does, asks or waits for something
}

// named are the instances of steps that again names, and those steps among them that are kept and have to be
// done anew.
func (r *retracing) named(again []string, todo map[Address]*TracedStep) (waived map[Address]bool, anew []*TracedStep, err error) {
	names := map[string]*naming{}
	for _, name := range again {
		names[string(Address(name).instance())] = &naming{}
	}
	waived = map[Address]bool{}
	for _, s := range r.order {
		for _, name := range s.names() {
			if n := names[name]; n != nil {
				waived[s.At.instance()] = true
				n.add(s, todo[s.At.instance()] != nil, r.places[s].isKept())
			}
		}
	}
	for _, name := range again {
		n := names[string(Address(name).instance())]
		switch id := r.past.out.Start.ID; {
		case len(n.steps) == 0 && r.hasStep(name):
			return nil, nil, fmt.Errorf("run %s had not come to %s: it is done in any case, and needs no --again", id, name)
		case len(n.steps) == 0:
			return nil, nil, r.unknown(name, todo)
		case !n.world:
			return nil, nil, fmt.Errorf("%s asks nothing of the world, and is worked out again in any case: --again names what has an answer", name)
		case !n.todo && !n.left:
			anew = append(anew, n.steps...)
		}
	}
	return waived, anew, nil
}

func (n *naming) add(s *TracedStep, todo, kept bool) {
	n.steps = append(n.steps, s)
	n.todo = n.todo || todo
	n.left = n.left || !kept
	n.world = n.world || !s.Step.takesNoTime()
}

// hasStep says whether the file, or one that it calls, has a step with that id.
func (r *retracing) hasStep(id string) bool {
	found := false
	var look func(*Workflow)
	look = func(w *Workflow) {
		eachStep(w, func(s *Step) {
			found = found || s.ID == id
			if s.Call != nil && s.Call.Program != nil {
				look(s.Call.Program.Workflow)
			}
		})
	}
	look(r.program.Workflow)
	return found
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
		if s.Step.takesNoTime() {
			continue // nobody needs to name those
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
