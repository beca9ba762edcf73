package fault

import (
	"slices"
	"strconv"
	"time"
)

// maxFaults is how many may be in force at a time; each is looked at on each occasion.
const maxFaults = 1000

// A Set is the faults of one hub. One at a time may use it.
type Set struct {
	seed   string
	faults []*entry // in the order in which they were added
	made   int
}

// NewSet makes a Set without faults, whose chance comes from seed.
func NewSet(seed string) *Set { return &Set{seed: seed} }

// An entry is a fault of a Set.
type entry struct {
	fault   Fault
	kind    kind
	on      []On
	devices map[string]bool // of a profile; nil: see fault.Device
	since   time.Time
	struck  int
	tallies map[string]*tally // by device
}

// Add puts f in force from now on and gives its id, which is a number unless f has one. Devices are those of
// f.Profile. The error is a *Mistake.
func (s *Set) Add(f Fault, devices []string, now time.Time) (id string, err error) {
	if err := f.Validate(); err != nil {
		return "", err
	}
	if len(s.faults) == maxFaults {
		return "", mistake("", "there are %d faults already; take some away first", maxFaults)
	}
	if f.ID == "" {
		f.ID = s.freeID()
	}
	if s.find(f.ID) != nil {
		return "", mistake("id", "there is a fault %s already; take it away first, or give this one another id", f.ID)
	}
	e := &entry{fault: f, kind: f.kinds()[0], since: now, tallies: map[string]*tally{}}
	e.on = f.occasions(e.kind)
	if f.Profile != "" {
		e.devices = make(map[string]bool, len(devices))
		for _, d := range devices {
			e.devices[d] = true
		}
	}
	s.faults = append(s.faults, e)
	return f.ID, nil
}

func (s *Set) freeID() string {
	for {
		s.made++
		if id := strconv.Itoa(s.made); s.find(id) == nil {
			return id
		}
	}
}

// Remove takes a fault away, and says whether it was there.
func (s *Set) Remove(id string) bool {
	before := len(s.faults)
	s.faults = slices.DeleteFunc(s.faults, func(e *entry) bool { return e.fault.ID == id })
	return len(s.faults) < before
}

func (s *Set) find(id string) *entry {
	for _, e := range s.faults {
		if e.fault.ID == id {
			return e
		}
	}
	return nil
}

// A Status is a fault and what it has done.
type Status struct {
	Fault   Fault     `json:"fault"`
	Since   time.Time `json:"since"`
	InForce bool      `json:"inForce"`
	Struck  int       `json:"struck"` // how often
}

// List is all faults, in the order in which they were added.
func (s *Set) List(now time.Time) []Status {
	list := make([]Status, len(s.faults))
	for i, e := range s.faults {
		list[i] = Status{Fault: e.fault, Since: e.since, InForce: e.inForce(now), Struck: e.struck}
	}
	return list
}

// Len is how many faults there are.
func (s *Set) Len() int { return len(s.faults) }

// InForce says whether there is a fault of this id, and its time has come and is not over.
func (s *Set) InForce(id string, now time.Time) bool {
	e := s.find(id)
	return e != nil && e.inForce(now)
}

func (e *entry) inForce(now time.Time) bool {
	passed := now.Sub(e.since)
	from, until := e.fault.Span()
	return passed >= from && (until == 0 || passed < until)
}

// concerns says whether a device is one of those that e is for.
func (e *entry) concerns(device string) bool {
	if e.devices != nil {
		return e.devices[device]
	}
	return e.fault.Names(device)
}

// Names says whether a device's id is, or fits, the fault's Device.
func (f *Fault) Names(device string) bool { return f.Device == "" || match(f.Device, device) }

// match holds a text against a pattern, in which * is any text and ? any character. Ids may hold both, so what
// is the same matches in any case.
func match(pattern, text string) bool {
	if pattern == text {
		return true
	}
	p, t, star, back := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, back = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0: // the last star takes one more
			back++
			p, t = star+1, back
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
