package simulator

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
)

// A page of telemetry ends with the message that reaches one of these.
const (
	maxMessages     = 1000
	maxMessageBytes = 4 << 20
)

// A reading asks for messages.
type reading struct {
	device *device   // nil: of all devices
	since  time.Time // received then or later; zero when there is a cursor
	from   cursor
}

// A cursor is a place between two messages. The zero cursor is before all of them.
type cursor struct {
	number uint64 // of the last message before it
	count  uint64 // how many the device had sent by then
}

type telemetryPage struct {
	records []record
	end     cursor
	next    string // end as text
	lost    uint64 // messages that were forgotten before they were asked for; the least it can be
}

// newReading asks for the messages of a device, or of all (nil), since a time or, if it is given, after a cursor.
func (h *Hub) newReading(d *device, since time.Time, after string) (reading, error) {
	if after == "" {
		return reading{device: d, since: since}, nil
	}
	from, err := h.telemetry.parseCursor(after)
	return reading{device: d, from: from}, err
}

// readTelemetry gives the messages that the hub still has, oldest first, and waits until there is one. When
// ctx ends first it returns the cause, and still a page without messages that says where to go on. When the
// device is deleted that is a fault.
func (h *Hub) readTelemetry(ctx context.Context, q reading) (telemetryPage, error) {
	for {
		page, ready := h.telemetry.read(h.clock, q)
		if ready == nil {
			return page, nil
		}
		err := q.device.exists() // asked after read has put us among those whom a deletion wakes
		if err == nil {
			_, err = ready.Await(ctx)
		}
		if err != nil {
			h.telemetry.stopWaiting(q.device, ready)
			return page, err
		}
	}
}

// read gives what is there, else a promise that there will be something.
func (t *telemetry) read(c clock.Clock, q reading) (page telemetryPage, ready *clock.Promise[bool]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	numbers := t.numbersOf(q)
	page = t.page(q, numbers)
	if len(numbers) == 0 {
		ready = clock.NewPromise[bool](c)
		if t.waiting == nil {
			t.waiting = map[*device][]*clock.Promise[bool]{}
		}
		t.waiting[q.device] = append(t.waiting[q.device], ready)
	}
	return page, ready
}

// numbersOf are the messages wanted, oldest first.
func (t *telemetry) numbersOf(q reading) []uint64 {
	if q.device == nil {
		return t.numbersOfAll(q)
	}
	var numbers []uint64
	for n := q.device.trail.last; n > q.from.number && n >= t.oldest && !t.slot(n).time.Before(q.since); n = t.slot(n).before {
		numbers = append(numbers, n)
	}
	slices.Reverse(numbers)
	return numbers
}

func (t *telemetry) numbersOfAll(q reading) []uint64 {
	first := max(q.from.number+1, t.oldest)
	held := int(max(first, t.next) - first)
	first += uint64(sort.Search(held, func(i int) bool { return !t.slot(first + uint64(i)).time.Before(q.since) }))
	var numbers []uint64
	for n := first; n < t.next && len(numbers) < maxMessages; n++ {
		numbers = append(numbers, n)
	}
	return numbers
}

func (t *telemetry) page(q reading, numbers []uint64) telemetryPage {
	var page telemetryPage
	at, bytes := cursor{number: t.next - 1}, 0
	if q.device != nil {
		at.count = q.device.trail.count
	}
	for _, n := range numbers[:min(len(numbers), maxMessages)] {
		r := *t.slot(n)
		page.records = append(page.records, r)
		at = cursor{number: n, count: r.count}
		if bytes += r.size(); bytes >= maxMessageBytes {
			break
		}
	}
	if q.since.IsZero() && len(numbers) > 0 {
		page.lost = t.lost(q, numbers[0])
	}
	page.end, page.next = at, t.formatCursor(at)
	return page
}

// after asks for the page that follows.
func (q reading) after(p telemetryPage) reading { return reading{device: q.device, from: p.end} }

// lost is how many messages were forgotten between the cursor and the first one after it.
func (t *telemetry) lost(q reading, first uint64) uint64 {
	from, passed := q.from, first-q.from.number-1
	if q.device == nil {
		return passed
	}
	if sent := t.slot(first).count - 1; sent > from.count {
		return min(passed, sent-from.count)
	}
	return 0
}

func (t *telemetry) formatCursor(c cursor) string {
	return fmt.Sprintf("%x.%x.%x", t.life, c.number, c.count)
}

// parseCursor reads what formatCursor wrote. A cursor from before a restart has a code of its own: numbers begin anew,
// and only the caller knows whether it may.
func (t *telemetry) parseCursor(text string) (cursor, error) {
	var life int64
	var c cursor
	if n, err := fmt.Sscanf(text, "%x.%x.%x", &life, &c.number, &c.count); n != 3 || err != nil || fmt.Sprintf("%x.%x.%x", life, c.number, c.count) != text {
		return cursor{}, argumentInvalid.fault("The cursor '%s' is not one of this hub", printable(text)).
			saying("%q is no place in the messages of this hub; begin again without it", printable(text))
	}
	if life != t.life {
		return cursor{}, otherCursor.fault("The cursor '%s' is of another hub, or from before this one was started anew. Begin again without it", printable(text)).
			saying("%q is a place in the messages of another hub, or from before this one was started anew; begin again without it", printable(text))
	}
	return c, nil
}
