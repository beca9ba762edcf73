package simulator

import (
	"sync/atomic"
	"time"
)

// A jobCall is a method call of a job: what invoke is for a caller who waits, in callbacks. It is the
// receiver of the answer.
type jobCall struct {
	hub    *Hub
	job    *job
	row    int
	device *device
	until  time.Time // it waits for the device to come online

	// The rest is guarded by jobs.mu.
	call  *call    // once the device has the request
	waits *jobWait // until then
	stop  func() bool
}

// A jobWait is told when its device takes methods, or that the time for that is over.
type jobWait struct {
	call *jobCall
	over atomic.Bool
}

// Resolve tries again. It may be called with the device locked, so not at once.
func (w *jobWait) Resolve(bool) bool {
	if w.over.Swap(true) {
		return false
	}
	w.call.hub.clock.After(0, w.call.try)
	return true
}

// Resolve takes the answer.
func (c *jobCall) Resolve(a answer) bool { return c.hub.finishRow(c.job, c.row, a) }

func (h *Hub) startCall(j *job, i int, d *device) {
	c := &jobCall{hub: h, job: j, row: i, device: d}
	live := false
	h.withJobs(func(now time.Time) {
		if live = j.status == jobRunning; live {
			c.until = now.Add(j.call.connect)
			j.calls[i] = c
		}
	})
	if live {
		c.try()
	}
}

// try sends the request if the device takes methods now, and else waits for that as long as there is time.
func (c *jobCall) try() {
	if !c.live() {
		return
	}
	h, v := c.hub, c.job.call
	v.device = c.device.id
	waits := &jobWait{call: c}
	call, err := h.begin(c.device, v, c, func() receiver[bool] { return waits })
	left := c.until.Sub(h.clock.Now())
	switch {
	case err != nil: // the device was deleted
		c.Resolve(answer{err: err})
	case call != nil:
		c.hold(call, nil, v.response, func() { c.Resolve(answer{err: h.late(c.device, call, v)}) })
	case left <= 0:
		h.stopWaiting(c.device, waits)
		c.Resolve(answer{err: v.offline()})
	default:
		c.hold(nil, waits, left, func() {
			h.stopWaiting(c.device, waits)
			waits.Resolve(false)
		})
	}
}

func (c *jobCall) live() bool {
	c.hub.jobs.mu.Lock()
	defer c.hub.jobs.mu.Unlock()
	return c.job.calls[c.row] == c
}

// hold writes down what the call waits for now, and for how long; unless it is over already.
func (c *jobCall) hold(sent *call, waits *jobWait, limit time.Duration, late func()) {
	live := false
	c.hub.withJobs(func(time.Time) {
		c.call, c.waits = sent, waits
		if c.stop != nil {
			c.stop()
		}
		if live = c.job.calls[c.row] == c; live {
			c.stop = c.hub.clock.After(limit, late)
		}
	})
	if !live {
		c.withdraw()
	}
}

// end lets go of a call that is over. Unless it was answered, the device's side is told to forget it.
func (c *jobCall) end(withdraw bool) {
	c.hub.withJobs(func(time.Time) {
		if c.stop != nil {
			c.stop()
		}
	})
	if withdraw {
		c.withdraw()
	}
}

func (c *jobCall) withdraw() {
	c.hub.jobs.mu.Lock()
	sent, waits := c.call, c.waits
	c.hub.jobs.mu.Unlock()
	if sent != nil {
		c.hub.forget(c.device, sent)
	}
	if waits != nil {
		waits.over.Store(true)
		c.hub.stopWaiting(c.device, waits)
	}
}
