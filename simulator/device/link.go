package device

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// errLost is why a request has no answer.
var errLost = errors.New("the connection to the hub was lost before it answered")

// maxRequests is how many twin requests of a device may wait for a silent hub.
const maxRequests = 1000

// A link is one connection of a device, and the wire.Receiver at its end.
type link struct {
	device *device

	// What follows is guarded by device.mu.
	conn     wire.Conn
	since    time.Time // when it was ready
	ended    bool
	over     *clock.Promise[struct{}] // who waits for its end; nil: nobody
	requests []request
}

// A request to the hub about the twin.
type request struct {
	rid    string
	take   func(wire.TwinResponse) error // takes a good answer, in the order of what comes from the hub
	answer *clock.Promise[error]
}

// use notes the connection. The hub may speak before dialling has returned.
func (l *link) use(c wire.Conn) {
	d := l.device
	d.mu.Lock()
	defer d.mu.Unlock()
	if l.conn == nil {
		l.conn = c
	}
}

// Receive takes a message of the hub. It never waits.
func (l *link) Receive(c wire.Conn, m wire.Message) {
	l.use(c)
	switch m := m.(type) {
	case wire.TwinResponse:
		l.answered(m)
	case wire.DesiredPatch:
		l.device.takeNotice(m)
	case wire.MethodRequest:
		l.device.takeCall(l, m)
	case wire.Devicebound:
		l.device.takeMessage(m)
	}
}

// Closed ends the link. A device that still wants to be connected goes about it.
func (l *link) Closed(_ wire.Conn, reason error) {
	d := l.device
	d.mu.Lock()
	l.ended = true
	requests, over := l.requests, l.over
	l.requests = nil
	wasOnline := d.link == l
	if wasOnline {
		d.link = nil
		d.lasted(d.in.clock.Now().Sub(l.since))
	}
	again := wasOnline && d.wanted && !d.connecting
	d.connecting = d.connecting || again
	d.mu.Unlock()

	for _, r := range requests {
		r.answer.Resolve(errLost)
	}
	if over != nil {
		over.Resolve(struct{}{})
	}
	if again {
		d.log("warn", "the connection was lost: %v; connecting again", reason)
		d.in.party("device "+d.ID+" connects again", d.keepConnecting)
	} else if wasOnline {
		d.log("debug", "disconnected")
	}
}

// awaitEnd waits until nothing more comes over the link.
func (l *link) awaitEnd(ctx context.Context) error {
	d := l.device
	d.mu.Lock()
	if l.over == nil && !l.ended {
		l.over = clock.NewPromise[struct{}](d.in.clock)
	}
	over, ended := l.over, l.ended
	d.mu.Unlock()
	if ended {
		return nil
	}
	_, err := over.Await(ctx)
	return err
}

// ask sends a request and waits for its answer. What is answered after ctx has ended is still taken.
func (l *link) ask(ctx context.Context, message func(rid string) wire.Message, take func(wire.TwinResponse) error) error {
	d := l.device
	answer := clock.NewPromise[error](d.in.clock)
	d.mu.Lock()
	if l.ended {
		d.mu.Unlock()
		return errLost
	}
	if len(l.requests) == maxRequests {
		d.mu.Unlock()
		return &engine.Error{Kind: engine.KindUnavailable, Message: fmt.Sprintf("the hub has not answered %d requests", maxRequests)}
	}
	d.asked++
	rid := strconv.FormatUint(d.asked, 10)
	l.requests = append(l.requests, request{rid: rid, take: take, answer: answer})
	d.mu.Unlock()
	if err := l.conn.Send(message(rid)); err != nil {
		l.request(rid)
		return errLost
	}
	failed, err := answer.Await(ctx)
	if err != nil {
		return err
	}
	return failed
}

// request takes a request off the list.
func (l *link) request(rid string) (request, bool) {
	d := l.device
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, r := range l.requests {
		if r.rid == rid {
			if l.requests = slices.Delete(l.requests, i, i+1); len(l.requests) == 0 {
				l.requests = nil // an idle device holds nothing
			}
			return r, true
		}
	}
	return request{}, false
}

func (l *link) answered(m wire.TwinResponse) {
	r, ok := l.request(m.RID)
	if !ok {
		return
	}
	err := refusal(m)
	if err == nil {
		err = r.take(m)
	}
	r.answer.Resolve(err)
}
