package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine"
	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/internal/record"
)

// filterFlags choose runs in the commands that are about many.
type filterFlags struct {
	workflow string
	outcomes []string
	device   string
	since    string
}

func (f *filterFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.workflow, "workflow", "", "runs of this workflow, by its name")
	flags.StringSliceVar(&f.outcomes, "outcome", nil, "runs that ended so: "+orWords(record.Outcomes)+"; may be repeated")
	flags.StringVar(&f.device, "device", "", "runs that did something with this device")
	flags.StringVar(&f.since, "since", "", "runs that began since then, such as 2h (ago), 2026-11-01 or 2026-11-01T10:31:00Z")
	c.RegisterFlagCompletionFunc("outcome", cobra.FixedCompletions(record.Outcomes, cobra.ShellCompDirectiveNoFileComp))
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
		case !slices.Contains(record.Outcomes, outcome):
			return filter, fmt.Errorf("--outcome %s: it can be %s", clean(outcome), orWords(record.Outcomes))
		case outcome == string(record.Unfinished):
			filter.Unfinished = true
		default:
			filter.Statuses = append(filter.Statuses, engine.Status(outcome))
		}
	}
	var err error
	if f.since != "" {
		if filter.Since, err = record.PointInTime(f.since, now); err != nil {
			err = fmt.Errorf("--since: %w", err)
		}
	}
	return filter, err
}
