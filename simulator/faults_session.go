package simulator

import (
	"sync"

	"github.com/twinbook/twinbook/internal/clock"
	faults "github.com/twinbook/twinbook/simulator/fault"
)

// A trouble is what a connection has of faults and quotas. One that never had any has nil.
type trouble struct {
	in, out      lane // what faults delay
	twins, sends lane // what waits for a quota: twin operations, and telemetry

	mu    sync.Mutex             // guards what follows
	dead  string                 // the fault that keeps anything from going through; it may be over
	ages  map[string]func() bool // by fault: stops the timer that asks whether the connection is to end
	ended bool
}

// trouble of s, made if there is none.
func (s *session) troubles(c clock.Clock) *trouble {
	if t := s.trouble.Load(); t != nil {
		return t
	}
	s.trouble.CompareAndSwap(nil, &trouble{in: lane{clock: c}, out: lane{clock: c}, twins: lane{clock: c}, sends: lane{clock: c}})
	return s.trouble.Load()
}

// afflict lets a verdict act on a connection that has just begun, or that a fault has come over; of that fault only
// unless it is empty. No lock is held.
func (h *Hub) afflict(s *session, v faults.Verdict, fault string) {
	if v.Cut {
		h.close(s, struck("ended the connection", v.By))
		return
	}
	if v.HalfOpen != "" {
		t := s.troubles(h.clock)
		t.mu.Lock()
		t.dead = v.HalfOpen
		t.mu.Unlock()
	}
	h.age(s, fault)
}

// age sets timers for the faults that end connections of a certain age.
func (h *Hub) age(s *session, fault string) {
	h.faults.mu.Lock()
	var ages []faults.Age
	if h.faults.set != nil {
		ages = h.faults.set.Ages(s.device.id, fault, h.clock.Now())
	}
	h.faults.mu.Unlock()
	if len(ages) == 0 {
		return
	}
	t := s.troubles(h.clock)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	if t.ages == nil {
		t.ages = map[string]func() bool{}
	}
	for _, a := range ages {
		if stop := t.ages[a.Fault]; stop != nil {
			stop()
		}
		t.ages[a.Fault] = h.clock.After(a.After, func() { h.aged(s, a.Fault) })
	}
}

func (h *Hub) aged(s *session, fault string) {
	v := h.verdict(faults.Occasion{On: faults.Aged, Device: s.device.id, Fault: fault})
	if v.Cut {
		h.close(s, struck("ended the connection", v.By))
	} else {
		h.age(s, fault)
	}
}

// holds says whether so much is on its way to the device that the rest has to wait for it.
func (s *session) holds(bytes int) bool {
	t := s.trouble.Load()
	return t != nil && t.out.holds(bytes)
}

// leave ends what a connection has of trouble. What the device had sent before it left in good order still arrives.
func (s *session) leave(inOrder bool) {
	t := s.trouble.Load()
	if t == nil {
		return
	}
	t.mu.Lock()
	t.ended = true
	for _, stop := range t.ages {
		stop()
	}
	t.ages = nil
	t.mu.Unlock()
	t.in.end(inOrder) // from there it goes on to the next two
	t.twins.end(inOrder)
	t.sends.end(inOrder)
	t.out.end(false)
}

// isDead says whether nothing goes through a connection, which is open.
func (h *Hub) isDead(s *session) bool {
	t := s.trouble.Load()
	if t == nil {
		return false
	}
	t.mu.Lock()
	fault := t.dead
	t.mu.Unlock()
	return fault != "" && h.inForce(fault)
}
