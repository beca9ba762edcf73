package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/runner"
	"github.com/twinbook/twinbook/hub"
	"github.com/twinbook/twinbook/internal/record"
)

// A Problem is an answer that says why there is no other: RFC 9457, application/problem+json. Its Type tells programs
// what it is about; docs/api.md lists them.
type Problem struct {
	Type   string `json:"type,omitempty"` // absent: what the status says
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`

	Errors    []FieldError     `json:"errors,omitempty"`    // in the request: each field that is wrong
	Problems  []record.Problem `json:"problems,omitempty"`  // in a workflow file
	More      int              `json:"more,omitempty"`      // how many errors or problems there are that are not listed
	Run       string           `json:"run,omitempty"`       // the run that is in the way
	Holders   []string         `json:"holders,omitempty"`   // the runs that hold all places
	Doubts    []Doubt          `json:"doubts,omitempty"`    // why a run is not tried again
	Kind      string           `json:"kind,omitempty"`      // of a hub's error, in the words of workflows
	MaybeDone bool             `json:"maybeDone,omitempty"` // the request may have taken effect at a device

	retryAfter time.Duration
}

// A FieldError is one thing wrong with a request.
type FieldError struct {
	Pointer   string `json:"pointer,omitempty"`   // into the body, as #/inputs/count
	Parameter string `json:"parameter,omitempty"` // of the query
	Header    string `json:"header,omitempty"`
	Detail    string `json:"detail"`
}

func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// problemTypes is before what each Type ends with.
const problemTypes = "urn:problem-type:twinbook:"

func problem(status int, kind, title, detail string) *Problem {
	return &Problem{Type: problemTypes + kind, Title: title, Status: status, Detail: detail}
}

// plain is a problem of which the status says all.
func plain(status int, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

func invalid(errors ...FieldError) *Problem {
	p := problem(http.StatusUnprocessableEntity, "invalid-request", "The request is not valid", errors[0].Detail)
	p.Errors = errors
	return p
}

func badQuery(parameter, detail string) *Problem {
	p := problem(http.StatusBadRequest, "invalid-query", "The query is not valid", parameter+": "+detail)
	p.Errors = []FieldError{{Parameter: parameter, Detail: detail}}
	return p
}

// problemOf is what an error means to whoever asked. One that is nobody's fault but ours is a 500 without a word of
// it: the log has it.
func problemOf(err error) *Problem {
	var (
		own      *Problem
		inputs   engine.InputProblems
		wrong    engine.Problems
		unknown  *UnknownError
		notReady *NotReadyError
		failure  *hub.Error
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &inputs):
		return inputProblem(inputs)
	case errors.As(err, &wrong):
		p := problem(http.StatusUnprocessableEntity, "invalid-workflow", "The workflow is not valid", wrong.Error())
		p.Problems = record.Problems(wrong)
		return p
	case errors.As(err, &unknown):
		return problem(http.StatusUnprocessableEntity, "unknown-workflow", "There is no such workflow", unknown.Error())
	case errors.Is(err, ErrNoHub):
		return problem(http.StatusUnprocessableEntity, "unknown-hub", "There is no such hub", err.Error())
	case errors.As(err, &notReady):
		return problem(http.StatusConflict, "not-ready", "The server cannot run this now", notReady.Error())
	case errors.As(err, &failure):
		return hubProblem(failure)
	case errors.Is(err, runner.ErrDraining):
		p := plain(http.StatusServiceUnavailable, "the server is about to end, and begins nothing further")
		p.retryAfter = 5 * time.Second
		return p
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return plain(http.StatusServiceUnavailable, "the request was given up before it was answered")
	}
	if p := runProblem(err); p != nil {
		return p
	}
	if why, unusable := journal.Unusable(err); unusable {
		return journalProblem(why)
	}
	return plain(http.StatusInternalServerError, "the server could not do this; its log says why")
}

// journalRetry is when to ask again after the journal could not be used: somebody has to see to its disk.
const journalRetry = 30 * time.Second

// journalProblem says why nothing can be kept, and thus nothing begun. Where the journal is, is for the log.
func journalProblem(why string) *Problem {
	detail := "the server cannot use its journal"
	if why != "" {
		detail += ": " + why
	}
	p := plain(http.StatusServiceUnavailable, detail+"; its log says more")
	p.retryAfter = journalRetry
	return p
}

// runProblem is what the journal and the runner say about how runs stand; nil: nothing of that.
func runProblem(err error) *Problem {
	var (
		full    *journal.FullError
		taken   *journal.TakenError
		retried *journal.RetriedError
		doubt   *runner.DoubtError
		before  *journal.AnsweredError
	)
	switch {
	case errors.As(err, &before):
		return problem(http.StatusConflict, "answered", "Somebody has answered this", before.Error())
	case errors.As(err, &full):
		p := problem(http.StatusConflict, "full", "All places are taken", full.Error())
		p.Holders = full.Holders
		return p
	case errors.As(err, &taken):
		p := problem(http.StatusConflict, "taken", "This was done before", taken.Error())
		p.Run = taken.Mark.Run
		return p
	case errors.As(err, &retried):
		p := problem(http.StatusConflict, "retried", "The run was tried again before", retried.Error())
		p.Run = retried.Retry
		return p
	case errors.As(err, &doubt):
		return doubtProblem(doubt)
	case errors.Is(err, journal.ErrEnded):
		return problem(http.StatusConflict, "ended", "The run has ended", err.Error()+"; nothing can be asked of it any more, but one that did not succeed can be retried")
	case errors.Is(err, journal.ErrUnfinished):
		return problem(http.StatusConflict, "unfinished", "The run has not ended", err.Error())
	case errors.Is(err, journal.ErrNotFound):
		return plain(http.StatusNotFound, err.Error())
	}
	return nil
}

func inputProblem(inputs engine.InputProblems) *Problem {
	errors := make([]FieldError, len(inputs))
	for i, in := range inputs {
		errors[i] = FieldError{Pointer: pointer("inputs", in.Name), Detail: in.Msg}
	}
	p := invalid(errors...)
	p.Type, p.Title, p.Detail = problemTypes+"invalid-inputs", "The inputs do not fit the workflow", inputs.Error()
	return p
}

// hubStatus is the status for each kind of a hub's error; all others are 502, since the hub is behind us.
var hubStatus = map[hub.Kind]int{
	hub.Timeout:   http.StatusGatewayTimeout,
	hub.Offline:   http.StatusConflict,
	hub.NotFound:  http.StatusNotFound,
	hub.Throttled: http.StatusTooManyRequests,
	hub.Conflict:  http.StatusPreconditionFailed,
	hub.Invalid:   http.StatusUnprocessableEntity,
}

func hubProblem(e *hub.Error) *Problem {
	status := hubStatus[e.Kind]
	if status == 0 {
		status = http.StatusBadGateway
	}
	p := problem(status, "hub", "The hub did not do this", e.Error())
	p.Kind, p.MaybeDone, p.retryAfter = string(e.Kind), e.Sent, e.Wait
	return p
}

// Bounds of a problem, whatever was sent: nobody reads more.
const (
	mostErrors = 100
	longDetail = 2000 // characters
)

// bounded is the problem as it is answered: its first errors, how many more there are, and no text at any length.
func (p *Problem) bounded() *Problem {
	b := *p
	b.Detail = expr.Shorten(p.Detail, longDetail)
	b.Errors, b.More = few(p.Errors)
	for i := range b.Errors {
		b.Errors[i].Detail = expr.Shorten(b.Errors[i].Detail, longDetail)
	}
	if len(p.Problems) > 0 {
		b.Problems, b.More = few(p.Problems)
	}
	return &b
}

// few are the first of a list, in one of their own, and how many more there are.
func few[T any](list []T) (first []T, more int) {
	n := min(len(list), mostErrors)
	return append([]T{}, list[:n]...), len(list) - n
}

// write answers with the problem.
func (p *Problem) write(w http.ResponseWriter, r *http.Request) {
	body, err := record.Bytes(p.bounded())
	if err != nil {
		body = []byte(`{"title":"Internal Server Error","status":500}`)
	}
	h := w.Header()
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Del("ETag")
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}
