package simulator

import (
	"slices"
	"time"
)

// longestTimer keeps the far futures that some clients write away from the clock; expire then looks again.
const longestTimer = 365 * 24 * time.Hour

// awaitExpiry sets the timer that ends a connection with its token, anew whenever the time for its device has changed.
func (h *Hub) awaitExpiry(s *session) {
	d := s.device
	d.mu.Lock()
	defer d.mu.Unlock()
	s.stopExpiry()
	if d.session != s || s.expires.IsZero() {
		return
	}
	left := min(s.expires.Sub(h.timeFor(d.id)), longestTimer)
	s.unexpire = h.clock.After(left, func() { h.expire(s) })
}

// stopExpiry is called with the device's lock held.
func (s *session) stopExpiry() {
	if s.unexpire != nil {
		s.unexpire()
		s.unexpire = nil
	}
}

// expire ends a connection, unless its token has more time after all.
func (h *Hub) expire(s *session) {
	if h.timeFor(s.device.id).Before(s.expires) {
		h.awaitExpiry(s)
		return
	}
	h.close(s, errTokenExpired)
}

// followSkew sets the timers of all live connections, since a fault of the clock has come or gone.
func (h *Hub) followSkew() {
	for _, d := range slices.Concat(h.devices.list(), h.devices.listModules()) {
		d.mu.Lock()
		s := d.session
		d.mu.Unlock()
		if s != nil {
			h.awaitExpiry(s)
		}
	}
}
