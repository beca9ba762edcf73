package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// How many runs a page has.
const (
	pageOfRuns  = 50
	mostListed  = 1000
	runsCursors = "runs"
)

// runsPage is the answer to GET /runs.
type runsPage struct {
	Runs []record.Listed `json:"runs"`
	Next string          `json:"next,omitempty"` // the cursor of the next page; absent: this is the last one
}

func (s *Server) listRuns(c *call) error {
	q, err := c.query("workflow", "outcome", "device", "since", "parent", "retryOf", "queued", "approval", "limit", "cursor")
	if err != nil {
		return err
	}
	f, err := s.filter(q)
	if err != nil {
		return err
	}
	limit := f.Limit
	f.Limit++ // to know whether there are more
	runs, err := s.Journal.Runs(c.Context(), f)
	if errors.Is(err, journal.ErrNotFound) && f.After != "" {
		return gone()
	} else if err != nil {
		return err
	}
	page := runsPage{Runs: make([]record.Listed, 0, len(runs))}
	for _, run := range runs[:min(len(runs), limit)] {
		page.Runs = append(page.Runs, record.List(run))
	}
	if len(runs) > limit {
		page.Next = cursor(runsCursors, runs[limit-1].ID)
		c.next(page.Next)
	}
	return c.json(200, page)
}

// filter is what the parameters say, as the journal takes it.
func (s *Server) filter(q query) (f journal.Filter, err error) {
	for name, field := range map[string]*string{"workflow": &f.Workflow, "device": &f.Device, "parent": &f.Parent, "retryOf": &f.RetryOf} {
		if *field, err = q.one(name); err != nil {
			return f, err
		}
	}
	for name, field := range map[string]*bool{"queued": &f.Queued, "approval": &f.Approval} {
		if *field, err = q.flag(name); err != nil {
			return f, err
		}
	}
	if f.Statuses, f.Unfinished, err = outcomes(q.values["outcome"]); err != nil {
		return f, err
	}
	if f.Since, err = q.since(s.Clock.Now()); err != nil {
		return f, err
	}
	limit, err := q.number("limit", pageOfRuns, 1, mostListed)
	if err != nil {
		return f, err
	}
	f.Limit = int(limit)
	f.After, err = q.cursor(runsCursors)
	return f, err
}

// outcomes reads how runs are to have ended, each in a parameter of its own or several with commas.
func outcomes(values []string) (statuses []engine.Status, unfinished bool, err error) {
	for _, value := range values {
		for word := range strings.SplitSeq(value, ",") {
			switch {
			case !slices.Contains(record.Outcomes, word):
				return nil, false, badQuery("outcome", fmt.Sprintf("%q is none; there are %s", record.Clean(shortened(word)), strings.Join(record.Outcomes, ", ")))
			case word == string(record.Unfinished):
				unfinished = true
			case !slices.Contains(statuses, engine.Status(word)):
				statuses = append(statuses, engine.Status(word))
			}
		}
	}
	return statuses, unfinished, nil
}
