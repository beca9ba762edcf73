package simulator

import (
	"time"

	faults "github.com/twinbook/twinbook/simulator/fault"
	"github.com/twinbook/twinbook/simulator/wire"
)

const (
	mostWaiting  = 1 << 20 // bytes of twin operations that may wait on one connection
	waitOverhead = 512     // bytes that each of them counts more, for what the hub has to remember of it
)

// takeTurn takes a message from a device when its quota allows, or refuses it. Twin operations and telemetry wait
// apart: those are refused when too many wait, and these keep the device waiting (awaitRoom). What is no
// business of a quota, such as a ping, waits for neither.
func (h *Hub) takeTurn(s *session, a arrival, v faults.Verdict) error {
	wait, refused := h.turnOf(s, a.message, v)
	if refused != nil {
		h.refuseTwin(s, a, refused)
		return nil
	}
	pass := func() error {
		err := a.take(a.message)
		if err == nil && v.Twice {
			err = h.receive(s, a.message) // once is acknowledged
		}
		return err
	}
	if wait == 0 && s.trouble.Load() == nil {
		return pass()
	}
	t, due := s.troubles(h.clock), faults.Verdict{Delay: wait}
	switch a.message.(type) {
	case wire.Telemetry:
		if h.hold(s, &t.sends, due, a.message, pass) {
			return t.sends.unlessTooFast()
		}
		return pass()
	case wire.MethodResponse: // behind what the device has reported before it answered, if there is room
		if t.twins.laden() || !h.hold(s, &t.twins, due, a.message, pass) {
			return pass()
		}
		return nil
	}
	if h.hold(s, &t.twins, due, a.message, pass) {
		return nil
	}
	return pass()
}

// turnOf counts a message towards its quota: it may have to wait, or is refused.
func (h *Hub) turnOf(s *session, m wire.Message, v faults.Verdict) (wait time.Duration, refused error) {
	switch m.(type) {
	case wire.Telemetry:
		return h.turn(telemetrySends), nil
	case wire.TwinGet:
		wait, refused = h.twinTurn(s, twinReads)
	case wire.ReportedPatch:
		wait, refused = h.twinTurn(s, twinWrites)
	}
	if v.RetryAfter > 0 {
		refused = tooMany(v.RetryAfter)
	}
	return wait, refused
}

// twinTurn is like spend, for an operation that waits on its connection: there is an end to what that holds.
func (h *Hub) twinTurn(s *session, q quota) (time.Duration, error) {
	if t := s.trouble.Load(); t != nil && t.twins.laden() {
		return 0, tooMany(time.Second)
	}
	return h.spend(q, 1)
}
