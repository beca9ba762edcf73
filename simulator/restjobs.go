package simulator

import (
	"strings"

	"github.com/twinbook/twinbook/simulator/query"
)

var jobRoutes = []route{
	{method: "GET", path: "jobs/v2/query", need: serviceConnect, serve: (*request).listJobs, quota: jobCalls},
	{method: "PUT", path: "jobs/v2/*", need: serviceConnect, serve: (*request).createJob, quota: jobCalls},
	{method: "GET", path: "jobs/v2/*", need: serviceConnect, serve: (*request).getJob, quota: jobCalls},
	{method: "POST", path: "jobs/v2/*/cancel", need: serviceConnect, serve: (*request).cancelJob, quota: jobCalls},
}

func (r *request) createJob() (reply, error) {
	body, err := r.readBody()
	if err != nil {
		return reply{}, err
	}
	spec, err := parseJob(r.path[2], body, query.Options{Superset: r.hub.config.Superset})
	if err != nil {
		return reply{}, err
	}
	doc, err := r.hub.createJob(spec)
	return reply{body: doc}, err
}

func (r *request) getJob() (reply, error) {
	doc, err := r.hub.readJob(r.path[2])
	return reply{body: doc}, err
}

// cancelJob does not look at the body: clients send none, or something empty.
func (r *request) cancelJob() (reply, error) {
	doc, err := r.hub.cancelJob(r.path[2])
	return reply{body: doc}, err
}

func (r *request) listJobs() (reply, error) {
	filter, err := r.jobFilter()
	if err != nil {
		return reply{}, err
	}
	in, err := r.inquiry("")
	if err != nil {
		return reply{}, err
	}
	docs, next, err := r.hub.listJobs(filter, in)
	return pageReply(docs, jobItems, next), err
}

// jobFilter reads what of jobs is asked for, in any case of letters.
func (r *request) jobFilter() (f jobFilter, err error) {
	q := r.URL.Query()
	if f.kind, err = oneOf("jobType", q.Get("jobType"), methodJob, updateJob); err != nil {
		return f, err
	}
	f.status, err = oneOf("jobStatus", q.Get("jobStatus"), "unknown", "enqueued",
		jobQueued, jobScheduled, jobRunning, jobCompleted, jobFailed, jobCancelled)
	return f, err
}

// oneOf is the word that a parameter is, if it is not empty.
func oneOf[T ~string](parameter, given string, words ...T) (T, error) {
	if given == "" {
		return "", nil
	}
	list := make([]string, len(words))
	for i, w := range words {
		if strings.EqualFold(string(w), given) {
			return w, nil
		}
		list[i] = string(w)
	}
	return "", argumentInvalid.fault("%s '%s' is none of %s", parameter, printable(given), strings.Join(list, ", "))
}
