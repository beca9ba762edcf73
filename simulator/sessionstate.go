package simulator

import (
	"fmt"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// A sessionState is what of the conversation with a device outlives its connection, in plain JSON, so that it can
// outlive the process as well: what the device subscribed to, and the messages that it has not confirmed.
type sessionState struct {
	Kept     bool          `json:"kept,omitempty"`     // it asked to be remembered (CleanSession=0); else there are no Filters
	Filters  []string      `json:"filters,omitempty"`  // of its subscriptions
	Confirms bool          `json:"confirms,omitempty"` // messages are subscribed to at QoS 1
	Packet   uint16        `json:"packet,omitempty"`   // the last packet id that was given to a message
	Messages []keptMessage `json:"messages,omitempty"` // oldest first
}

type keptMessage struct {
	Properties string    `json:"properties"` // as in the topic
	Body       []byte    `json:"body,omitempty"`
	Expires    time.Time `json:"expires"`
	Packet     uint16    `json:"packet,omitempty"` // 0: the device's session does not know it
	Tried      bool      `json:"tried,omitempty"`  // it was sent before
}

// A sessionVersion differs from an earlier one if the state does, too. That of a new device is zero.
type sessionVersion struct {
	kept, confirms bool
	feeds          wire.Feeds
	mail           uint64
}

// sessionVersion is cheap, so that it can be asked for after each change of a device. Its lock is held.
func (d *device) sessionVersion() sessionVersion {
	var v sessionVersion
	if d.kept {
		v = sessionVersion{kept: true, confirms: d.confirms, feeds: d.feeds}
	}
	if d.mail != nil {
		v.mail = d.mail.changes
	}
	return v
}

// exportSession is the state as of now. The device's lock is held.
func (d *device) exportSession() sessionState {
	s := sessionState{Kept: d.kept}
	if d.kept {
		s.Filters, s.Confirms = wire.Filters(d.names(), d.feeds), d.confirms
	}
	if d.mail == nil {
		return s
	}
	d.mail.dropExpired()
	s.Packet = d.mail.packet
	for _, l := range d.mail.letters {
		s.Messages = append(s.Messages, keptMessage{
			Properties: wire.FormatBag(l.message.Properties), Body: l.message.Body,
			Expires: l.expires, Packet: l.packet, Tried: l.tried,
		})
	}
	return s
}

// isEmpty says that there is nothing to store.
func (s sessionState) isEmpty() bool { return !s.Kept && len(s.Messages) == 0 }

// restoreSession makes the session of a device that has never been connected what it was.
func (d *device) restoreSession(c clock.Clock, s sessionState) error {
	d.kept, d.confirms = s.Kept, s.Confirms
	for _, text := range s.Filters {
		feed, known := wire.ParseFilter(d.names(), text)
		if !known {
			return fmt.Errorf("%q is no filter of a subscription", text)
		}
		d.feeds |= feed
	}
	if len(s.Messages) == 0 {
		return nil
	}
	d.mail = &mailbox{clock: c, packet: s.Packet}
	for _, k := range s.Messages {
		m := wire.Devicebound{Properties: wire.ParseBag(k.Properties), Body: k.Body}
		if _, _, err := wire.Topic(d.names(), m); err != nil {
			return fmt.Errorf("a message for the device: %w", err)
		}
		d.mail.add(&letter{message: m, expires: k.Expires, packet: k.Packet, tried: k.Tried})
	}
	return nil
}
