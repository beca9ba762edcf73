package simulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/twinbook/twinbook/simulator/query"
)

// A jobRecord is a job as it is kept on disk.
type jobRecord struct {
	ID      string          `json:"id"`
	Number  uint64          `json:"number"`
	Spec    json.RawMessage `json:"spec"` // as a service would send it
	Status  jobStatus       `json:"status"`
	Failure string          `json:"failure,omitempty"`
	Created time.Time       `json:"created"`
	Start   time.Time       `json:"start"`
	Began   time.Time       `json:"began"`
	Ended   time.Time       `json:"ended"`

	// One entry a device: its id, and what came of it as status, start, end, code and number of a text.
	Devices []string    `json:"devices,omitempty"`
	Rows    [][5]uint32 `json:"rows,omitempty"`
	Texts   []string    `json:"texts,omitempty"` // for the numbers from 1; a NUL stands for the device's id
}

// record is a job to be kept. The jobs are locked.
func (j *job) record() jobRecord {
	seconds := float64(j.seconds)
	r := jobRecord{
		ID: j.id, Number: j.number, Status: j.status, Failure: j.failure,
		Spec:    encodeJSON(jobBody{Type: j.kind, Method: j.method, Update: j.update, Condition: j.condition, Seconds: &seconds}),
		Created: j.created, Start: j.start, Began: j.began, Ended: j.ended,
		Devices: j.rows.ids,
	}
	if len(j.rows.texts) > 1 {
		r.Texts = slices.Clone(j.rows.texts[1:])
	}
	for _, row := range j.rows.rows {
		r.Rows = append(r.Rows, row.record())
	}
	return r
}

func (r jobRow) record() [5]uint32 {
	return [5]uint32{uint32(r.status), r.start, r.end, uint32(r.code), r.text}
}

// restoreJob takes up a job of an earlier hub. One that had not begun begins at its time, or now if that is
// past. One that ran has failed: which devices it had reached is only known of those whose outcome was kept.
// The error says why the record cannot be one.
func (h *Hub) restoreJob(r jobRecord) error {
	spec, err := parseJob(r.ID, r.Spec, query.Options{Superset: true}) // it was taken on, whatever is refused now
	if err != nil {
		return err
	}
	spec.created, spec.start = r.Created, r.Start
	j := &job{jobSpec: spec, number: r.Number, status: r.Status, failure: r.Failure, began: r.Began, ended: r.Ended}
	if err := j.rows.restore(r); err != nil {
		return fmt.Errorf("job %s: %w", r.ID, err)
	}
	h.withJobs(func(now time.Time) {
		if err = h.jobs.takeUp(j); err == nil {
			h.carryOn(j, now)
		}
	})
	return err
}

// takeUp puts a job back in its place.
func (js *jobs) takeUp(j *job) error {
	at, taken := slices.BinarySearchFunc(js.list, j.number, func(o *job, n uint64) int { return cmp.Compare(o.number, n) })
	if taken || js.byID[j.id] != nil || j.number == 0 {
		return fmt.Errorf("job %s cannot have number %d, or is there already", j.id, j.number)
	}
	js.enter(j)
	js.list = slices.Insert(js.list[:len(js.list)-1], at, j)
	js.made = max(js.made, j.number)
	return nil
}

func (h *Hub) carryOn(j *job, now time.Time) {
	switch {
	case j.status.ended():
		j.rows.close()
	case j.status == jobRunning:
		const reason = "The hub was restarted while the job was running."
		j.failRest(interrupted.fault("The hub was restarted before the device answered. Whether it was reached is not known."), now)
		h.endJob(j, jobFailed, reason)
	default:
		h.schedule(j, now)
	}
}

func (r *jobRows) restore(from jobRecord) error {
	if len(from.Rows) != len(from.Devices) || !slices.IsSorted(from.Devices) {
		return fmt.Errorf("%d devices and %d rows", len(from.Devices), len(from.Rows))
	}
	*r = newJobRows(from.Devices)
	for _, text := range from.Texts {
		r.number[text] = uint32(len(r.texts))
		r.texts = append(r.texts, text)
		r.bytes += len(text)
	}
	for i, row := range from.Rows {
		if row[0] >= uint32(rowStatuses) || row[4] != lostText && int(row[4]) >= len(r.texts) {
			return fmt.Errorf("row %d is %v", i, row)
		}
		to := r.to(i, rowStatus(row[0]))
		to.start, to.end, to.code, to.text = row[1], row[2], int32(row[3]), row[4]
	}
	return nil
}
