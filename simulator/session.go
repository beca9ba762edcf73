package simulator

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twinbook/twinbook/simulator/wire"
)

// maxMessage is the size of a message that Azure documents.
const maxMessage = 256 << 10

// Why the hub ends a connection.
var (
	errTakenOver    = errors.New("the same device has connected again; the hub keeps one connection a device")
	errTokenExpired = errors.New("the SAS token has expired; connect again with a new one")
	errLeft         = errors.New("the device closed the connection")
)

// A link is how messages get to the device of a session, whatever it is made of.
type link interface {
	// opened tells the device that it is in. It is the first call, under the device's lock.
	opened(sessionPresent bool)
	// send queues a message. It never waits; the device's lock is held, so the order is that of the state.
	send(m wire.Message)
	// room says whether the link can take a call or a message from the cloud now. If not, it calls Hub.handMore when it can.
	room() bool
	// deliver queues a message from the cloud, like send. The device's word that it has it goes to Hub.confirm
	// with the packet id; with id 0 (QoS 0) none is needed. Again: the message was sent before.
	deliver(m wire.Devicebound, packet uint16, again bool)
	// flush hands over what is queued. No lock is held.
	flush()
	// end closes the connection once, for a reason. No lock is held.
	end(reason error)
}

// A session is a live connection of a device.
type session struct {
	device *device
	link   link
	noTwin bool // it named no api-version, so twin operations are refused

	expires  time.Time   // when its token does, by timeFor; zero: never
	unexpire func() bool // stops the timer for that; guarded by device.mu

	trouble atomic.Pointer[trouble] // nil until something goes wrong, or has to wait

	calls map[string]*call // methods that wait for an answer, by rid; guarded by device.mu
	queue []*call          // those of them that wait for room on the link, oldest first; guarded by device.mu
	will  *record          // telemetry for when the connection breaks; nil for most; guarded by device.mu
}

// open makes s the one connection of its device; the device's credentials have been checked. An
// older connection ends.
func (h *Hub) open(s *session, clean bool) error {
	d := s.device
	var old *session
	var lost []*call
	var refused error
	unsaved := h.edit(d, func() bool {
		if refused = d.refuses(); refused != nil {
			return false
		}
		if old = d.session; old != nil {
			lost = old.takeCalls()
			h.executeWill(old)
		}
		present := d.kept && !clean
		d.feeds = h.resume(d, present)
		d.mail.reopen(present)
		d.kept = !clean
		d.session = s
		if d.saved != nil {
			s.link = careful{s.link, d}
		}
		d.active = h.clock.Now()
		if old == nil {
			d.moved = d.active
		}
		s.link.opened(present)
		d.wakeCallers()
		d.hand()
		return old == nil // else it was connected, and is
	})
	if refused != nil {
		return refused
	}
	if old != nil {
		old.leave(false)
		old.link.end(errTakenOver)
	}
	h.failCalls(d, lost, errTakenOver)
	return unsaved
}

// refuses says why a device is not let in. Its lock is held.
func (d *device) refuses() error {
	switch {
	case d.deleted:
		return notRegistered(d.id)
	case d.disabled:
		return unauthorized.fault("Unauthorized").saying("%s is disabled in the simulator", d.names())
	case d.barred:
		return unauthorized.fault("Unauthorized").saying("device %s, and with it the module %s, is disabled in the simulator", d.names().Device, d.names().Module)
	}
	return nil
}

// close ends a session for a reason; nil is the device's own wish.
func (h *Hub) close(s *session, reason error) {
	d := s.device
	s.leave(reason == nil)
	var lost []*call
	h.edit(d, func() bool {
		lost = s.takeCalls()
		s.stopExpiry()
		if d.session != s {
			return false
		}
		if reason != nil {
			h.executeWill(s)
		}
		d.session = nil
		d.moved = h.clock.Now()
		if !d.kept {
			d.feeds = 0
		}
		return true
	})
	s.link.end(reason)
	if reason == nil {
		reason = errLeft
	}
	h.failCalls(d, lost, reason)
}

// takeCalls are the calls that wait on s, oldest first. The device's lock is held.
func (s *session) takeCalls() []*call {
	calls := slices.SortedFunc(maps.Values(s.calls), func(a, b *call) int { return cmp.Compare(a.number, b.number) })
	s.calls, s.queue = nil, nil
	return calls
}

