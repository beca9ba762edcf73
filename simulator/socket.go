package simulator

import (
	"bufio"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/twinbook/twinbook/simulator/wire"
)

const (
	maxBeforeAuth = 8 << 10             // bytes of a CONNECT; a will may be in it
	maxPacket     = maxMessage + 64<<10 // bytes of any other packet: a message and its topic
	maxIdle       = 1767 * time.Second  // the longest silence that Azure allows
	readBuffer    = 1 << 10             // bytes; bodies longer than this are read directly
	stride        = 16 << 10            // bytes that are written at a time, each in WriteTimeout; a record of TLS
)

var errSlow = errors.New("the device did not read what it was sent")

// A socket is one MQTT connection. It reads in the goroutine that has it; a second one writes, and
// lives only while there is something to write.
type socket struct {
	conn    net.Conn
	in      *bufio.Reader
	config  *Config // the hub's
	id      wire.Identity
	hub     *Hub
	session *session // once the device is in

	mu      sync.Mutex // guards what follows
	unsent  []byte
	writing bool
	wanting bool          // more from the cloud is to be handed over when unsent is written
	relief  chan struct{} // closed when unsent is written; nil: nobody waits for that
	closing bool          // close once all is written
	reason  error
	closed  bool
	onClose func() // nil: nobody waits for that
	writers sync.WaitGroup
}

func newSocket(conn net.Conn, c *Config) *socket {
	return &socket{conn: conn, in: bufio.NewReaderSize(conn, readBuffer), config: c}
}

// read gives the next packet, which has to come whole within the time.
func (s *socket) read(limit int, within time.Duration) (packets.ControlPacket, error) {
	if err := s.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	return wire.ReadPacket(s.in, limit)
}

// write queues a packet. It holds up nobody: what comes in great numbers asks for room first, and what a device
// brings about itself keeps its next packets waiting (awaitWritten). Whoever writes more all the same, such as
// notices of a twin, ends the connection.
func (s *socket) write(p packets.ControlPacket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.closing || s.crowded() {
		return
	}
	s.unsent = wire.AppendPacket(s.unsent, p)
	s.startWriting()
}

// acknowledge queues a PUBACK. Those for packets that came together leave together.
func (s *socket) acknowledge(packet uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.closing {
		return
	}
	if s.crowded() {
		return
	}
	s.unsent = wire.AppendPuback(s.unsent, packet)
	s.startWriting()
}

// crowded ends a connection on which too much is unsent.
func (s *socket) crowded() bool {
	if len(s.unsent) <= s.config.MaxUnsent {
		return false
	}
	s.closeLocked(errSlow)
	return true
}

func (s *socket) startWriting() {
	if !s.writing {
		s.writing = true
		s.writers.Add(1)
		go s.drain()
	}
}

// drain writes until nothing is left.
func (s *socket) drain() {
	defer s.writers.Done()
	for b := s.nextUnsent(); b != nil; b = s.nextUnsent() {
		if s.writeOut(b) != nil {
			s.end(errSlow)
		}
		if s.takeWanting() {
			s.hub.handMore(s.session)
		}
	}
}

// writeOut gives the peer its time anew whenever it has taken something.
func (s *socket) writeOut(b []byte) error {
	for part := range slices.Chunk(b, stride) {
		if err := s.conn.SetWriteDeadline(time.Now().Add(s.config.WriteTimeout)); err != nil {
			return err
		}
		if _, err := s.conn.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// awaitWritten holds up the reader of a socket while much is unsent, so that a device which asks faster than it
// reads has to wait for its answers.
func (s *socket) awaitWritten() {
	s.mu.Lock()
	if s.closed || len(s.unsent) <= s.config.MaxUnsent/2 {
		s.mu.Unlock()
		return
	}
	relief := make(chan struct{})
	s.relief = relief
	s.mu.Unlock()
	<-relief
}

// relieve lets the reader go on. The lock is held.
func (s *socket) relieve() {
	if s.relief != nil {
		close(s.relief)
		s.relief = nil
	}
}

func (s *socket) takeWanting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanting := s.wanting && !s.closed
	s.wanting = false
	return wanting
}

func (s *socket) nextUnsent() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.unsent
	s.unsent = nil
	s.relieve()
	if b == nil || s.closed {
		s.writing = false
		if s.closing {
			s.closeLocked(s.reason)
		}
		return nil
	}
	return b
}

// finish closes the connection once all that is queued is written.
func (s *socket) finish(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing, s.reason = true, reason
	s.startWriting()
}

// closeLocked closes the connection for the first reason given. A layer such as TLS may take its time
// to say goodbye, and a device's lock may be held here, so nobody waits for that but Attach.
func (s *socket) closeLocked(reason error) {
	if s.closed {
		return
	}
	s.closed, s.reason, s.unsent = true, reason, nil
	s.relieve()
	if s.onClose != nil {
		s.onClose()
	}
	s.writers.Go(func() { s.conn.Close() })
}

// why is the reason for which the connection was closed from here, or otherwise.
func (s *socket) why(otherwise error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed && s.reason != nil {
		return s.reason
	}
	return otherwise
}

// A socket is the link of a session.

func (s *socket) opened(sessionPresent bool) {
	p := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
	p.SessionPresent = sessionPresent
	s.write(p)
}

func (s *socket) send(m wire.Message) {
	topic, body, err := wire.Topic(s.id, m)
	if err != nil {
		panic(err) // what the hub sends has a topic
	}
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload = topic, body
	if s.hub.troubled() && s.hub.depart(s.session, m, func(bool) { s.write(p) }) {
		return
	}
	s.write(p)
}

// whenClosed calls f when the connection is closed from here, or now. F must not wait.
func (s *socket) whenClosed(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onClose = f
	if s.closed {
		f()
	}
}

// writeAgain writes a message, or what looks like the same message sent once more; at QoS 0 there is no such thing.
func (s *socket) writeAgain(p packets.PublishPacket, again bool) {
	if again && p.Qos == 0 {
		return
	}
	p.Dup = p.Dup || again
	s.write(&p)
}

// room leaves some for what is neither a call nor a message from the cloud. What a lane holds is written in its
// time, so that handMore is called then, too.
func (s *socket) room() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	full := len(s.unsent) > s.config.MaxUnsent/4 || s.session.holds(s.config.MaxUnsent/4)
	s.wanting = s.wanting || full
	return !full
}

func (s *socket) deliver(m wire.Devicebound, packet uint16, again bool) {
	topic, body, err := wire.Topic(s.id, m)
	if err != nil {
		panic(err) // it was tried when the message was sent
	}
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload = topic, body
	if packet != 0 {
		p.Qos, p.MessageID, p.Dup = 1, packet, again
	}
	if s.hub.troubled() && s.hub.depart(s.session, m, func(again bool) { s.writeAgain(*p, again) }) {
		return
	}
	s.write(p)
}

func (s *socket) flush() {} // write has started a writer

func (s *socket) end(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked(reason)
}
