package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/twinbook/twinbook/simulator/wire"
)

// maxFilters is how many subscriptions Azure allows a connection.
const maxFilters = 5

// Attach speaks MQTT with the device at the other end of conn until the connection ends, and says
// why it did: nil after the device's DISCONNECT. It closes conn, and does so when ctx ends.
func (h *Hub) Attach(ctx context.Context, conn net.Conn) error {
	sock := newSocket(conn, &h.config)
	stop := context.AfterFunc(ctx, func() { sock.end(context.Cause(ctx)) })
	err := h.serve(ctx, sock)
	sock.finish(nil)
	sock.writers.Wait()
	stop()
	return err
}

// serve is a connection from CONNECT to its end. What stands on the stack while the device is idle decides
// whether the stack can shrink to 4 KiB: so there is no defer here or in Attach, and welcome is a function of its own.
func (h *Hub) serve(ctx context.Context, sock *socket) error {
	s, idle, err := h.welcome(ctx, sock)
	if err != nil {
		return err
	}
	h.awaitExpiry(s)
	err = sock.why(h.converse(sock, s, idle))
	h.close(s, err)
	return err
}

// welcome lets a device in by its CONNECT, and says how long it may be silent.
func (h *Hub) welcome(ctx context.Context, sock *socket) (s *session, idle time.Duration, err error) {
	p, err := sock.read(maxBeforeAuth, h.config.ConnectTimeout)
	if err != nil {
		return nil, 0, fmt.Errorf("no CONNECT: %w", sock.why(err))
	}
	connect, ok := p.(*packets.ConnectPacket)
	if !ok {
		return nil, 0, errors.New("the first packet is not CONNECT")
	}
	s, refusal := h.login(sock, connect)
	if refusal != nil {
		return nil, 0, h.refuse(sock, refusal)
	}
	v, refusal := h.knock(ctx, s)
	if refusal != nil {
		return nil, 0, h.refuse(sock, refusal)
	}
	sock.hub, sock.session = h, s
	if err := h.open(s, connect.CleanSession); err != nil {
		return nil, 0, h.refuse(sock, &refused{packets.ErrRefusedNotAuthorised, err})
	}
	h.afflict(s, v, "")
	return s, idleLimit(connect.Keepalive), nil
}

// idleLimit is how long a client may be silent.
func idleLimit(keepAlive uint16) time.Duration {
	if keepAlive == 0 {
		return maxIdle
	}
	return min(time.Duration(keepAlive)*time.Second*3/2, maxIdle)
}

// converse takes packets until the device leaves (nil), breaks the rules or is gone.
func (h *Hub) converse(sock *socket, s *session, idle time.Duration) error {
	for {
		p, err := sock.read(maxPacket, idle)
		if err != nil {
			return explain(err, idle)
		}
		if _, leaves := p.(*packets.DisconnectPacket); leaves {
			return nil
		}
		if err := h.takeNext(sock, s, p); err != nil {
			return err
		}
		sock.awaitWritten()
	}
}

// explain says in plain words why nothing more could be read.
func explain(err error, idle time.Duration) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("nothing came for %s, which is 1.5 times the keep-alive", length(idle))
	case errors.Is(err, io.EOF):
		return errLeft
	}
	return err
}

// take acts on one packet. An error is against the rules of MQTT or of the hub.
func (h *Hub) take(sock *socket, s *session, p packets.ControlPacket) error {
	switch p := p.(type) {
	case *packets.PublishPacket:
		return h.takePublish(sock, s, p)
	case *packets.SubscribePacket:
		h.takeSubscribe(sock, s, p)
	case *packets.UnsubscribePacket:
		h.takeUnsubscribe(sock, s, p)
	case *packets.PingreqPacket:
		sock.write(packets.NewControlPacket(packets.Pingresp))
	case *packets.PubackPacket:
		h.confirm(s, p.MessageID) // one that nobody waits for is ignored
	default:
		return fmt.Errorf("an unexpected %T", p)
	}
	return nil
}

func (h *Hub) takePublish(sock *socket, s *session, p *packets.PublishPacket) error {
	if p.Qos == 2 {
		return errors.New("a publish at QoS 2, which the hub does not have")
	}
	if err := h.takeBody(sock.id, s, p); err != nil {
		return err
	}
	if p.Qos == 1 {
		sock.acknowledge(p.MessageID)
	}
	return nil
}

// takeBody acts on what was published. Telemetry comes by the thousands, so it goes a shorter way.
func (h *Hub) takeBody(id wire.Identity, s *session, p *packets.PublishPacket) error {
	if bag, is := wire.EventsBag(id, p.TopicName); is {
		return h.takeTelemetry(s, record{bag: bag, body: p.Payload, retained: p.Retain})
	}
	m, err := wire.ParseFromDevice(id, p.TopicName, p.Payload)
	if err != nil {
		return err
	}
	return h.receive(s, m)
}

func (h *Hub) takeSubscribe(sock *socket, s *session, p *packets.SubscribePacket) {
	ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
	ack.MessageID = p.MessageID
	has := s.device.subscribed() // until s ends, nobody but s changes it
	var c subscription
	for i, text := range p.Topics {
		feed, known := wire.ParseFilter(sock.id, text)
		if !known || !wire.ValidFilter(text) || (has|c.more|feed).Len() > maxFilters {
			ack.ReturnCodes = append(ack.ReturnCodes, 0x80)
			continue
		}
		c.more |= feed
		if feed.Has(wire.DeviceboundFeed) {
			c.confirms = p.Qoss[i] > 0
		}
		ack.ReturnCodes = append(ack.ReturnCodes, min(p.Qoss[i], 1))
	}
	c.acknowledge = func() { sock.write(ack) }
	h.subscribe(s, c)
}

func (h *Hub) takeUnsubscribe(sock *socket, s *session, p *packets.UnsubscribePacket) {
	var feeds wire.Feeds
	for _, text := range p.Topics {
		feed, _ := wire.ParseFilter(sock.id, text)
		feeds |= feed
	}
	ack := packets.NewControlPacket(packets.Unsuback).(*packets.UnsubackPacket)
	ack.MessageID = p.MessageID
	h.subscribe(s, subscription{less: feeds, acknowledge: func() { sock.write(ack) }})
}
