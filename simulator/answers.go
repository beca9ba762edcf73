package simulator

import (
	"slices"

	"github.com/twinbook/twinbook/simulator/wire"
)

// takeAnswer gives a device's answer to who waits for it. Late, unknown and repeated answers are dropped.
func (h *Hub) takeAnswer(s *session, m wire.MethodResponse) error {
	if err := checkLength(m.Body); err != nil {
		return err
	}
	d := s.device
	d.mu.Lock()
	c := s.calls[m.RID]
	if c != nil && !c.sent() {
		c = nil // it guessed
	} else {
		delete(s.calls, m.RID)
	}
	d.mu.Unlock()
	if c != nil {
		c.answer.Resolve(readAnswer(d.id, m))
	}
	return nil
}

func readAnswer(device string, m wire.MethodResponse) answer {
	a := answer{status: m.Status, payload: m.Body}
	if len(m.Body) == 0 {
		a.payload = []byte("null")
	}
	if len(m.Body) > maxMethodBody {
		a.err = badAnswer.fault("The device's response has %d bytes, and %d are allowed.", len(m.Body), maxMethodBody).
			saying("device %s answered with %d bytes, and %d are allowed; have it answer less", device, len(m.Body), maxMethodBody).afterSending()
	} else if err := wire.CheckJSON(a.payload, wire.MaxMethodDepth); err != nil {
		a.err = badAnswer.fault("The device's response could not be parsed: %v.", err).
			saying("device %s answered, but not with JSON that can be read: %v; correct what the device sends", device, err).afterSending()
	}
	return a
}

// forget drops a call whose caller is gone, so that a late answer finds nobody. It says whether the device was sent it;
// if not, it never is.
func (h *Hub) forget(d *device, c *call) (sent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := c.session
	delete(s.calls, c.rid())
	s.queue = slices.DeleteFunc(s.queue, func(q *call) bool { return q == c })
	return c.sent()
}

// failCalls tells callers that the connection their request went over has ended.
func (h *Hub) failCalls(d *device, calls []*call, reason error) {
	for _, c := range calls {
		if !c.sent() { // nobody can send it any more, so this needs no lock
			c.answer.Resolve(answer{err: connectionClosed.fault("Device connection was closed before it was sent the request.").
				saying("the connection to device %s ended before the call was sent (%v); call again", d.id, reason)})
			continue
		}
		c.answer.Resolve(answer{err: connectionClosed.fault("Device connection was closed before it answered.").
			saying("the connection to device %s ended before it answered (%v); whether it did the work is not known: look at its twin", d.id, reason).afterSending()})
	}
}

func (v invocation) offline() *fault {
	return deviceNotOnline.fault("Timed out waiting for device to connect.").
		saying("device %s is not connected, or has not subscribed to methods; start it, or give it time to come with deliverWithin", v.device).after(v.connect)
}

// late ends a call whose time is up.
func (h *Hub) late(d *device, c *call, v invocation) *fault {
	if h.forget(d, c) {
		return v.tooLate()
	}
	return responseTimeout.fault("Timed out waiting to send the request to the device.").
		saying("device %s did not read fast enough to be sent the call within %s; call less often, or with less payload", v.device, length(v.response))
}

func (v invocation) tooLate() *fault {
	return responseTimeout.fault("Timed out waiting for the response from device.").
		saying("device %s took the call and did not answer within %s; look at what it did before calling again", v.device, length(v.response)).afterSending().after(v.response)
}
