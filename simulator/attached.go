package simulator

import (
	"context"
	"sync/atomic"

	"github.com/twinbook/twinbook/simulator/wire"
)

// AttachDevice connects a device or module of this process without any bytes and without a check of keys; it is
// a wire.Dial. The receiver is called by whoever caused what it is told, so it must not wait.
func (h *Hub) AttachDevice(ctx context.Context, o wire.Options, r wire.Receiver) (wire.Conn, error) {
	id, err := registryID(o.Device, o.Module)
	if err != nil {
		return nil, err
	}
	d, err := h.device(id)
	if err != nil {
		return nil, err
	}
	a := &attached{hub: h, receiver: r}
	a.session = session{device: d, link: a}
	v, refusal := h.knock(ctx, &a.session)
	if refusal != nil {
		return nil, refusal.why
	}
	if err := h.open(&a.session, o.CleanSession); err != nil {
		return nil, err
	}
	h.afflict(&a.session, v, "")
	return a, nil
}

// attached is both ends of a connection without bytes.
type attached struct {
	hub      *Hub
	receiver wire.Receiver
	session  session
	present  bool
	ended    atomic.Bool
	wanting  atomic.Bool // more from the cloud is to be handed over when a lane has let something go on
	box      outbox[news]
}

// news for the device: a message, or the end.
type news struct {
	message wire.Message // nil: the end
	packet  uint16       // the hub waits to hear that the device has the message; 0: it does not
	reason  error
}

func (a *attached) SessionPresent() bool { return a.present }

func (a *attached) Send(m wire.Message) error {
	if a.ended.Load() {
		return wire.ErrClosed
	}
	if err := sendable(a.session.device.names(), m); err != nil {
		return err
	}
	if err := a.receive(m); err != nil {
		a.hub.close(&a.session, err)
		return wire.ErrClosed
	}
	return nil
}

func (a *attached) Close() error {
	a.hub.close(&a.session, nil)
	return nil
}

func (a *attached) opened(sessionPresent bool) { a.present = sessionPresent }

// receive is the hub's, where nothing can go wrong.
func (a *attached) receive(m wire.Message) error {
	if !a.hub.troubled() {
		return a.hub.receive(&a.session, m)
	}
	return a.hub.arrive(&a.session, arrival{message: m, take: func(m wire.Message) error { return a.hub.receive(&a.session, m) }})
}

func (a *attached) send(m wire.Message) { a.queue(news{message: m}) }

// queue hands over a message when the device's lock is free, unless it goes wrong.
func (a *attached) queue(n news) {
	if a.hub.troubled() && a.hub.depart(&a.session, n.message, func(again bool) { a.handLater(n, again) }) {
		return
	}
	a.box.put(n)
}

func (a *attached) handLater(n news, again bool) {
	if again {
		n.packet = 0 // confirmed once
	}
	a.box.put(n)
	a.flush()
	if a.wanting.Swap(false) {
		a.hub.handMore(&a.session)
	}
}

func (a *attached) room() bool {
	full := a.session.holds(a.hub.config.MaxUnsent / 4)
	if full {
		a.wanting.Store(true)
	}
	return !full
}

func (a *attached) deliver(m wire.Devicebound, packet uint16, _ bool) {
	a.queue(news{message: m, packet: packet})
}

func (a *attached) flush() { a.box.flush(a.tell) }

func (a *attached) end(reason error) {
	if !a.ended.Swap(true) {
		a.box.put(news{reason: reason})
	}
	a.flush()
}

// tell drops what was still under way when the connection ended. A message from the cloud is confirmed just
// before the receiver has it, so that a receiver which then leaves does not get it again.
func (a *attached) tell(n news) {
	switch {
	case n.message == nil:
		a.receiver.Closed(a, n.reason)
	case a.ended.Load():
	case n.packet == 0 || a.hub.confirm(&a.session, n.packet):
		a.receiver.Receive(a, n.message)
	}
}

// sendable says why a message could not be sent over MQTT either.
func sendable(id wire.Identity, m wire.Message) error {
	switch m.(type) {
	case wire.Subscribe, wire.Unsubscribe:
		return nil
	}
	_, _, err := wire.Topic(id, m)
	return err
}
