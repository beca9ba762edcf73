package record

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/engine/journal"
)

// Listed is a run in a list.
type Listed struct {
	ID         string        `json:"id"`
	Workflow   string        `json:"workflow"`
	File       string        `json:"file"`
	Hash       string        `json:"hash"`
	Hub        string        `json:"hub"`
	Device     string        `json:"device,omitempty"`
	State      State         `json:"state"`
	Status     engine.Status `json:"status,omitempty"`
	StartedAt  time.Time     `json:"startedAt"`
	FinishedAt time.Time     `json:"finishedAt,omitzero"`
	Driver     string        `json:"driver,omitempty"`
	Paused     bool          `json:"paused,omitempty"`
	Queued     bool          `json:"queued,omitempty"`   // it waits for its turn
	Approval   bool          `json:"approval,omitempty"` // it waits for somebody's approval
	WakesAt    time.Time     `json:"wakesAt,omitzero"`
	RetryOf    string        `json:"retryOf,omitempty"`
	Retry      string        `json:"retry,omitempty"`
	Asked      string        `json:"asked,omitempty"` // what nobody has answered yet
	Parent     string        `json:"parent,omitempty"`
	Key        string        `json:"key,omitempty"`
}

// List is a run as lists show it.
func List(r journal.Run) Listed {
	return Listed{
		ID: r.ID, Workflow: r.Workflow, File: r.File, Hash: r.Hash, Hub: r.Hub, Device: r.Device, State: StateOf(r), Status: r.Status,
		StartedAt: r.Started, FinishedAt: r.Ended, Driver: r.Driver, Paused: r.Standing.Paused,
		Queued: r.Standing.Queued, Approval: r.Standing.Approval, WakesAt: r.Standing.Wake,
		RetryOf: r.RetryOf, Retry: r.Retry, Asked: string(r.Wish), Parent: r.Parent, Key: r.Key,
	}
}

// Unfinished stands for the status of a run that has not ended.
const Unfinished engine.Status = "unfinished"

// Outcomes are the words by which lists of runs choose how those ended.
var Outcomes = []string{string(engine.Succeeded), string(engine.Failed), string(engine.Cancelled), string(Unfinished)}

// PointInTime reads a time as people write it: how long ago it was, a day or a minute of the calendar in now's
// time zone, or RFC 3339.
func PointInTime(text string, now time.Time) (time.Time, error) {
	if ago, err := expr.ParseDuration(text); err == nil {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", "2006-01-02T15:04", time.DateTime} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is no time; write how long ago, such as 2h or 7d, a day such as 2026-11-01, or 2026-11-01T10:31:00Z", Clean(text))
}

// PageOfRuns is how many runs are read from the journal at once.
const PageOfRuns = 500

// A Lister lists runs, as a journal does.
type Lister interface {
	Runs(ctx context.Context, f journal.Filter) ([]journal.Run, error)
}

// Each gives the runs that a filter lets through, the latest first, and reads them in pages.
func Each(ctx context.Context, j Lister, f journal.Filter) iter.Seq2[journal.Run, error] {
	return func(yield func(journal.Run, error) bool) {
		for left := f.Limit; ; {
			if f.Limit = PageOfRuns; left > 0 {
				f.Limit = min(left, PageOfRuns)
			}
			runs, err := j.Runs(ctx, f)
			if err != nil {
				yield(journal.Run{}, err)
				return
			}
			for _, run := range runs {
				if !yield(run, nil) {
					return
				}
			}
			if len(runs) < f.Limit || left > 0 && len(runs) == left {
				return
			}
			if left > 0 {
				left -= len(runs)
			}
			f.After = runs[len(runs)-1].ID
		}
	}
}
