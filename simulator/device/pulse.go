package device

import (
	"container/heap"
	"context"
	"fmt"
	"sync"
	"time"
)

// maxSenders is how many devices of a fleet send their telemetry at the same time.
const maxSenders = 64

// A pulse is a beat of one device, and when it is due.
type pulse struct {
	due    time.Duration // since the fleet began
	device *device
	beat   *beat
	failed bool // the last time, so that it is not said again
}

// pulses are the beats of a fleet. All of them share one timer; a pulse is a few words, whether its device
// is connected or not.
type pulses struct {
	fleet *Running
	began time.Time

	mu      sync.Mutex // guards what follows
	waiting pulseHeap
	due     []pulse // that no sender has taken yet
	senders int
	ended   bool
	stop    func() bool // of the timer; nil: there is none
	armed   time.Duration
}

// add begins the beats of a device. Each has a phase of its own, by chance, so that devices that
// are alike do not send all at once: the first message comes within one interval, further ones an interval apart.
func (p *pulses) add(d *device) {
	if len(d.Profile.beats) == 0 {
		return
	}
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range d.Profile.beats {
		b := &d.Profile.beats[i]
		chance := newChance(p.fleet.options.Seed, fmt.Sprintf("%s\x00telemetry %d", d.ID, i))
		heap.Push(&p.waiting, pulse{due: now + 1 + time.Duration(chance.Int64N(int64(b.every))), device: d, beat: b})
	}
	p.arm()
}

func (p *pulses) now() time.Duration { return p.fleet.clock.Now().Sub(p.began) }

// arm sets the timer for the first pulse. The lock is held.
func (p *pulses) arm() {
	if len(p.waiting) == 0 || p.ended {
		return
	}
	first := p.waiting[0].due
	if p.stop != nil && p.armed == first {
		return
	}
	if p.stop != nil {
		p.stop()
	}
	p.armed = first
	p.stop = p.fleet.clock.After(first-p.now(), p.fire)
}

// fire is the timer's callback: it gives what is due to senders.
func (p *pulses) fire() {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop = nil
	for len(p.waiting) > 0 && p.waiting[0].due <= now {
		p.due = append(p.due, heap.Pop(&p.waiting).(pulse))
	}
	for p.senders < min(len(p.due), maxSenders) && !p.ended {
		p.senders++
		p.fleet.party("devices send telemetry", p.send)
	}
	p.arm()
}

// send sends what is due until nothing is.
func (p *pulses) send(ctx context.Context) {
	for {
		next, ok := p.take(ctx)
		if !ok {
			return
		}
		err := next.device.beats(next.beat)
		if err != nil && !next.failed {
			next.device.log("error", "telemetry failed: %s", placed(err))
		}
		next.failed = err != nil
		p.again(next)
	}
}

func (p *pulses) take(ctx context.Context) (next pulse, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.due) == 0 || ctx.Err() != nil {
		p.senders--
		return pulse{}, false
	}
	next, p.due = p.due[0], p.due[1:]
	if len(p.due) == 0 {
		p.due = nil
	}
	return next, true
}

// again waits for the next beat. Beats that were missed meanwhile are left out.
func (p *pulses) again(s pulse) {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	s.due += s.beat.every
	if late := now - s.due; late >= 0 {
		s.due += (late/s.beat.every + 1) * s.beat.every
	}
	heap.Push(&p.waiting, s)
	p.arm()
}

// end stops the timer for good.
func (p *pulses) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	if p.stop != nil {
		p.stop()
	}
}

// A pulseHeap has the pulse that is due first in front; it is a heap.Interface.
type pulseHeap []pulse

func (h pulseHeap) Len() int { return len(h) }

func (h pulseHeap) Less(i, j int) bool {
	if h[i].due != h[j].due {
		return h[i].due < h[j].due
	}
	return h[i].device.ID < h[j].device.ID
}

func (h pulseHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *pulseHeap) Push(x any) { *h = append(*h, x.(pulse)) }

func (h *pulseHeap) Pop() any {
	last := len(*h) - 1
	p := (*h)[last]
	*h = (*h)[:last]
	return p
}
