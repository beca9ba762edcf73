package simulator

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// How many devices a job deals with.
const (
	maxJobCalls = 1000 // at once, where it waits for their answers
	jobBurst    = 256  // before others get a turn
)

// beginJob selects the devices of a job, once, and starts with them.
func (h *Hub) beginJob(j *job) {
	ids := h.selectDevices(j.query)
	h.withJobs(func(now time.Time) {
		if j.status != jobQueued {
			return
		}
		j.status, j.began = jobRunning, now
		j.rows, j.calls = newJobRows(ids), map[int]*jobCall{}
		j.stop = h.clock.After(time.Duration(j.seconds)*time.Second, func() { h.expireJob(j) })
		h.jobs.note(j.id)
		if len(ids) == 0 {
			h.endJob(j, jobCompleted, "")
			return
		}
		h.pump(j, 0)
	})
}

// pump has runJob called, unless it will be anyway. The jobs are locked.
func (h *Hub) pump(j *job, after time.Duration) {
	if !j.pumping && j.next < len(j.rows.ids) {
		j.pumping = true
		h.clock.After(after, func() { h.runJob(j) })
	}
}

// runJob begins with more devices, until there are none, enough are under way, or the pace says to wait.
func (h *Hub) runJob(j *job) {
	for range jobBurst {
		i, wait, more := h.nextRow(j)
		if !more {
			h.rest(j, wait)
			return
		}
		h.work(j, i)
	}
	h.rest(j, 0)
}

func (h *Hub) rest(j *job, wait time.Duration) {
	h.withJobs(func(time.Time) {
		j.pumping = false
		if j.status == jobRunning && len(j.calls) < maxJobCalls {
			h.pump(j, wait)
		}
	})
}

// nextRow is a device to begin with, or how long not to.
func (h *Hub) nextRow(j *job) (i int, wait time.Duration, more bool) {
	h.withJobs(func(now time.Time) {
		if j.status != jobRunning || j.next == len(j.rows.ids) || len(j.calls) >= maxJobCalls {
			return
		}
		if h.jobs.pace != nil {
			if wait = h.jobs.pace(); wait > 0 {
				return
			}
		}
		i, more = j.next, true
		j.next++
		j.rows.to(i, rowRunning).start = j.sinceBegan(now)
	})
	return i, wait, more
}

// work does a job's operation on one of its devices.
func (h *Hub) work(j *job, i int) {
	id := j.rows.ids[i]
	d, err := h.device(id)
	switch {
	case err != nil: // it was deleted after it was selected
		h.finishRow(j, i, answer{err: err})
	case j.kind == updateJob:
		_, err := h.writeTwin(id, j.write)
		h.finishRow(j, i, answer{err: err})
	default:
		h.startCall(j, i, d)
	}
}

// finishRow writes down what came of a device, unless that is known. After the last one the job has ended.
func (h *Hub) finishRow(j *job, i int, a answer) (first bool) {
	var c *jobCall
	h.withJobs(func(now time.Time) {
		if j.status != jobRunning || j.rows.rows[i].status != rowRunning {
			return
		}
		first = true
		c = j.calls[i]
		delete(j.calls, i)
		j.rows.finish(i, a, j.sinceBegan(now))
		if j.rows.done() {
			h.endJob(j, jobCompleted, "")
			return
		}
		h.jobs.noteRow(j, i)
		h.pump(j, 0)
	})
	if c != nil {
		c.end(a.err != nil)
	}
	return first
}

// expireJob ends a job whose time is up. What is under way is left: an answer that comes finds nobody.
func (h *Hub) expireJob(j *job) {
	var calls []*jobCall
	h.withJobs(func(now time.Time) {
		if j.status != jobRunning {
			return
		}
		for _, i := range slices.Sorted(maps.Keys(j.calls)) {
			calls = append(calls, j.calls[i])
		}
		reason := fmt.Sprintf("The job exceeded its maximum execution time of %d seconds.", j.seconds)
		j.failRest(jobTimeUp.fault("%s", reason), now)
		h.endJob(j, jobFailed, reason)
	})
	for _, c := range calls {
		c.end(true)
	}
}

// failRest fails the devices that a job has not done with.
func (j *job) failRest(reason *fault, now time.Time) {
	for i, row := range j.rows.rows {
		if row.status == rowPending || row.status == rowRunning {
			j.rows.finish(i, answer{err: reason}, j.sinceBegan(now))
		}
	}
}
