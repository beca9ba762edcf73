package simulator

import (
	"slices"
	"sync"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
	"github.com/twinbook/twinbook/simulator/wire"
)

// A record is one message of a device as the hub took it. What stands in it never changes.
type record struct {
	device   *device
	time     time.Time
	bag      string // properties as they stood in the topic; taken apart when somebody reads them
	body     []byte
	retained bool // it came with MQTT's RETAIN, which the hub only passes on
	will     bool // it is the last will of a connection that broke

	count  uint64 // which of its device's messages it is, from 1
	before uint64 // the number of the device's message before it; 0: there was none
}

// size is about what a record holds in memory. The bag is a part of a topic, and that of a packet.
func (r *record) size() int { return 256 + 2*len(r.bag) + len(r.body) }

// A trail is how the messages of a device are found: from the last one back. Guarded by telemetry.mu.
type trail struct{ last, count uint64 }

// telemetry is the messages of all devices, the latest ones: a ring that is bounded in number and in
// bytes. A message has a number, which counts up from 1; it is in the ring while oldest <= number < next.
type telemetry struct {
	maxCount, maxBytes int
	life               int64 // tells cursors of this ring from those of an earlier process

	mu           sync.Mutex // guards what follows, and the trails of devices; nothing is called under it
	slots        []record   // number n lies at n modulo their number
	oldest, next uint64
	bytes        int
	waiting      map[*device][]*clock.Promise[bool] // readers, by device; those under nil want any
}

func newTelemetry(c Config) telemetry {
	return telemetry{maxCount: c.MaxTelemetry, maxBytes: c.MaxTelemetryBytes, life: c.Clock.Now().UnixNano(), oldest: 1, next: 1}
}

// put adds a message, forgets the oldest ones where there is no room, and wakes who waits for it.
func (t *telemetry) put(r record) {
	t.mu.Lock()
	t.makeRoom(r.size())
	r.time = t.timeOf(r)
	r.before, r.count = r.device.trail.last, r.device.trail.count+1
	r.device.trail = trail{last: t.next, count: r.count}
	*t.slot(t.next) = r
	t.next++
	t.bytes += r.size()
	waiting := t.takeWaiting(r.device)
	t.mu.Unlock()
	for _, ready := range waiting {
		ready.Resolve(true)
	}
}

// timeTick is what a time in the service's answers can tell apart.
const timeTick = 100 * time.Nanosecond

// timeOf is the time of a new message, rounded up to whole ticks, so that it came since any moment before it, and behind
// the device's message before it: whoever has read that one can go on behind its time, however many came at once.
func (t *telemetry) timeOf(r record) time.Time {
	at := r.time.Add(timeTick - 1).Truncate(timeTick)
	if last := r.device.trail.last; last >= t.oldest {
		if before := t.slot(last).time; !at.After(before) {
			return before.Add(timeTick)
		}
	}
	return at
}

func (t *telemetry) slot(number uint64) *record { return &t.slots[number%uint64(len(t.slots))] }

func (t *telemetry) makeRoom(size int) {
	for t.next > t.oldest && (t.next-t.oldest >= uint64(t.maxCount) || t.bytes+size > t.maxBytes) {
		gone := t.slot(t.oldest)
		t.bytes -= gone.size()
		*gone = record{}
		t.oldest++
	}
	if held := int(t.next - t.oldest); held == len(t.slots) {
		t.grow(min(max(64, 2*held), t.maxCount))
	}
}

func (t *telemetry) grow(slots int) {
	old := t.slots
	t.slots = make([]record, slots)
	for n := t.oldest; n < t.next; n++ {
		*t.slot(n) = old[n%uint64(len(old))]
	}
}

func (t *telemetry) takeWaiting(d *device) []*clock.Promise[bool] {
	if len(t.waiting) == 0 {
		return nil
	}
	waiting := slices.Concat(t.waiting[d], t.waiting[nil])
	delete(t.waiting, d)
	delete(t.waiting, nil)
	return waiting
}

// wake lets those look again who wait for messages of a device.
func (t *telemetry) wake(d *device) {
	t.mu.Lock()
	waiting := t.waiting[d]
	delete(t.waiting, d)
	t.mu.Unlock()
	for _, ready := range waiting {
		ready.Resolve(true)
	}
}

// stopWaiting forgets a reader that has gone.
func (t *telemetry) stopWaiting(d *device, ready *clock.Promise[bool]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := slices.DeleteFunc(t.waiting[d], func(p *clock.Promise[bool]) bool { return p == ready })
	if len(left) == 0 {
		delete(t.waiting, d)
		return
	}
	t.waiting[d] = left
}

// takeTelemetry keeps what the device of s sent. An error is a misuse that ends the connection.
func (h *Hub) takeTelemetry(s *session, r record) error {
	if err := checkLength(r.body); err != nil {
		return err
	}
	d := s.device
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session != s {
		return nil
	}
	h.keep(d, r)
	return nil
}

// keep puts a message of d into the ring. The lock of d is held.
func (h *Hub) keep(d *device, r record) {
	d.active = h.clock.Now()
	r.device, r.time = d, d.active
	h.telemetry.put(r)
}

// attachedRecord is telemetry of a device that sends no bytes.
func attachedRecord(m wire.Telemetry) record {
	return record{bag: wire.FormatBag(m.Properties), body: m.Body}
}
