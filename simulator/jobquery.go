package simulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/twinbook/twinbook/simulator/query"
)

// A jobPlace is a row of a job, by the job's number and the row's; both count from one, so that the zero
// is before all.
type jobPlace struct {
	number uint64
	row    int
}

func (p jobPlace) text() string { return fmt.Sprintf("%d/%d", p.number, p.row) }

// jobPlace is the last one that a reader has seen.
func (b bookmark) jobPlace() (p jobPlace, err error) {
	if b.After == "" {
		return p, nil
	}
	if n, err := fmt.Sscanf(b.After, "%d/%d", &p.number, &p.row); n != 2 || err != nil || p.row < 0 {
		return p, badContinuation()
	}
	return p, nil
}

// collectJobs fills a page with rows of devices.jobs, in the order of jobs and of devices.
func (h *Hub) collectJobs(q *query.Query, mark bookmark, page *answerPage) error {
	after, err := mark.jobPlace()
	if err != nil {
		return err
	}
	for place, v := range h.jobRows(q, after) {
		if q.Top > 0 && mark.Seen == q.Top {
			break
		}
		if !q.Match(v) {
			continue
		}
		if len(page.rows) == mark.Size {
			page.next = mark.text()
			break
		}
		page.rows = append(page.rows, v.doc())
		mark.After = place.text()
		mark.Seen++
	}
	return h.withJobs(func(time.Time) {}) // whether all that is on the page could be saved
}

// jobRows are the rows after a place that a query can match.
func (h *Hub) jobRows(q *query.Query, after jobPlace) iter.Seq2[jobPlace, *jobRowView] {
	return func(yield func(jobPlace, *jobRowView) bool) {
		for _, j := range h.jobsOf(q, after.number) {
			first := 0
			if j.number == after.number {
				first = after.row
			}
			for v := range h.rowsOf(j, q, first) {
				if !yield(jobPlace{j.number, v.index + 1}, v) {
					return
				}
			}
		}
	}
}

// jobsOf are the jobs from a number on that a query can match.
func (h *Hub) jobsOf(q *query.Query, from uint64) []*job {
	ids, named := q.JobIDs()
	h.jobs.mu.Lock()
	defer h.jobs.mu.Unlock()
	if !named {
		first := sort.Search(len(h.jobs.list), func(i int) bool { return h.jobs.list[i].number >= from })
		return slices.Clone(h.jobs.list[first:])
	}
	var list []*job
	for _, id := range ids {
		if j := h.jobs.byID[id]; j != nil && j.number >= from {
			list = append(list, j)
		}
	}
	slices.SortFunc(list, func(a, b *job) int { return cmp.Compare(a.number, b.number) })
	return list
}

// rowsOf are the rows of one job that a query can match, from one on. The jobs are locked for a few at a time.
func (h *Hub) rowsOf(j *job, q *query.Query, first int) iter.Seq[*jobRowView] {
	const atOnce = 256
	return func(yield func(*jobRowView) bool) {
		for _, span := range j.spans(q, h) {
			for i := max(first, span[0]); i < span[1]; i += atOnce {
				for _, v := range h.copyRows(j, i, min(i+atOnce, span[1])) {
					if !yield(&v) {
						return
					}
				}
			}
		}
	}
}

// spans are where in a job's list the devices are that a query can match.
func (j *job) spans(q *query.Query, h *Hub) [][2]int {
	h.jobs.mu.Lock()
	all := j.rows.ids
	h.jobs.mu.Unlock()
	ids, named := q.DeviceIDs()
	if !named {
		return [][2]int{{0, len(all)}}
	}
	slices.Sort(ids)
	var spans [][2]int
	for _, id := range ids {
		if i, found := slices.BinarySearch(all, id); found {
			spans = append(spans, [2]int{i, i + 1})
		}
		if m := moduleSpan(all, id); m[0] < m[1] {
			spans = append(spans, m)
		}
	}
	slices.SortFunc(spans, func(a, b [2]int) int { return a[0] - b[0] })
	return spans
}

// moduleSpan is where the modules of a device are in a list of ids.
func moduleSpan(ids []string, device string) [2]int {
	first := sort.SearchStrings(ids, device+"/")
	end := sort.SearchStrings(ids, device+"0") // 0 follows the slash
	return [2]int{first, end}
}

func (h *Hub) copyRows(j *job, from, to int) []jobRowView {
	views := make([]jobRowView, 0, to-from)
	h.withJobs(func(time.Time) {
		h.jobs.show(j)
		for i := from; i < to; i++ {
			v := jobRowView{job: j, index: i, row: j.rows.rows[i]}
			v.text, v.lost = j.rows.text(i)
			views = append(views, v)
		}
	})
	return views
}

// A jobRowView is one device of a job, as it was at one moment: a document of devices.jobs.
type jobRowView struct {
	job   *job
	index int
	row   jobRow
	text  string
	lost  bool
}

// jobRowMembers are all that a row may have.
var jobRowMembers = []string{
	"deviceId", "moduleId", "jobId", "jobType", "status", "startTimeUtc", "endTimeUtc",
	"createdDateTimeUtc", "lastUpdatedDateTimeUtc", "outcome", "error",
}

func (v *jobRowView) doc() map[string]any {
	doc := make(map[string]any, len(jobRowMembers))
	for _, name := range jobRowMembers {
		if m, ok := v.Member(name); ok {
			doc[name] = m
		}
	}
	if v.hasOutcome() {
		doc["outcome"] = v.outcome(json.RawMessage(v.text))
	}
	return doc
}

// Member is a member of the row.
func (v *jobRowView) Member(name string) (any, bool) {
	j, id := v.job, v.job.rows.ids[v.index]
	device, module, isModule := strings.Cut(id, "/")
	began, ended := v.row.status != rowPending, v.row.status == rowCompleted || v.row.status == rowFailed
	switch name {
	case "deviceId":
		return device, true
	case "moduleId":
		return module, isModule
	case "jobId":
		return j.id, true
	case "jobType":
		return string(j.kind), true
	case "status":
		return rowStatusNames[v.row.status], true
	case "startTimeUtc":
		return timeText(j.timeOf(v.row.start)), began
	case "endTimeUtc":
		return timeText(j.timeOf(v.row.end)), ended
	case "createdDateTimeUtc":
		return timeText(j.began), true
	case "lastUpdatedDateTimeUtc":
		return timeText(j.timeOf(max(v.row.start, v.row.end))), true
	case "outcome":
		return v.decodedOutcome()
	case "error":
		return v.failure()
	}
	return nil, false
}

func (v *jobRowView) hasOutcome() bool {
	return v.row.status == rowCompleted && v.job.kind == methodJob
}

// outcome is what a device answered. A payload that was not kept is null, and a member of our own says so.
func (v *jobRowView) outcome(payload any) map[string]any {
	response := map[string]any{"status": float64(v.row.code), "payload": payload}
	if v.lost {
		response["payload"], response["payloadNotKept"] = nil, true
	}
	return map[string]any{"deviceMethodResponse": response}
}

func (v *jobRowView) decodedOutcome() (any, bool) {
	if !v.hasOutcome() {
		return nil, false
	}
	var payload any
	if !v.lost && json.Unmarshal([]byte(v.text), &payload) != nil {
		return nil, false
	}
	return v.outcome(payload), true
}

func (v *jobRowView) failure() (any, bool) {
	if v.row.status != rowFailed {
		return nil, false
	}
	code, description, _ := strings.Cut(v.text, ";")
	if v.lost {
		code, description = "GenericFailure", "The description was not kept, since there were too many."
	}
	return map[string]any{"code": code, "description": description}, true
}
