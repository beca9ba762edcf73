package simulator

import (
	"fmt"
	"slices"
	"time"
)

// forget drops jobs that ended long ago, and the oldest of too many. The one that ended last is kept
// whatever its size.
func (js *jobs) forget(now time.Time) {
	rows, text, kept := 0, 0, 1 // room for one more
	for _, j := range js.list {
		if !j.status.ended() {
			kept++
		}
	}
	gone := map[*job]bool{}
	for _, j := range slices.Backward(js.list) {
		if !j.status.ended() {
			continue
		}
		tooMany := kept >= maxJobs || rows > 0 && rows+len(j.rows.ids) > maxOldRows || text > 0 && text+j.size() > maxOldText
		if tooMany || now.Sub(j.ended) > jobHistory {
			gone[j] = true
			continue
		}
		kept++
		rows += len(j.rows.ids)
		text += j.size()
	}
	if len(gone) == 0 {
		return
	}
	js.list = slices.DeleteFunc(slices.Clone(js.list), func(j *job) bool {
		if gone[j] {
			delete(js.byID, j.id)
			js.note(j.id)
		}
		return gone[j]
	})
}

// size is about how many bytes of texts a job keeps.
func (j *job) size() int {
	return len(j.condition) + len(j.update) + len(j.call.payload) + j.rows.bytes
}

// A jobFilter says which jobs are asked for. Empty fields ask for any.
type jobFilter struct {
	kind   jobType
	status jobStatus
}

// listJobs is a page of the jobs that a filter lets pass, oldest first.
func (h *Hub) listJobs(f jobFilter, in inquiry) (docs []jobDoc, next string, err error) {
	in.text = fmt.Sprintf("jobs %s %s", f.kind, f.status)
	mark, err := in.bookmark()
	if err != nil {
		return nil, "", err
	}
	place, err := mark.jobPlace()
	if err != nil {
		return nil, "", err
	}
	docs = []jobDoc{}
	unsaved := h.withJobs(func(now time.Time) {
		h.jobs.forget(now)
		for _, j := range h.jobs.list {
			if j.number <= place.number || f.kind != "" && j.kind != f.kind || f.status != "" && j.status != f.status {
				continue
			}
			if len(docs) == mark.Size {
				mark.After = place.text()
				next = mark.text()
				return
			}
			h.jobs.show(j)
			docs = append(docs, j.doc())
			place.number = j.number
		}
	})
	return docs, next, unsaved
}
