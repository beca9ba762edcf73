package simulator

import (
	"errors"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/twinbook/twinbook/simulator/wire"
)

// checkFlags says what MQTT forbids in the flags of a CONNECT, and what the hub forbids in a will.
func checkFlags(id wire.Identity, c *packets.ConnectPacket) error {
	switch {
	case c.ReservedBit != 0:
		return errors.New("a CONNECT with its reserved bit set")
	case c.PasswordFlag && !c.UsernameFlag:
		return errors.New("a CONNECT with a password and no user name")
	case !c.WillFlag && (c.WillQos != 0 || c.WillRetain):
		return errors.New("a CONNECT with flags of a will and no will")
	case !c.WillFlag:
		return nil
	}
	if _, isTelemetry := wire.EventsBag(id, c.WillTopic); !isTelemetry || c.WillQos > 1 || wire.CheckTopic(c.WillTopic) != nil {
		return errors.New("a will must be telemetry at QoS 0 or 1")
	}
	return nil
}

// willOf is the telemetry that the hub is to make if the connection breaks, or nil.
func willOf(id wire.Identity, c *packets.ConnectPacket) *record {
	if !c.WillFlag {
		return nil
	}
	bag, _ := wire.EventsBag(id, c.WillTopic)
	return &record{bag: bag, body: c.WillMessage, retained: c.WillRetain, will: true}
}

// executeWill is for a connection that ends in another way than by the device's wish. The device's lock is held.
func (h *Hub) executeWill(s *session) {
	if s.will == nil {
		return
	}
	will := *s.will
	s.will = nil
	will.device, will.time = s.device, h.clock.Now() // the device itself was not active
	h.telemetry.put(will)
}
