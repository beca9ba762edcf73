package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/twinbook/twinbook/engine/journal"
	"github.com/twinbook/twinbook/engine/schedule"
)

// schedulesFlags are the flags that the commands about schedules have.
type schedulesFlags struct{ output, workflows string }

func (a *app) schedulesCommand() *cobra.Command {
	var f schedulesFlags
	c := &cobra.Command{
		Use: "schedules", Short: "Look at schedules, pause them, make up for times that have passed",
		Long: "Schedules stand in workflows, and twinbook serve begins their runs. An id is WORKFLOW/ID, or WORKFLOW alone where the\n" +
			"workflow has one schedule. See docs/schedules.md.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	a.journalFlag(c.PersistentFlags())
	c.PersistentFlags().StringVarP(&f.output, "output", "o", "", "text or json")
	c.AddCommand(a.schedulesNext(&f), a.schedulesList(&f), a.schedulesPause(&f), a.schedulesResume(&f), a.schedulesBackfill(&f))
	return c
}

func (f *schedulesFlags) addWorkflows(c *cobra.Command) {
	c.Flags().StringVar(&f.workflows, "workflows", "", "the folder of workflows (default: TWINBOOK_WORKFLOWS, the configuration's, or "+usualServe.workflows+")")
}

// scheduleStore is what the commands about schedules ask of a journal, beside what all do.
type scheduleStore interface {
	Schedules(ctx context.Context) ([]journal.ScheduleState, error)
	PauseSchedule(ctx context.Context, id string, paused bool, by string, now time.Time) error
	AskBackfill(ctx context.Context, id string, b journal.Backfill) (journal.Backfill, error)
	EndBackfill(ctx context.Context, id int64) error
	Marks(ctx context.Context, scope string) iter.Seq2[journal.Mark, error]
	LatestMark(ctx context.Context, scope string) (journal.Mark, error)
}

// A scheduleDesk is one call of a command about schedules that a journal knows.
type scheduleDesk struct {
	*app
	config  *configuration
	journal openJournal
	store   scheduleStore
	format  string
	states  []journal.ScheduleState
	reader  schedule.Reader
	now     time.Time
}

// withSchedules opens the journal and reads what it knows of schedules.
func (a *app) withSchedules(ctx context.Context, f *schedulesFlags, open func(context.Context, *configuration) (openJournal, error), do func(*scheduleDesk) error) (failure error) {
	d := &scheduleDesk{app: a, now: time.Now()}
	var err error
	if d.format, err = a.outputFormat(f.output, "text", "json"); err != nil {
		return err
	}
	if d.config, err = a.loadConfig(); err != nil {
		return err
	}
	if d.journal, err = open(ctx, d.config); err != nil {
		return err
	}
	defer d.journal.closeInto(&failure)
	d.store = d.journal.Journal.(scheduleStore)
	if d.states, err = d.store.Schedules(ctx); err != nil {
		return err
	}
	return do(d)
}

// find is the schedule that somebody names.
func (d *scheduleDesk) find(id string) (journal.ScheduleState, error) {
	var fit []journal.ScheduleState
	var names []string
	for _, s := range d.states {
		if s.ID == id {
			return s, nil
		}
		if workflow, _, _ := strings.Cut(s.ID, "/"); workflow == id {
			fit = append(fit, s)
			names = append(names, clean(s.ID))
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(fit) > 1:
		return journal.ScheduleState{}, fmt.Errorf("workflow %s has several schedules; name one of them: %s", clean(id), strings.Join(names, ", "))
	case len(d.states) == 0:
		return journal.ScheduleState{}, fmt.Errorf("there is no schedule %q: no server that keeps its runs in %s has had one yet; twinbook serve reads the workflows that have them", clean(id), d.journal.title())
	}
	return journal.ScheduleState{}, fmt.Errorf("no server that keeps its runs in %s has had a schedule %q; %s shows those that there are", d.journal.title(), clean(id), d.journal.command("schedules list"))
}

// findAll is find for many; one that is named twice is one.
func (d *scheduleDesk) findAll(ids []string) ([]journal.ScheduleState, error) {
	var found []journal.ScheduleState
	seen := map[string]bool{}
	for _, id := range ids {
		s, err := d.find(id)
		if err != nil {
			return nil, err
		}
		if !seen[s.ID] {
			found = append(found, s)
		}
		seen[s.ID] = true
	}
	return found, nil
}

// completeSchedules completes ids of schedules for the shell.
func (a *app) completeSchedules(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var ids []string
	err := a.withSchedules(c.Context(), &schedulesFlags{}, a.readJournal, func(d *scheduleDesk) error {
		for _, s := range d.states {
			ids = append(ids, clean(s.ID))
		}
		return nil
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

var errNoSchedule = errors.New("name at least one schedule, as WORKFLOW/ID")

func namesSchedules(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s: %w. See: %[1]s --help", c.CommandPath(), errNoSchedule)
	}
	return nil
}
