package simulator

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"time"

	"github.com/twinbook/twinbook/simulator/query"
	"github.com/twinbook/twinbook/simulator/wire"
)

// A jobType is what a job does. The service knows these spellings only, whatever its documentation says.
type jobType string

const (
	methodJob jobType = "scheduleDeviceMethod"
	updateJob jobType = "scheduleUpdateTwin"
)

const (
	defaultJobTime = 3600 // seconds
	maxJobTime     = math.MaxInt32
)

// jobID is what an id may be, but for the word that the path of the list has.
var jobID = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// A jobSpec is what somebody wants done. It does not change.
type jobSpec struct {
	id        string
	kind      jobType
	condition string
	query     *query.Query
	created   time.Time
	start     time.Time // zero: at once
	seconds   int64     // that it may run

	method *methodBody // for a methodJob, with all defaults filled in
	call   invocation  // of the method, without a device

	update json.RawMessage // for an updateJob, as it was given
	write  serviceWrite    // of the update
}

// jobBody is a job as services write it.
type jobBody struct {
	JobID     *string         `json:"jobId"`
	Type      jobType         `json:"type"`
	Method    *methodBody     `json:"cloudToDeviceMethod,omitempty"`
	Update    json.RawMessage `json:"updateTwin,omitempty"`
	Condition string          `json:"queryCondition"`
	Start     *string         `json:"startTime"`
	Seconds   *float64        `json:"maxExecutionTimeInSeconds"`
}

// parseJob reads what a service wants done under an id.
func parseJob(id string, body []byte, opt query.Options) (jobSpec, error) {
	if !jobID.MatchString(id) || id == "query" {
		return jobSpec{}, argumentInvalid.fault("The job id '%s' is not valid. It has 1 to 64 letters, digits and hyphens, and is not 'query'", printable(id))
	}
	var b jobBody
	if err := decodeBody(body, wire.MaxCallDepth, "a job", &b); err != nil {
		return jobSpec{}, err
	}
	if b.JobID != nil && *b.JobID != id {
		return jobSpec{}, argumentInvalid.fault("The jobId '%s' is not the one in the path", printable(*b.JobID))
	}
	return b.spec(id, opt)
}

func (b jobBody) spec(id string, opt query.Options) (jobSpec, error) {
	s := jobSpec{id: id, kind: b.Type, condition: b.Condition}
	var err error
	if s.query, err = query.ParseCondition(b.Condition, opt); err != nil {
		return s, argumentInvalid.fault("queryCondition: %s", printableQuery(err))
	}
	if s.start, err = jobStart(b.Start); err != nil {
		return s, err
	}
	if s.seconds, err = jobSeconds(b.Seconds); err != nil {
		return s, err
	}
	switch b.Type {
	case methodJob:
		err = s.setMethod(b.Method)
	case updateJob:
		err = s.setUpdate(b.Update)
	default:
		err = argumentInvalid.fault("The job type '%s' is not valid. It must be %s or %s", printable(string(b.Type)), methodJob, updateJob)
	}
	return s, err
}

func (s *jobSpec) setMethod(m *methodBody) error {
	if m == nil {
		return argumentInvalid.fault("A job of type %s needs cloudToDeviceMethod", methodJob)
	}
	response, connect := defaultResponse.Seconds(), 0.0
	if m.Response == nil {
		m.Response = &response
	}
	if m.Connect == nil {
		m.Connect = &connect
	}
	s.method = m
	s.call = invocation{
		method: m.MethodName, payload: compact(m.Payload),
		response: seconds(m.Response, 0), connect: seconds(m.Connect, 0),
	}
	return s.call.check()
}

// setUpdate reads the patch of an updateJob. An etag in it must be that of each twin; clients send * for
// any, or nothing.
func (s *jobSpec) setUpdate(patch json.RawMessage) error {
	var doc struct {
		ETag string `json:"etag"`
	}
	if len(patch) == 0 || string(patch) == "null" {
		return argumentInvalid.fault("A job of type %s needs updateTwin", updateJob)
	}
	if err := json.Unmarshal(patch, &doc); err != nil {
		return argumentInvalid.fault("updateTwin is not a twin: an object with tags or properties")
	}
	var err error
	s.update = compact(patch)
	s.write, err = parseWrite(patch, false, doc.ETag)
	return err
}

// jobStart reads a startTime: RFC 3339, with a zone or in UTC; .NET leaves it out at times. Nothing is at once.
func jobStart(text *string) (time.Time, error) {
	if text == nil || *text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, *text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, argumentInvalid.fault("startTime '%s' is not a time such as 2024-01-31T12:00:00Z", printable(*text))
}

func jobSeconds(given *float64) (int64, error) {
	switch {
	case given == nil || *given == 0:
		return defaultJobTime, nil
	case *given < 1 || *given > maxJobTime:
		return 0, argumentInvalid.fault("maxExecutionTimeInSeconds must be from 1 to %d", maxJobTime)
	}
	return int64(*given), nil
}

// jobDoc is a job as the service shows it.
type jobDoc struct {
	JobID      string          `json:"jobId"`
	Condition  string          `json:"queryCondition"`
	Created    string          `json:"createdTime"`
	Start      string          `json:"startTime"`
	End        string          `json:"endTime,omitempty"`
	Seconds    int64           `json:"maxExecutionTimeInSeconds"`
	Type       jobType         `json:"type"`
	Method     *methodBody     `json:"cloudToDeviceMethod,omitempty"`
	Update     json.RawMessage `json:"updateTwin,omitempty"`
	Status     jobStatus       `json:"status"`
	Failure    string          `json:"failureReason,omitempty"`
	Message    string          `json:"statusMessage,omitempty"`
	Statistics jobStatistics   `json:"deviceJobStatistics"`
}

type jobStatistics struct {
	Devices   int `json:"deviceCount"`
	Failed    int `json:"failedCount"`
	Succeeded int `json:"succeededCount"`
	Running   int `json:"runningCount"`
	Pending   int `json:"pendingCount"`
}

// doc is the job as it is now. The jobs are locked.
func (j *job) doc() jobDoc {
	doc := jobDoc{
		JobID: j.id, Condition: j.condition, Created: timeText(j.created), Start: timeText(j.start),
		Seconds: j.seconds, Type: j.kind, Method: j.method, Update: j.update,
		Status: j.status, Failure: j.failure, Statistics: j.rows.statistics(),
	}
	if j.status.ended() {
		doc.End = timeText(j.ended)
	}
	if j.status == jobFailed {
		doc.Message = fmt.Sprintf("%d of %d devices succeeded.", doc.Statistics.Succeeded, doc.Statistics.Devices)
	}
	return doc
}
