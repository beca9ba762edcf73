package simulator

import (
	"encoding/json"
	"math"
	"strings"
	"time"
)

// A rowStatus is where a job stands with one device.
type rowStatus uint8

const (
	rowPending rowStatus = iota
	rowRunning
	rowCompleted
	rowFailed
	rowStatuses // how many there are
)

var rowStatusNames = [rowStatuses]string{"pending", "running", "completed", "failed"}

// maxRowText bounds what is kept of a job's answers and errors, each different text counted once.
const maxRowText = 16 << 20

// A jobRow is what came of a job on one device. There may be a hundred thousand in a job.
type jobRow struct {
	start, end uint32 // milliseconds since the job began
	code       int32  // that the device answered
	text       uint32 // number of its answer or error; zero for none
	status     rowStatus
}

const lostText = math.MaxUint32 // for a text that there was no room for

// jobRows are the devices of a job, in the order of their ids, and what came of each. The ids do not
// change once they are there; the rest is guarded by jobs.mu.
type jobRows struct {
	ids    []string
	rows   []jobRow
	counts [rowStatuses]int

	texts  []string // the first is none; ids of devices are left out, so that many are the same
	bytes  int      // of texts
	number map[string]uint32
}

func newJobRows(ids []string) jobRows {
	r := jobRows{ids: ids, rows: make([]jobRow, len(ids)), texts: []string{""}, number: map[string]uint32{}}
	r.counts[rowPending] = len(ids)
	return r
}

// close lets go of what only a running job needs.
func (r *jobRows) close() { r.number = nil }

// to changes the status of a row.
func (r *jobRows) to(i int, s rowStatus) *jobRow {
	row := &r.rows[i]
	r.counts[row.status]--
	r.counts[s]++
	row.status = s
	return row
}

// finish writes down how it went with a device.
func (r *jobRows) finish(i int, a answer, at uint32) {
	if a.err == nil {
		a.err = readable(r.ids[i], a.payload)
	}
	if a.err != nil {
		row, f := r.to(i, rowFailed), asFault(a.err)
		row.end, row.text = at, r.keep(i, f.name+";"+f.text)
		return
	}
	row := r.to(i, rowCompleted)
	row.end, row.code, row.text = at, int32(a.status), r.keep(i, string(a.payload))
}

// readable refuses an answer that cannot be a value, such as 1e999; the query over rows would stumble.
func readable(id string, payload []byte) error {
	var v any
	if len(payload) > 0 && json.Unmarshal(payload, &v) != nil {
		return badAnswer.fault("The device's response holds a value that cannot be read.")
	}
	return nil
}

// keep is the number of a text. The device's own id in it becomes a NUL, which no text holds.
func (r *jobRows) keep(i int, text string) uint32 {
	text = strings.ReplaceAll(text, r.ids[i], "\x00")
	if text == "" {
		return 0
	}
	n, known := r.number[text]
	switch {
	case known:
		return n
	case r.bytes+len(text) > maxRowText:
		return lostText
	}
	n = uint32(len(r.texts))
	r.texts = append(r.texts, text)
	r.number[text] = n
	r.bytes += len(text)
	return n
}

// text is what was kept for a row.
func (r *jobRows) text(i int) (text string, lost bool) {
	n := r.rows[i].text
	if n == lostText {
		return "", true
	}
	return strings.ReplaceAll(r.texts[n], "\x00", r.ids[i]), false
}

// done says whether all devices have succeeded or failed.
func (r *jobRows) done() bool { return r.counts[rowPending]+r.counts[rowRunning] == 0 }

func (r *jobRows) statistics() jobStatistics {
	return jobStatistics{
		Devices: len(r.ids), Failed: r.counts[rowFailed], Succeeded: r.counts[rowCompleted],
		Running: r.counts[rowRunning], Pending: r.counts[rowPending],
	}
}

// sinceBegan is a time as rows hold it.
func (j *job) sinceBegan(t time.Time) uint32 {
	return uint32(min(max(t.Sub(j.began).Milliseconds(), 0), math.MaxUint32))
}

func (j *job) timeOf(ms uint32) time.Time { return j.began.Add(time.Duration(ms) * time.Millisecond) }
