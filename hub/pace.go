package hub

import "time"

const (
	firstPause = time.Second // after a throttled read to which the hub gave no Retry-After
	maxPause   = 5 * time.Minute
)

// A pace says when the next read of a hub may begin. It never ticks: it is asked.
//
// Reads are spread evenly; after a quiet time up to a tenth of a second's worth may begin at once.
type pace struct {
	every time.Duration // between two reads
	burst time.Duration // how far ahead of an even spread reads may be

	next      time.Time // when an even spread would have the next read
	paused    time.Time // the hub said that it has had enough until then
	throttled int       // throttled reads in a row
}

func newPace(perSecond float64) pace {
	every := max(time.Duration(float64(time.Second)/perSecond), 1)
	return pace{every: every, burst: max(100*time.Millisecond-every, 0)}
}

// wait is how long from now the next read has to wait.
func (p *pace) wait(now time.Time) time.Duration {
	return max(p.next.Add(-p.burst).Sub(now), p.paused.Sub(now), 0)
}

// take counts a read that begins now.
func (p *pace) take(now time.Time) {
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(p.every)
}

// refused holds all reads back, as long as the hub says, or longer with each refusal in a row. The
// refusals of reads that were already under way when the pause began count as one.
func (p *pace) refused(now time.Time, retryAfter time.Duration) {
	if retryAfter <= 0 {
		if now.Before(p.paused) {
			return
		}
		retryAfter = firstPause << min(p.throttled, 5)
		p.throttled++
	}
	if until := now.Add(min(retryAfter, maxPause)); until.After(p.paused) {
		p.paused = until
	}
}

// served is told of a read that the hub did not refuse.
func (p *pace) served() { p.throttled = 0 }
