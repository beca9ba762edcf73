package simulator

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twinbook/twinbook/simulator/query"
)

// A jobStatus is where a job stands, in the service's words.
type jobStatus string

const (
	jobScheduled jobStatus = "scheduled" // its time has not come
	jobQueued    jobStatus = "queued"    // it is about to begin, or waits for another to end
	jobRunning   jobStatus = "running"
	jobCompleted jobStatus = "completed" // each device succeeded or failed
	jobFailed    jobStatus = "failed"    // the job itself did; its devices say how far it came
	jobCancelled jobStatus = "cancelled" // before it began
)

func (s jobStatus) ended() bool { return s == jobCompleted || s == jobFailed || s == jobCancelled }

// How much of jobs is kept. Azure documents the 30 days; the others bound memory.
const (
	jobHistory = 30 * 24 * time.Hour
	maxJobs    = 1000      // that a hub knows; the oldest that have ended make room for new ones
	maxOldRows = 1_000_000 // devices of jobs that have ended, all together
	maxOldText = 32 << 20  // bytes of what devices answered to them
)

// activeAgain is when to ask again for a place among the active jobs. When one ends is not known.
const activeAgain = 10 * time.Second

// defaultActiveJobs is what Azure documents for its largest tier.
const defaultActiveJobs = 10

// jobs are those that a hub has, and had lately. A job is driven by timers and by the answers of devices,
// not by a party of its own: so it keeps nobody from ending, and costs nothing while it waits.
type jobs struct {
	// maxActive is how many may be about to begin or running at once; zero is defaultActiveJobs. One more
	// to begin now is refused; one whose time comes is queued.
	maxActive int

	// pace is asked before each operation on a device: how long to wait and ask again. Nil: never. It is
	// called with jobs locked, so it must not look at them.
	pace func() time.Duration

	// save keeps a job that was made, began or ended, before anybody hears of it, and forgets one that is nil.
	// It is called with jobs locked. Nil: nothing is kept.
	save func(id string, j *job) error

	// saveRows keeps the outcomes that came since. Nil: only a save does.
	saveRows func(j *job) error

	mu     sync.Mutex // guards what follows, and what jobs say it guards; taken with no other lock held
	list   []*job     // in the order of their numbers
	byID   map[string]*job
	made   uint64
	active int
	noted  []string // ids of jobs to save
	shown  []*job   // that have outcomes to save
	broken error    // a fault: something could not be saved, so nobody is told anything
}

// A job is one operation on many devices.
type job struct {
	jobSpec
	number uint64 // in order of making

	// The rest is guarded by jobs.mu.
	status  jobStatus
	active  bool
	began   time.Time
	ended   time.Time
	failure string
	stop    func() bool // the timer of its next step
	rows    jobRows     // once it runs
	unkept  unkeptRows
	next    int  // the first row that nobody has begun with
	pumping bool // runJob is at it, or has a timer
	calls   map[int]*jobCall
}

// withJobs does f with the jobs locked, and saves what was noted, or is to be shown, before anybody can hear of it.
// The error is a fault: that failed, now or earlier.
func (h *Hub) withJobs(f func(now time.Time)) (unsaved error) {
	js := &h.jobs
	js.mu.Lock()
	defer js.mu.Unlock()
	f(h.clock.Now())
	for _, id := range js.noted {
		h.wrote(js.save(id, js.byID[id]))
	}
	for _, j := range js.shown {
		h.wrote(js.saveRows(j))
	}
	js.noted, js.shown = nil, nil
	return js.broken
}

// wrote notices when a job could not be saved. The jobs are locked.
func (h *Hub) wrote(err error) {
	if err != nil {
		h.jobs.broken = h.unsaved(err)
	}
}

// note has a job saved. The jobs are locked.
func (js *jobs) note(id string) {
	if js.save != nil && !slices.Contains(js.noted, id) {
		js.noted = append(js.noted, id)
	}
}

// show has the outcomes of a job saved that are not yet. The jobs are locked.
func (js *jobs) show(j *job) {
	if len(j.unkept.rows) > 0 {
		js.shown = append(js.shown, j)
	}
}

