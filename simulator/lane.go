package simulator

import (
	"sync"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
	faults "github.com/twinbook/twinbook/simulator/fault"
)

// What a lane holds before its sender has to wait, or is cut off if it cannot wait.
const (
	fullLane  = 64 // messages
	fullBytes = 64 << 10
	mostHeld  = 1000 // messages
)

// A lane is one direction of a connection on which messages take their time: each goes on when its time
// has come, and none before the one in front of it.
type lane struct {
	clock clock.Clock

	mu    sync.Mutex // guards what follows; not held while something goes on
	queue []held
	bytes int
	busy  bool      // something goes on just now
	free  time.Time // when a slow connection has carried all that it was given
	stop  func() bool
	room  *clock.Promise[struct{}] // who waits for room; nil: nobody
	ended bool                     // what is still held goes on now
}

// held is a message on its way.
type held struct {
	due  time.Time
	size int
	pass func()
}

// put takes a message of a size that a verdict slows down, and says false if it need not be held: then it goes on at once.
func (l *lane) put(v faults.Verdict, size int, pass func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	due := l.carried(now, v.BytesPerSecond, size).Add(v.Delay)
	if n := len(l.queue); n > 0 && due.Before(l.queue[n-1].due) {
		due = l.queue[n-1].due
	}
	if l.ended || len(l.queue) == 0 && !l.busy && !due.After(now) {
		return false
	}
	l.queue = append(l.queue, held{due, size, pass})
	l.bytes += size
	if len(l.queue) == 1 && !l.busy {
		l.wait(now)
	}
	return true
}

// carried is when a connection has carried one more message. The lock is held.
func (l *lane) carried(now time.Time, pace, size int) time.Time {
	if pace == 0 {
		return now
	}
	if l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(float64(size) / float64(pace) * float64(time.Second)))
	return l.free
}

func (l *lane) full() bool { return len(l.queue) >= fullLane || l.bytes >= fullBytes }

// overflows says whether more is held than anybody should have sent.
func (l *lane) overflows(bytes int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) > mostHeld || l.bytes > bytes
}

// holds says whether there is so much in the lane that what can wait elsewhere should.
func (l *lane) holds(bytes int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) > mostHeld/4 || l.bytes > bytes
}

// laden says whether as many twin operations wait here as one connection may have.
func (l *lane) laden() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes+len(l.queue)*waitOverhead > mostWaiting
}

// unlessTooFast is an error if a device that nobody can keep waiting has sent too much.
func (l *lane) unlessTooFast() error {
	if l.overflows(maxPacket) {
		return errTooFast
	}
	return nil
}

// wait sets the timer for the first message. The lock is held.
func (l *lane) wait(now time.Time) {
	l.stop = l.clock.After(l.queue[0].due.Sub(now), l.run)
}

// run lets go on what is due, unless somebody is at it already.
func (l *lane) run() {
	for pass := l.begin(); pass != nil; pass = l.next() {
		pass()
	}
}

func (l *lane) begin() func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy {
		return nil
	}
	return l.take()
}

func (l *lane) next() func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
	return l.take()
}

// take is the first message if it is due. The lock is held.
func (l *lane) take() func() {
	if len(l.queue) == 0 {
		l.queue = nil
		return nil
	}
	first, now := l.queue[0], l.clock.Now()
	if first.due.After(now) && !l.ended {
		l.wait(now)
		return nil
	}
	l.queue[0] = held{}
	l.queue, l.bytes, l.busy = l.queue[1:], l.bytes-first.size, true
	l.makeRoom()
	return first.pass
}

// makeRoom wakes who waits for room if there is some. The lock is held.
func (l *lane) makeRoom() {
	if l.room != nil && (l.ended || !l.full()) {
		l.room.Resolve(struct{}{})
		l.room = nil
	}
}

// awaited is a promise of room; nil if there is some.
func (l *lane) awaited() *clock.Promise[struct{}] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || !l.full() {
		return nil
	}
	l.room = clock.NewPromise[struct{}](l.clock)
	return l.room
}

// end stops the lane. What is still held arrives now if it is to, or never.
func (l *lane) end(arrives bool) {
	l.mu.Lock()
	if l.stop != nil {
		l.stop()
	}
	l.ended = true
	if !arrives {
		l.queue, l.bytes = nil, 0
	}
	l.makeRoom()
	l.mu.Unlock()
	l.run()
}
