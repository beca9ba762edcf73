package main

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/expr"
	"github.com/twinbook/twinbook/engine/journal"
)

// filterFlags choose runs in the commands that are about many.
type filterFlags struct {
	workflow string
	outcomes []string
	device   string
	since    string
}

// outcomes are what --outcome can be.
var outcomes = []string{string(engine.Succeeded), string(engine.Failed), string(engine.Cancelled), string(unfinished)}

func (f *filterFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.workflow, "workflow", "", "runs of this workflow, by its name")
	flags.StringSliceVar(&f.outcomes, "outcome", nil, "runs that ended so: "+orWords(outcomes)+"; may be repeated")
	flags.StringVar(&f.device, "device", "", "runs that did something with this device")
	flags.StringVar(&f.since, "since", "", "runs that began since then, such as 2h (ago), 2026-11-01 or 2026-11-01T10:31:00Z")
	c.RegisterFlagCompletionFunc("outcome", cobra.FixedCompletions(outcomes, cobra.ShellCompDirectiveNoFileComp))
}

// any says whether something is chosen.
func (f *filterFlags) any() bool {
	return f.workflow != "" || len(f.outcomes) > 0 || f.device != "" || f.since != ""
}

// filter is what the flags say, as the journal takes it.
func (f *filterFlags) filter(now time.Time) (journal.Filter, error) {
	filter := journal.Filter{Workflow: f.workflow, Device: f.device}
	for _, outcome := range f.outcomes {
		switch {
		case !slices.Contains(outcomes, outcome):
			return filter, fmt.Errorf("--outcome %s: it can be %s", clean(outcome), orWords(outcomes))
		case outcome == string(unfinished):
			filter.Unfinished = true
		default:
			filter.Statuses = append(filter.Statuses, engine.Status(outcome))
		}
	}
	var err error
	if f.since != "" {
		if filter.Since, err = pointInTime(f.since, now); err != nil {
			err = fmt.Errorf("--since: %w", err)
		}
	}
	return filter, err
}

// pointInTime reads a time as people write it: how long ago it was, a day or a minute of this machine's
// calendar, or RFC 3339.
func pointInTime(text string, now time.Time) (time.Time, error) {
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
	return time.Time{}, fmt.Errorf("%q is no time; write how long ago, such as 2h or 7d, a day such as 2026-11-01, or 2026-11-01T10:31:00Z", clean(text))
}

// pageOfRuns is how many runs are read from the journal at once.
const pageOfRuns = 500

// eachRun gives the runs that a filter lets through, the latest first, and reads them in pages.
func eachRun(ctx context.Context, j journal.Journal, f journal.Filter) iter.Seq2[journal.Run, error] {
	return func(yield func(journal.Run, error) bool) {
		for left := f.Limit; ; {
			if f.Limit = pageOfRuns; left > 0 {
				f.Limit = min(left, pageOfRuns)
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
