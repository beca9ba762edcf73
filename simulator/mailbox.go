package simulator

import (
	"slices"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// What Azure documents for messages from the cloud, but for the window, which is ours.
const (
	maxQueued     = 50             // messages that wait for a device
	maxKept       = 48 * time.Hour // that a message waits
	maxDeviceBody = 64 << 10       // bytes
	window        = 16             // messages that a device may leave unconfirmed before it gets more
)

// A letter is a message from the cloud that its device has not confirmed.
type letter struct {
	message wire.Devicebound
	expires time.Time
	packet  uint16 // MQTT's packet id, kept until the device has confirmed; 0: never sent in this session
	tried   bool   // it was sent before, so that it goes out as a duplicate the next time
}

// A mailbox is the letters of one device, oldest first. Few devices ever have one. Guarded by device.mu.
type mailbox struct {
	clock   clock.Clock
	letters []*letter
	sent    int    // so many of the first are with the device, over the connection that it has now
	packet  uint16 // the last packet id that was given
	changes uint64 // rises with each change of the letters
}

// count is how many letters wait, those included that are not confirmed.
func (m *mailbox) count() int {
	if m == nil {
		return 0
	}
	m.dropExpired()
	return len(m.letters)
}

// dropExpired is called before the letters are looked at, so that nobody needs a timer.
func (m *mailbox) dropExpired() {
	now := m.clock.Now()
	m.remove(func(l *letter) bool { return !l.expires.After(now) })
}

func (m *mailbox) remove(gone func(*letter) bool) {
	for i := len(m.letters) - 1; i >= 0; i-- {
		if !gone(m.letters[i]) {
			continue
		}
		m.letters = slices.Delete(m.letters, i, i+1)
		m.changes++
		if i < m.sent {
			m.sent--
		}
	}
}

func (m *mailbox) add(l *letter) {
	m.letters = append(m.letters, l)
	m.changes++
}

// confirm takes out the letter that the device has confirmed.
func (m *mailbox) confirm(packet uint16) {
	if m != nil && packet != 0 {
		m.remove(func(l *letter) bool { return l.packet == packet })
	}
}

// reopen makes all letters go out again, since the device has a new connection. If its session was not kept
// neither side remembers what was under way.
func (m *mailbox) reopen(kept bool) {
	if m == nil {
		return
	}
	m.sent = 0
	if kept {
		return
	}
	m.changes++
	for _, l := range m.letters {
		l.packet, l.tried = 0, false
	}
}

// nextPacket is a packet id that no letter has.
func (m *mailbox) nextPacket() uint16 {
	for {
		m.packet++
		taken := func(l *letter) bool { return l.packet == m.packet }
		if m.packet != 0 && !slices.ContainsFunc(m.letters, taken) {
			return m.packet
		}
	}
}

// hand gives the letters to the device's connection as far as it takes them, if the device is there and
// subscribed. The device's lock is held.
func (d *device) hand() {
	m, s := d.mail, d.session
	if m == nil || s == nil || !d.feeds.Has(wire.DeviceboundFeed) {
		return
	}
	m.dropExpired()
	for m.sent < min(len(m.letters), window) && s.link.room() {
		l := m.letters[m.sent]
		l.message.EscapedID = d.feeds.Has(wire.EscapedIDs)
		if !d.confirms {
			m.remove(func(o *letter) bool { return o == l })
			s.link.deliver(l.message, 0, false)
			continue
		}
		again := l.tried
		m.send(l)
		s.link.deliver(l.message, l.packet, again)
	}
}

// send notes that a letter goes out, and has to be confirmed.
func (m *mailbox) send(l *letter) {
	if l.packet == 0 {
		l.packet = m.nextPacket()
	}
	l.tried = true
	m.sent++
	m.changes++
}

// handMore goes on after the connection has room again.
func (h *Hub) handMore(s *session) {
	h.edit(s.device, func() bool {
		if s.device.session == s {
			s.device.hand()
			s.handCalls()
		}
		return false
	})
}

// confirm takes a device's word that it has a message; it is false if s is no longer its connection.
func (h *Hub) confirm(s *session, packet uint16) (live bool) {
	h.whileLive(s, func() bool {
		live = true
		s.device.mail.confirm(packet)
		s.device.hand()
		return false
	})
	return live
}