// receive takes a message from the device of s. An error is a misuse that ends the connection, as
// MQTT has no other way to say so.
func (h *Hub) receive(s *session, m wire.Message) error {
	switch m := m.(type) {
	case wire.Subscribe:
		h.subscribe(s, subscription{more: m.Feeds, confirms: true})
	case wire.Unsubscribe:
		h.subscribe(s, subscription{less: m.Feeds})
	case wire.TwinGet:
		h.answerTwin(s, m)
	case wire.ReportedPatch:
		return h.takeReport(s, m)
	case wire.MethodResponse:
		return h.takeAnswer(s, m)
	case wire.Telemetry:
		return h.takeTelemetry(s, attachedRecord(m))
	default:
		return fmt.Errorf("a device does not send %T", m)
	}
	return nil
}

func checkLength(body []byte) error {
	if len(body) > maxMessage {
		return fmt.Errorf("a message of %d bytes; the hub takes %d", len(body), maxMessage)
	}
	return nil
}

// whileLive changes the device of s unless s has ended.
func (h *Hub) whileLive(s *session, f func() (changed bool)) {
	d := s.device
	h.edit(d, func() bool {
		if d.session != s {
			return false
		}
		d.active = h.clock.Now()
		return f()
	})
}

// A subscription changes what a device hears.
type subscription struct {
	more, less  wire.Feeds
	confirms    bool   // the device will confirm messages from the cloud (QoS 1); of no meaning if more has them not
	acknowledge func() // queues the acknowledgement; nil if there is none
}

// subscribed is what the device hears, or would hear if it were here.
func (d *device) subscribed() wire.Feeds {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.feeds
}

// subscribe changes what the device of s hears. The acknowledgement, where there is one, is queued under
// the same lock: before all that was subscribed to, and so that whoever has it can be called at once.
func (h *Hub) subscribe(s *session, c subscription) {
	h.whileLive(s, func() bool {
		d := s.device
		if c.more.Has(wire.DeviceboundFeed) {
			d.feeds &^= wire.EscapedIDs // as in the newest filter
			d.confirms = c.confirms
		}
		d.feeds = d.feeds&^c.less | c.more
		if c.acknowledge != nil && d.save() == nil {
			c.acknowledge()
		}
		d.wakeCallers()
		d.hand()
		return false
	})
}

func (h *Hub) answerTwin(s *session, m wire.TwinGet) {
	h.whileLive(s, func() bool {
		if s.noTwin {
			s.link.send(h.twinFault(s, m.RID, noVersion()))
			return false
		}
		s.link.send(wire.TwinResponse{RID: m.RID, Status: 200, Body: s.device.twin.deviceDoc()})
		return false
	})
}

func noVersion() *fault {
	return badVersion.fault("The device named no api-version in its MQTT user name")
}

func (h *Hub) takeReport(s *session, m wire.ReportedPatch) error {
	if err := checkLength(m.Body); err != nil {
		return err
	}
	patch, err := decodeSection("Properties.Reported", m.Body)
	if err == nil && patch == nil {
		err = argumentInvalid.fault("Properties.Reported must be a JSON object")
	}
	if m.Version < 0 {
		err = argumentInvalid.fault("The $version in the topic is not a number from 1 up")
	}
	if s.noTwin {
		err = noVersion()
	}
	h.whileLive(s, func() bool {
		if err == nil {
			err = s.device.twin.report(patch, m.Version, h.clock.Now())
		}
		if err != nil {
			s.link.send(h.twinFault(s, m.RID, err))
			return false
		}
		s.link.send(wire.TwinResponse{RID: m.RID, Status: 204, Version: s.device.twin.reported.version})
		return true
	})
	return nil
}

// twinFault is an error as a device gets it. Node's SDK looks at the body only, so it must be there.
func (h *Hub) twinFault(s *session, rid string, err error) wire.TwinResponse {
	f := asFault(err)
	body := encodeJSON(map[string]any{
		"errorCode": f.number, "message": f.text, "trackingId": h.trackingID(), "timestampUtc": timeText(h.timeFor(s.device.id)),
	})
	return wire.TwinResponse{RID: rid, Status: f.status, Body: body}
}
