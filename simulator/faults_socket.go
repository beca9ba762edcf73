package simulator

import (
	"context"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/twinbook/twinbook/simulator/wire"
)

// takeNext is take where things may go wrong.
func (h *Hub) takeNext(sock *socket, s *session, p packets.ControlPacket) error {
	if !h.troubled() {
		return h.take(sock, s, p)
	}
	a := arrival{take: func(wire.Message) error { return h.take(sock, s, p) }}
	if publish, is := p.(*packets.PublishPacket); is {
		if m, err := wire.ParseFromDevice(sock.id, publish.TopicName, publish.Payload); err == nil { // take says what is wrong
			a = publishArrival(h, sock, s, publish, m)
		}
	}
	err := h.arrive(s, a)
	if t := s.trouble.Load(); err == nil && t != nil {
		t.in.awaitRoom(sock)
		t.sends.awaitRoom(sock)
	}
	return err
}

func publishArrival(h *Hub, sock *socket, s *session, p *packets.PublishPacket, m wire.Message) arrival {
	a := arrival{message: m, take: func(m wire.Message) error {
		if r, is := m.(wire.MethodResponse); is {
			p.Payload = r.Body // which a fault may have changed
		}
		return h.take(sock, s, p)
	}}
	if p.Qos == 1 {
		a.acknowledge = func() { sock.acknowledge(p.MessageID) }
	}
	return a
}

// awaitRoom holds up the reader of a socket while too much of what it read is on its way, so that the device feels it.
func (l *lane) awaitRoom(sock *socket) {
	room := l.awaited()
	if room == nil {
		return
	}
	sock.whenClosed(func() { room.Resolve(struct{}{}) })
	room.Await(context.Background())
}
