package simulator

import (
	"errors"

	faults "github.com/twinbook/twinbook/simulator/fault"
	"github.com/twinbook/twinbook/simulator/wire"
)

var errTooFast = errors.New("the device sent more than the hub takes at its present pace")

// An arrival is something that a device has sent.
type arrival struct {
	message     wire.Message // nil: a packet of MQTT that is no message
	take        func(wire.Message) error
	acknowledge func() // that the hub has it; nil: nobody waits for that
}

// arrive lets what a device has sent go on: now, later, twice or never. An error ends the connection.
func (h *Hub) arrive(s *session, a arrival) error {
	if h.isDead(s) {
		return nil
	}
	on, call := occasionFrom(s, a.message)
	if on == "" {
		return a.take(a.message)
	}
	o := faults.Occasion{On: on, Device: s.device.id}
	if call != nil {
		o.Method = call.method
		if r := a.message.(wire.MethodResponse); call.spoiled {
			r.Body = []byte("{")
			a.message = r
		}
	}
	v := h.verdict(o)
	switch {
	case v.Cut:
		return struck("ended the connection", v.By)
	case v.Lost:
		return nil
	}
	return h.passOn(s, a, v)
}

// passOn lets what arrived go to its quota, when the time has come that faults give it.
func (h *Hub) passOn(s *session, a arrival, v faults.Verdict) error {
	if v.Delay == 0 && v.BytesPerSecond == 0 && s.trouble.Load() == nil {
		return h.takeTurn(s, a, v)
	}
	in := &s.troubles(h.clock).in
	pass := func() error { return h.takeTurn(s, a, v) }
	if !h.hold(s, in, v, a.message, pass) {
		return pass()
	}
	return in.unlessTooFast()
}

// hold puts a message into a lane, and says false if it need not wait.
func (h *Hub) hold(s *session, l *lane, v faults.Verdict, m wire.Message, pass func() error) bool {
	return l.put(v, weight(s, m), func() {
		if err := pass(); err != nil {
			h.close(s, err)
		}
	})
}

// occasionFrom is what a message from a device is to faults, nothing if it is none, and the call that it answers.
func occasionFrom(s *session, m wire.Message) (faults.On, *call) {
	switch m := m.(type) {
	case wire.Telemetry:
		return faults.Telemetry, nil
	case wire.TwinGet, wire.ReportedPatch:
		return faults.Twin, nil
	case wire.MethodResponse:
		s.device.mu.Lock()
		defer s.device.mu.Unlock()
		return faults.Answers, s.calls[m.RID]
	}
	return "", nil
}

// refuseTwin answers a twin operation with an error.
func (h *Hub) refuseTwin(s *session, a arrival, refused error) {
	if a.acknowledge != nil {
		a.acknowledge()
	}
	rid := ""
	switch m := a.message.(type) {
	case wire.TwinGet:
		rid = m.RID
	case wire.ReportedPatch:
		rid = m.RID
	}
	h.whileLive(s, func() bool {
		s.link.send(h.twinFault(s, rid, refused))
		return false
	})
}

// depart says whether a message to the device of s is taken care of here; else it goes on as ever. Pass sends it, later
// or a second time. The device's lock is held; when pass is called it is not.
func (h *Hub) depart(s *session, m wire.Message, pass func(again bool)) bool {
	if h.isDead(s) {
		return true
	}
	on, method := occasionTo(m)
	v := h.verdict(faults.Occasion{On: on, Device: s.device.id, Method: method})
	request, isCall := m.(wire.MethodRequest)
	switch {
	case v.Cut:
		h.clock.After(0, func() { h.close(s, struck("ended the connection", v.By)) })
		return true
	case v.Lost, isCall && h.failCall(s, request, v):
		return true
	case v.Twice:
		v.Delay = max(v.Delay, 1) // so that it is not sent under the lock
	}
	if v.Delay == 0 && v.BytesPerSecond == 0 && s.trouble.Load() == nil {
		return false
	}
	out := &s.troubles(h.clock).out
	held := out.put(v, weight(s, m), func() {
		if pass(false); v.Twice {
			pass(true)
		}
	})
	if held && out.overflows(h.config.MaxUnsent) {
		h.clock.After(0, func() { h.close(s, errSlow) })
	}
	return held
}

// occasionTo is what a message to a device is to faults.
func occasionTo(m wire.Message) (on faults.On, method string) {
	switch m := m.(type) {
	case wire.MethodRequest:
		return faults.Calls, m.Method
	case wire.DesiredPatch:
		return faults.Desired, ""
	case wire.Devicebound:
		return faults.Messages, ""
	}
	return faults.Results, ""
}

// failCall lets a method call fail if the verdict says so, and says whether it is over without the device. The
// device's lock is held, so who called is told a moment later.
func (h *Hub) failCall(s *session, m wire.MethodRequest, v faults.Verdict) (over bool) {
	c := s.calls[m.RID]
	if v.Status == 0 || c == nil {
		return false
	}
	failure := answer{status: v.Status, payload: encodeJSON(map[string]any{"error": struck("failed the call", v.By).Error()})}
	switch v.Status {
	case faults.StatusBadAnswer:
		c.spoiled = true
		return false
	case faults.StatusTimeout:
		delete(s.calls, m.RID) // so that its answer finds nobody
		return false
	case faults.StatusOffline:
		failure = answer{err: deviceNotOnline.fault("Timed out waiting for device to connect.").saying("%v", struck("says that the device is not online", v.By))}
	}
	delete(s.calls, m.RID)
	h.clock.After(0, func() { c.answer.Resolve(failure) })
	return true
}

// weight is about how many bytes a message has on a socket.
func weight(s *session, m wire.Message) int {
	topic, body, _ := wire.Topic(s.device.names(), m) // one that cannot be sent has none
	return len(topic) + len(body) + 4
}