// createJob takes a job on. It begins at its time, at the earliest when createJob has returned.
func (h *Hub) createJob(spec jobSpec) (doc jobDoc, err error) {
	unsaved := h.withJobs(func(now time.Time) {
		h.jobs.forget(now)
		if err = h.jobs.admit(spec, now); err != nil {
			return
		}
		h.jobs.made++
		spec.created = now
		if spec.start.Before(now) {
			spec.start = now
		}
		j := &job{jobSpec: spec, number: h.jobs.made}
		h.jobs.enter(j)
		h.jobs.note(j.id)
		h.schedule(j, now)
		doc = j.doc()
	})
	return doc, cmp.Or(err, unsaved)
}

// admit says why a job cannot be taken on.
func (js *jobs) admit(spec jobSpec, now time.Time) error {
	limit := js.limit()
	switch {
	case js.byID[spec.id] != nil:
		return jobExists.fault("A job with ID '%s' already exists.", spec.id)
	case js.active >= limit && !spec.start.After(now):
		f := tooManyActive.fault("The maximum of %d active jobs has been reached. Wait for one to end.", limit)
		f.again = activeAgain
		return f
	case len(js.list) >= maxJobs:
		return jobQuota.fault("The hub holds %d jobs that have not ended, and takes no more.", maxJobs)
	}
	return nil
}

func (js *jobs) limit() int { return cmp.Or(js.maxActive, defaultActiveJobs) }

func (js *jobs) enter(j *job) {
	if js.byID == nil {
		js.byID = map[string]*job{}
	}
	js.byID[j.id] = j
	js.list = append(js.list, j)
}

// schedule has a new job begin at its time.
func (h *Hub) schedule(j *job, now time.Time) {
	if wait := j.start.Sub(now); wait > 0 {
		j.status = jobScheduled
		j.stop = h.clock.After(wait, func() { h.jobDue(j) })
		return
	}
	j.status = jobQueued
	h.beginQueued()
}

func (h *Hub) jobDue(j *job) {
	h.withJobs(func(time.Time) {
		if j.status == jobScheduled {
			j.status = jobQueued
			h.jobs.note(j.id)
			h.beginQueued()
		}
	})
}

// beginQueued begins with jobs that wait for it, oldest first, as long as more may be active.
func (h *Hub) beginQueued() {
	for _, j := range h.jobs.list {
		if h.jobs.active >= h.jobs.limit() {
			return
		}
		if j.status == jobQueued && !j.active {
			j.active = true
			h.jobs.active++
			j.stop = h.clock.After(0, func() { h.beginJob(j) })
		}
	}
}

// readJob is a job as it is now.
func (h *Hub) readJob(id string) (doc jobDoc, err error) {
	unsaved := h.withJobs(func(now time.Time) {
		h.jobs.forget(now)
		j := h.jobs.byID[id]
		if j == nil {
			err = unknownJob(id)
			return
		}
		h.jobs.show(j)
		doc = j.doc()
	})
	return doc, cmp.Or(err, unsaved)
}

// cancelJob ends a job that has not begun.
func (h *Hub) cancelJob(id string) (doc jobDoc, err error) {
	unsaved := h.withJobs(func(now time.Time) {
		h.jobs.forget(now)
		j := h.jobs.byID[id]
		switch {
		case j == nil:
			err = unknownJob(id)
		case j.status != jobScheduled && j.status != jobQueued:
			name := string(j.status)
			err = notInThisState.fault("Job cannot be cancelled in '%s' status.", strings.ToUpper(name[:1])+name[1:])
		default:
			h.endJob(j, jobCancelled, "")
			doc = j.doc()
		}
	})
	return doc, cmp.Or(err, unsaved)
}

func unknownJob(id string) error {
	return jobNotFound.fault("Job with ID '%s' not found.", printable(id))
}

// endJob sets the end of a job, and lets others begin. The jobs are locked.
func (h *Hub) endJob(j *job, status jobStatus, failure string) {
	if j.stop != nil {
		j.stop()
	}
	j.status, j.failure, j.ended = status, failure, h.clock.Now()
	j.calls = nil
	j.rows.close()
	h.jobs.note(j.id)
	if j.active {
		j.active = false
		h.jobs.active--
		h.beginQueued()
	}
	h.jobs.forget(j.ended)
}

// selectDevices are the ids of the devices that a job is for, in order.
func (h *Hub) selectDevices(q *query.Query) (ids []string) {
	for v := range h.views(q, "") {
		if q.Match(v) {
			ids = append(ids, v.device.id)
		}
	}
	return ids
}
