package simulator

import (
	"fmt"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/twinbook/twinbook/simulator/wire"
)

// A refused CONNECT is answered with a code; with code 0 the connection is closed without a word.
type refused struct {
	code byte
	why  error
}

func (h *Hub) refuse(sock *socket, r *refused) error {
	if r.code != 0 {
		p := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
		p.ReturnCode = r.code
		sock.write(p)
	}
	return r.why
}

// login finds out who connects.
func (h *Hub) login(sock *socket, c *packets.ConnectPacket) (*session, *refused) {
	if c.ProtocolName != "MQTT" || c.ProtocolVersion != 4 {
		return nil, &refused{packets.ErrRefusedBadProtocolVersion, fmt.Errorf("protocol %.10q level %d: the hub speaks MQTT 3.1.1", c.ProtocolName, c.ProtocolVersion)}
	}
	id, err := wire.ParseClientID(c.ClientIdentifier)
	if err != nil {
		return nil, &refused{packets.ErrRefusedIDRejected, err}
	}
	sock.id = id
	if err := checkFlags(id, c); err != nil {
		return nil, &refused{0, err}
	}
	s, err := h.identify(sock, id, c)
	if err != nil {
		return nil, &refused{packets.ErrRefusedNotAuthorised, err}
	}
	return s, nil
}

func (h *Hub) identify(sock *socket, id wire.Identity, c *packets.ConnectPacket) (*session, error) {
	user, err := wire.ParseUsername(c.Username)
	if err != nil {
		return nil, err
	}
	switch {
	case user.ClientID != c.ClientIdentifier:
		return nil, fmt.Errorf("the user name is of %.80q, the client id %.80q", user.ClientID, c.ClientIdentifier)
	case !h.isHost(user.Host):
		return nil, fmt.Errorf("the user name is for the hub %.80q, and this is %q", user.Host, h.config.HostName)
	}
	d, err := h.device(id.String())
	if err != nil {
		return nil, err
	}
	expires, err := h.admit(d, string(c.Password), shownBy(sock.conn))
	return &session{device: d, link: sock, noTwin: user.APIVersion == "", will: willOf(id, c), expires: expires}, err
}
