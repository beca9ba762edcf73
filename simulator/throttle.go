package simulator

import (
	"context"
	"sync"
	"time"

	"github.com/twinbook/twinbook/internal/clock"
)

// Azure calls it traffic shaping: what goes beyond a rate "for the first minute or two" is served at once, then it
// waits in a queue that is worked off at the rate, and when the queue is full it is refused. How long the queue
// is, is not documented.
const (
	burst   = time.Minute      // of the rate are served at once
	backlog = 10 * time.Second // of the rate may wait
)

// methodMeter is how many bytes of a payload count as one call.
const methodMeter = 4 << 10

// A throttle holds a hub to the quotas of its tier. A hub without one has nil.
type throttle [quotas]bucket

// A bucket leaks at the rate of its quota. It needs no ticks and keeps no list.
type bucket struct {
	perMinute int

	mu    sync.Mutex // guards what follows
	level int64      // what is in it, in minutes' worth of nanoseconds: it loses perMinute of them a nanosecond
	at    time.Time  // when it was looked at last
}

const (
	drop = int64(time.Minute) // what one call adds to a level
	brim = 1 << 62            // levels stay below it
)

// limitTo holds the hub to the quotas of a tier.
func (h *Hub) limitTo(t Tier, units int) {
	if t == "" || t == Unlimited {
		return
	}
	h.throttle = &throttle{}
	for q := uncounted + 1; q < quotas; q++ {
		h.throttle[q].perMinute = t.perMinute(q, units)
	}
	h.faults.possible.Store(true)
	h.jobs.pace, h.jobs.maxActive = h.paceJobs, t.activeJobs()
}

// take counts n things done at one time, and says how long they have to wait, which is 0 for most. What would have to
// wait longer than most is not counted, and may be tried again after a time.
func (b *bucket) take(n int, now time.Time, most time.Duration) (wait, again time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rate := int64(b.perMinute)
	passed := int64(max(0, now.Sub(b.at)))
	level := b.level - min(passed, b.level/rate+1)*rate
	level = min(max(level, 0)+int64(n)*drop, brim)
	over := level - int64(burst)*rate
	wait = time.Duration(max(0, (over+rate-1)/rate))
	if wait > most {
		return 0, wait - most
	}
	b.level, b.at = level, now
	return wait, 0
}

// spend counts n things that are done now. It says how long they wait for their turn, or that they are too many.
func (h *Hub) spend(q quota, n int) (time.Duration, error) {
	if h.throttle == nil || q == uncounted {
		return 0, nil
	}
	wait, again := h.throttle[q].take(n, h.clock.Now(), backlog)
	if again > 0 {
		return 0, tooMany(again)
	}
	return wait, nil
}

// turn counts one thing that is never refused: it waits, however long that may be.
func (h *Hub) turn(q quota) time.Duration {
	if h.throttle == nil {
		return 0
	}
	const forever = 1<<63 - 1
	wait, _ := h.throttle[q].take(1, h.clock.Now(), forever)
	return wait
}

// paceJobs says how long a job has to wait before it deals with one more device, which counts if that is 0.
func (h *Hub) paceJobs() time.Duration {
	_, again := h.throttle[jobDevices].take(1, h.clock.Now(), 0)
	return again
}

// pay counts n things and waits for their turn. It must not be called under a lock.
func (h *Hub) pay(ctx context.Context, q quota, n int) error {
	wait, err := h.spend(q, n)
	if err != nil || wait == 0 {
		return err
	}
	if err := clock.Sleep(ctx, h.clock, wait); err != nil {
		return gaveUp(err)
	}
	return nil
}

// metered is how many calls a method call with a payload counts.
func metered(payload []byte) int { return max(1, (len(payload)+methodMeter-1)/methodMeter) }

// tooMany is what is said to who goes on beyond burst and backlog. Retry-After counts whole seconds.
func tooMany(again time.Duration) *fault {
	f := throttled.fault("Too many requests, the throttling limit of this IoT hub is exceeded.").
		saying("more than the hub's tier serves; try again in %s", length(wholeSeconds(again)))
	f.again = wholeSeconds(again)
	return f
}

func wholeSeconds(d time.Duration) time.Duration {
	return max(time.Second, (d + time.Second - 1).Truncate(time.Second))
}
